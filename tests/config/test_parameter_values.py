"""The values of LightGBM's parameters in the configuration: by LightGBM's own types and limits, before anything starts."""

from __future__ import annotations

import json
import re
from contextlib import chdir
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest
from lightgbm.basic import LightGBMError, _ConfigAliases

from lgbm_sm.config.lightgbm_parameters import as_strings, length_problems, name_problems, parameter_names, read_tables
from lgbm_sm.config.loading import load_config
from lgbm_sm.errors import ConfigError
from lgbm_sm.shipped import containers_path
from tests.config.test_config_errors import _in_a_folder_of_its_own, messages  # noqa: F401 - a fixture
from tests.runtime.training_jobs import PARAMS, TRAIN, VALID, direct_booster, regression_job, trees

TABLES = read_tables(containers_path())
RULES = TABLES.rules
ALLOWED = {name: rule for name, rule in RULES.items() if name not in TABLES.refused}


def written(name: str, value: str) -> str:
    return f"training:\n  hyperparameters:\n    {name}: {value}\n"


def loaded(name: str, value: str) -> object:
    Path("config.yaml").write_text(written(name, value), encoding="utf-8")
    return load_config(None).config.training.hyperparameters[name]


def refusal(name: str, value: str) -> str:
    [message] = messages(written(name, value))
    return message.removeprefix(f"config.yaml:3: training.hyperparameters.{name}: ")


def test_the_table_has_the_parameters_of_the_installed_lightgbm() -> None:
    # its C API has the task too, which is not a parameter of a training
    assert RULES.keys() == _ConfigAliases._get_all_param_aliases().keys() - {"task"}


def test_the_types_are_those_with_which_the_installed_lightgbm_reads_a_model() -> None:
    booster = lightgbm.train({"verbosity": -1}, lightgbm.Dataset(np.zeros((9, 1)), np.zeros(9)), 1)
    read: dict[str, Any] = lightgbm.Booster(model_str=booster.model_to_string())._get_loaded_param()
    assert len(read) > 90
    of_type: dict[str, Any] = {"int": int, "double": (int, float), "bool": bool, "string": str, "vector<string>": list}
    for name, value in read.items():
        assert isinstance(value, of_type[RULES[name]["type"]]), name
        assert isinstance(value, bool) == (RULES[name]["type"] == "bool"), name


def lightgbms_own(name: str, value: object) -> bool:
    """Whether LightGBM takes the value."""
    try:
        lightgbm.Dataset(np.zeros((9, 1)), np.zeros(9), params={"verbosity": -1, name: value}).construct()
    except LightGBMError:
        return False
    return True


LIMITS = [(name, word) for name, rule in ALLOWED.items() for word in rule if word not in ("type", "options")]


@pytest.mark.parametrize(("name", "word"), LIMITS)
def test_a_limit_is_the_one_of_lightgbm(name: str, word: str) -> None:
    limit, step = ALLOWED[name][word], 1 if ALLOWED[name]["type"] == "int" else 1e-6
    inside = {"above": limit + step, "at_least": limit, "below": limit - step, "at_most": limit}[word]
    outside = {"above": limit, "at_least": limit - step, "below": limit, "at_most": limit + step}[word]
    assert loaded(name, str(inside)) == inside
    assert refusal(name, repr(outside)).startswith(f"must be {word.replace('_', ' ')} ")
    if name == "num_iterations":  # LightGBM itself allows none
        outside -= 1
    if name != "num_class":  # LightGBM allows another number of classes only with the objective
        assert lightgbms_own(name, inside)
    assert not lightgbms_own(name, outside)


