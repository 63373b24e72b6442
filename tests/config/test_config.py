"""The sources of the values of a configuration, and their precedence."""

from pathlib import Path

import pytest

from lgbm_sm.config.loading import LoadedConfig, effective, load_config
from lgbm_sm.config.sections import Config, DataFiles
from lgbm_sm.config.values import HyperparameterValue

ROOT = Path(__file__).parents[2]
NOTEBOOK_HYPERPARAMETERS: dict[str, HyperparameterValue] = {
    "boosting_type": "gbdt",
    "objective": "regression",
    "num_leaves": 31,
    "learning_rate": 0.05,
    "feature_fraction": 0.9,
    "bagging_fraction": 0.8,
    "bagging_freq": 5,
    "verbose": 0,
    "num_boost_round": 20,
    "early_stopping_round": 5,
}


def load(folder: Path, text: str, *overrides: str, **environ: str) -> LoadedConfig:
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return load_config(path, overrides, environ)


def test_defaults_are_the_notebooks_when_no_file_exists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    loaded = load_config(None)
    assert loaded.path is None
    assert loaded.folder == tmp_path
    assert loaded.config == Config()
    assert loaded.config.project.name == "sagemaker-lightgbm-regression"
    assert loaded.config.aws.prefix == "demo_lightgbm"
    assert loaded.config.training.hyperparameters == NOTEBOOK_HYPERPARAMETERS
    assert set(loaded.sources.values()) == {"default"}


def test_config_yaml_in_the_current_folder_is_read_when_no_path_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.yaml").write_text("data:\n  name: iris\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    loaded = load_config(None)
    assert loaded.config.data.name == "iris"
    assert loaded.path == Path("config.yaml")
    assert loaded.folder == tmp_path
    assert loaded.sources["data.name"] == "config.yaml:2"


def test_folder_is_that_of_the_file_when_it_lies_elsewhere(tmp_path: Path) -> None:
    loaded = load(tmp_path, "data: {name: iris}")
    assert loaded.folder == tmp_path
    assert loaded.sources["data.name"] == f"{tmp_path / 'config.yaml'}:1"


def test_example_sets_every_key_to_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    loaded = load_config(Path("config.yaml"))
    defaults = {key: value for key, value, _ in effective(LoadedConfig(Config(), loaded.sources, None, ROOT))}
    for key, value, source in effective(loaded):
        line = int(source.removeprefix("config.yaml:"))
        written = Path("config.yaml").read_text(encoding="utf-8").splitlines()[line - 1]
        assert written.strip().startswith(f"{key.rpartition('.')[2]}:")
        assert value == defaults.pop(key), key
    assert not defaults


def test_precedence_is_set_then_environment_then_file_then_default(tmp_path: Path) -> None:
    text = "data: {random_state: 1, test_size: 0.1, validation_size: 0.1}"
    loaded = load(
        tmp_path,
        text,
        "data.random_state=3",
        LGBM_SM_DATA__RANDOM_STATE="2",
        LGBM_SM_DATA__TEST_SIZE="0.5",
    )
    data = loaded.config.data
    assert (data.random_state, data.test_size, data.validation_size) == (3, 0.5, 0.1)
    assert loaded.sources["data.random_state"] == "--set"
    assert loaded.sources["data.test_size"] == "LGBM_SM_DATA__TEST_SIZE"
    assert loaded.sources["data.validation_size"].endswith("config.yaml:1")
    assert loaded.sources["data.name"] == "default"


def test_last_set_holds_when_a_key_is_set_twice(tmp_path: Path) -> None:
    assert load(tmp_path, "", "data.name=a", "data.name=b").config.data.name == "b"


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "---\n", "null\n", "training:\ndata:\n", "training:\n  hyperparameters:\n"]
)
def test_defaults_hold_when_a_file_or_section_is_empty(tmp_path: Path, text: str) -> None:
    assert load(tmp_path, text).config == Config()


def test_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    assert load(tmp_path, "\ufeffdata: {name: iris}").config.data.name == "iris"


