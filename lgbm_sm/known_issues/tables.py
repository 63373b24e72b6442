"""Of rows, columns and hyperparameters: what was sent is not what LightGBM, or the container, reads."""

from lgbm_sm.known_issues.issue import TRAINING_PAGE, Trouble

TABLE_TROUBLES = (
    Trouble(
        id="hyperparameter-unknown",
        patterns=(r"is not a parameter of LightGBM", r"\[LightGBM\] \[Warning\] Unknown parameter"),
        cause="A hyperparameter has a name that LightGBM does not know: it would be ignored.",
        remedy="correct the name in training.hyperparameters; the message suggests the nearest one",
        source="LightGBM's documentation, Parameters",
    ),
    Trouble(
        id="hyperparameter-is-text",
        patterns=(
            r"Invalid type for parameter HyperParameters\.",
            r"invalid literal for int\(\) with base 10: ['\"]+\d",
            r"could not convert string to float: '\"",
            r"not supported between instances of ('str' and '(int|float)'|'(int|float)' and 'str')",
            r"Parameter \w+ should be of type (int|double|bool)",
        ),
        cause="Hyperparameters reach the container as text, from some clients in a second pair of quotes, and the "
        "program takes them as numbers.",
        remedy="convert each value before use; the program of `lgbm-sm train` reads both forms",
        source=f"aws/sagemaker-python-sdk#613, #3487, #5317; {TRAINING_PAGE}",
    ),
    Trouble(
        id="feature-count",
        patterns=(
            r"number of features in data \(\d+\) is not the same as it was in training data",
            r"row \d+ has \d+ cells, the table has \d+ columns",
            r"describes \d+ features, the model has \d+",
            r"feature[_ ]shape mismatch|Number of features of the model must match the input",
        ),
        cause="The rows have more or fewer columns than the model was trained on: the target or an index column is "
        "among them, or a header was read as a row.",
        remedy="send the features alone, in the order of the schema that `lgbm-sm prepare-data` writes",
        source="lightgbm-org/LightGBM#4102, aws/sagemaker-inference-toolkit#72",
    ),
    Trouble(
        id="feature-names",
        patterns=(
            r"does not fit the model's features",
            r"the header does not fit the table's columns",
            r"feature names? (mismatch|should match)",
        ),
        cause="The columns have other names than those that the model was trained on.",
        remedy="name the columns as the schema of `lgbm-sm prepare-data` does, in any order, or leave the names out",
        source="lightgbm-org/LightGBM#4102, #5627, #6682",
    ),
    Trouble(
        id="feature-name-refused",
        patterns=(r"Do not support special JSON characters in feature name",),
        cause="A column's name has one of the signs that LightGBM keeps for its model file: \" , : [ ] { }",
        remedy="rename the column in the table, and run `lgbm-sm prepare-data`",
        source="LightGBM's source, Dataset::set_feature_names",
    ),
    Trouble(
        id="categories-differ",
        patterns=(r"train and valid dataset categorical_feature do not match",),
        cause="The columns of categories are not those of the training: their type was lost on the way.",
        remedy="run `lgbm-sm prepare-data` and `lgbm-sm train`, which keep the levels in the model artifact; columns "
        "of numbers that are categories are named in data.categorical",
        source="lightgbm-org/LightGBM#5902, #5246, #6692",
    ),
    Trouble(
        id="text-cell",
        patterns=(
            r"could not convert string to float: '[^\"']",
            r"pandas dtypes must be int, float or bool",
            r"the text .* is not a number",
            r"row \d+, column \S+: .* is not a number",
            r"Unnamed: 0",
            r"Unknown token .* in data file",
        ),
        cause="A cell with text stands where a number is wanted: mostly a header that was read as a row, a label or "
        "an index column.",
        remedy="set data.header, data.target and data.drop to what the table has, and run `lgbm-sm prepare-data`, "
        "which writes files without header or index",
        source="aws/sagemaker-python-sdk#1833, aws/sagemaker-inference-toolkit#127",
    ),
)