@pytest.mark.parametrize("name", [name for name, rule in ALLOWED.items() if "options" in rule])
def test_lightgbm_takes_each_of_the_names_in_the_table(name: str) -> None:
    multiclass = ("multi", "softmax", "ova", "ovr", "auc_mu")
    for option in RULES[name]["options"]:
        if name in ("objective", "metric") and option.startswith(multiclass):
            continue  # they need a number of classes
        assert lightgbms_own(name, option), option
    assert "LightGBM knows" in refusal(name, "xyz") or "one of" in refusal(name, "xyz")


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("num_leaves", "abc", 'must be an integer, got the text "abc"'),
        ("num_leaves", "31.5", "must be an integer, got 31.5"),
        ("num_leaves", "true", "must be an integer, got true"),
        ("max_leaves", "[31]", "must be an integer, got a list"),
        ("num_leaves", "1", "must be above 1, got 1"),
        ("random_state", "99999999999", "must be an integer of 32 bits (at most 2147483647), got 99999999999"),
        ("eta", "fast", 'must be a number, got the text "fast"'),
        ("subsample", "1.5", "must be at most 1, got 1.5"),
        ("is_unbalance", "maybe", 'must be true or false, got the text "maybe"'),
        ("is_unbalance", "1", "must be true or false, got 1"),
        ("boosting", "darts", 'must be one of gbdt, rf, dart, gbrt, random_forest, goss, got "darts" (did you mean dart?)'),
        ("objective", "regresion", 'must be a name that LightGBM knows, got "regresion" (did you mean regression?)'),
        ("metric", "[l1, rmsee]", 'must be a name that LightGBM knows, got "rmsee" (did you mean rmse?)'),
        ("metric", "'l1,rmsee'", 'must be a name that LightGBM knows, got "rmsee" (did you mean rmse?)'),
        ("monotone_constraints", "(1,x)", "item 2 is 'x': expected an integer"),
        ("monotone_constraints", "[1, 0.5]", "item 2 is 0.5: expected an integer"),
        ("interaction_constraints", "'[0,1],[2'", "the brackets do not match in [0,1],[2"),
        ("feature_contri", "[0.5, b]", "item 2 is 'b': expected a number"),
    ],
)  # fmt: skip
def test_a_value_that_lightgbm_would_refuse_or_misread_is_refused(name: str, value: str, problem: str) -> None:
    assert refusal(name, value) == problem


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("num_leaves", "'63'"),
        ("is_unbalance", "'True'"),
        ("monotone_constraints", "(1,0)"),
        ("mc", "[1, 0]"),
        ("monotone_constraints", "'\"[1, 0]\"'"),
        ("interaction_constraints", "[[0, 1], [2]]"),
        ("interaction_constraints", "'[0,1],[2]'"),
        ("metric", "None"),
        ("eval_at", "5"),
        ("device_type", "CPU"),
    ],
)
def test_a_value_passes_in_every_spelling_that_means_the_same(name: str, value: str) -> None:
    assert loaded(name, value) is not None


def test_a_wrong_value_is_told_with_its_line() -> None:
    text = "training:\n  hyperparameters:\n    num_leaves: many\n    monotone_constraints:\n      - 1\n      - x\n"
    assert messages(text) == [
        'config.yaml:3: training.hyperparameters.num_leaves: must be an integer, got the text "many"',
        "config.yaml:4: training.hyperparameters.monotone_constraints: item 2 is 'x': expected an integer",
    ]


# of scikit-learn's interface, as LightGBM's package lists them
SCIKIT_LEARN = [*lightgbm.LGBMModel().get_params(), "early_stopping_rounds", "verbose_eval", "max_bins", "silent"]


@pytest.mark.parametrize("name", SCIKIT_LEARN)
def test_a_name_of_scikit_learn_is_known_or_leads_to_the_parameter(name: str) -> None:
    if name not in parameter_names():
        assert name in TABLES.other_names


@pytest.mark.parametrize("name", TABLES.other_names)
def test_what_to_do_instead_of_another_name_is_accepted(name: str) -> None:
    problem = name_problems({name: 1}, TABLES)[name]
    assert problem == f"is not a LightGBM parameter: {TABLES.other_names[name]}"
    named = re.findall(r"\bset (?!data\.)(\w+)(?:: (-?\w+))?", problem)
    assert named or re.match(r".*: (delete it: |set data\.validation_size )", problem)
    for parameter, value in named:
        assert name_problems({parameter: 1}, TABLES) == {}
        if value:
            assert str(loaded(parameter, value)).lower() == value


def test_class_weight_leads_to_the_parameters_that_weigh_classes() -> None:
    text = "training:\n  hyperparameters:\n    objective: binary\n    class_weight: balanced\n"
    [message] = messages(text)
    assert message.startswith(
        "config.yaml:4: training.hyperparameters.class_weight is not a LightGBM parameter: set is_unbalance: true for"
    )