def test_hyperparameters_of_the_file_replace_the_default_mapping(tmp_path: Path) -> None:
    loaded = load(tmp_path, "training:\n  hyperparameters:\n    objective: binary\n    metric: [auc, binary_logloss]\n")
    assert loaded.config.training.hyperparameters == {"objective": "binary", "metric": ("auc", "binary_logloss")}
    assert "training.hyperparameters.num_leaves" not in loaded.sources
    assert loaded.sources["training.hyperparameters.metric"].endswith(":4")


def test_no_hyperparameters_are_left_when_the_mapping_is_empty(tmp_path: Path) -> None:
    loaded = load(tmp_path, "training: {hyperparameters: {}}")
    assert loaded.config.training.hyperparameters == {}
    assert ("training.hyperparameters", {}, loaded.sources["training.hyperparameters"]) in effective(loaded)


def test_one_hyperparameter_is_set_on_top_of_the_others(tmp_path: Path) -> None:
    loaded = load(
        tmp_path,
        "",
        "training.hyperparameters.num_leaves=63",
        LGBM_SM_TRAINING__HYPERPARAMETERS__NUM_LEAVES="7",
        LGBM_SM_TRAINING__HYPERPARAMETERS__MAX_DEPTH="5",
    )
    assert loaded.config.training.hyperparameters == {**NOTEBOOK_HYPERPARAMETERS, "num_leaves": 63, "max_depth": 5}
    assert list(loaded.config.training.hyperparameters) == [*NOTEBOOK_HYPERPARAMETERS, "max_depth"]
    assert loaded.sources["training.hyperparameters.num_leaves"] == "--set"
    assert loaded.sources["training.hyperparameters.max_depth"] == "LGBM_SM_TRAINING__HYPERPARAMETERS__MAX_DEPTH"
    assert loaded.sources["training.hyperparameters.verbose"] == "default"


def test_whole_mapping_of_the_environment_goes_before_its_single_keys(tmp_path: Path) -> None:
    loaded = load(
        tmp_path,
        "",
        LGBM_SM_TRAINING__HYPERPARAMETERS__NUM_LEAVES="7",
        LGBM_SM_TRAINING__HYPERPARAMETERS="{objective: l1}",
    )
    assert loaded.config.training.hyperparameters == {"objective": "l1", "num_leaves": 7}


def test_whole_mapping_comes_first_when_its_name_sorts_after_that_of_a_key(tmp_path: Path) -> None:
    environ = {
        "LGBM_SM_Training__Hyperparameters": "{objective: l1}",
        "LGBM_SM_TRAINING__HYPERPARAMETERS__NUM_LEAVES": "7",
    }
    assert load(tmp_path, "", **environ).config.training.hyperparameters == {"objective": "l1", "num_leaves": 7}


def test_hyperparameter_is_left_out_when_it_has_no_value(tmp_path: Path) -> None:
    loaded = load(tmp_path, "", "training.hyperparameters.early_stopping_round=")
    assert "early_stopping_round" not in loaded.config.training.hyperparameters
    assert len(loaded.config.training.hyperparameters) == len(NOTEBOOK_HYPERPARAMETERS) - 1


def test_default_hyperparameters_return_when_the_mapping_is_set_to_nothing(tmp_path: Path) -> None:
    loaded = load(tmp_path, "training: {hyperparameters: {objective: l1}}", "training.hyperparameters=")
    assert loaded.config.training.hyperparameters == NOTEBOOK_HYPERPARAMETERS


def test_optional_value_is_unset_when_set_to_nothing(tmp_path: Path) -> None:
    loaded = load(tmp_path, "data: {files: {train: a, validation: b, test: c}}", "data.files=", "data.file=d.csv")
    assert loaded.config.data.files is None
    assert loaded.config.data.file == Path("d.csv")


def test_one_of_the_three_files_is_replaced_by_set(tmp_path: Path) -> None:
    loaded = load(tmp_path, "data:\n  files:\n    train: a\n    validation: b\n    test: c\n", "data.files.test=d")
    assert loaded.config.data.files == DataFiles(train=Path("a"), validation=Path("b"), test=Path("d"))
    assert loaded.sources["data.files.train"].endswith(":3")
    assert loaded.sources["data.files.test"] == "--set"
    assert "data.files" not in loaded.sources