TOO_LONG = "must have at most 2500 characters (SageMaker's limit), got 2504"
SPLITS = {"feature": 2, "threshold": 0.25, "left": {"feature": 1, "threshold": -0.5}}


@pytest.mark.parametrize("name", ["forcedsplits_filename", "fs"])
def test_the_content_of_a_file_reaches_the_training(tmp_path: Path, name: str) -> None:
    Path("config.yaml").write_text(f"training:\n  hyperparameters: {{{name}: my splits.json}}\n", encoding="utf-8")
    path = Path("my splits.json").absolute()
    path.write_text(json.dumps(SPLITS, indent=2), encoding="utf-8")
    hyperparameters = load_config(None).config.training.hyperparameters
    strings = as_strings(hyperparameters, Path.cwd())
    assert json.loads(strings[name]) == SPLITS

    # as a process on this machine starts it
    job = regression_job(tmp_path / "a job" / "ml", **strings)
    with chdir(tmp_path / "a job"):
        assert job.run_here() == 0
    plain = tmp_path / "splits.json"
    plain.write_bytes(path.read_bytes())
    expected = direct_booster({**PARAMS, "forcedsplits_filename": str(plain)}, 20, TRAIN, VALID)
    assert trees(job.booster) == trees(expected) != trees(direct_booster(PARAMS, 20, TRAIN, VALID))
    assert json.loads((job.root / "output" / "data" / "forcedsplits_filename.json").read_text()) == SPLITS


def test_forced_bins_reach_the_training(tmp_path: Path) -> None:
    path = tmp_path / "bins.json"
    path.write_text(json.dumps([{"feature": 0, "bin_upper_bound": [-0.5, 0.123, 0.5]}]), encoding="utf-8")
    strings = as_strings({"forcedbins_filename": str(path), "max_bin": 5}, tmp_path)
    job = regression_job(tmp_path / "job", **strings)
    assert job.run_here() == 0
    expected = direct_booster({**PARAMS, "forcedbins_filename": str(path), "max_bin": 5}, 20, TRAIN, VALID)
    assert trees(job.booster) == trees(expected) != trees(direct_booster({**PARAMS, "max_bin": 5}, 20, TRAIN, VALID))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "failed to read PATH: No such file or directory"),
        ("{", "PATH is not valid JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        (json.dumps(["x" * 2500]), f"PATH: its content is sent as a hyperparameter, which {TOO_LONG}"),
    ],
)
def test_a_file_that_cannot_be_sent_is_refused(content: str | None, problem: str) -> None:
    path = Path("splits.json").absolute()
    if content is not None:
        path.write_text(content, encoding="utf-8")
    text = "training:\n  hyperparameters:\n    forcedsplits_filename: splits.json\n"
    sentence = problem.replace("PATH", str(path))
    assert messages(text) == [f"config.yaml:3: training.hyperparameters.forcedsplits_filename: {sentence}"]


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("monotone_constraints", (1, 0), "must have one item for each of the 13 features, got 2"),
        ("mc", "1,0", "must have one item for each of the 13 features, got 2"),
        ("feature_contri", "(0.5,)", "must have one item for each of the 13 features, got 1"),
        ("interaction_constraints", ((0, 12), (13,)), "has the feature 13: the data has the features 0 to 12"),
        ("interaction_constraints", "[0,-1]", "has the feature -1: the data has the features 0 to 12"),
    ],
)
def test_a_list_that_does_not_fit_the_features_is_a_problem(name: str, value: Any, problem: str) -> None:
    assert length_problems({"num_leaves": 31, name: value}, 13) == {name: problem}


@pytest.mark.parametrize("value", [(1,) * 13, "1," * 13, (), "None"])
def test_a_list_with_one_item_for_each_feature_fits(value: Any) -> None:
    assert length_problems({"monotone_constraints": value}, 13) == {}


def test_a_file_that_is_gone_is_an_error_of_the_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"forcedsplits_filename: failed to read .*gone\.json"):
        as_strings({"forcedsplits_filename": "gone.json"}, tmp_path)


def test_a_programs_older_copy_has_no_tables_of_values(tmp_path: Path) -> None:
    assert read_tables(tmp_path) == ({}, {}, {})
