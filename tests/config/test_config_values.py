"""The meaning of values, and refused values."""

import subprocess
import sys
from pathlib import Path

import pytest
from msgspec import structs

from lgbm_sm.config.backend_sections import BackendChoice
from lgbm_sm.config.keys import read
from lgbm_sm.config.loading import as_plain, load_config
from lgbm_sm.config.sections import Config, Pattern
from lgbm_sm.config.values import HyperparameterValue
from lgbm_sm.errors import ConfigError
from tests.config.test_config import ROOT, load


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a=b", "a=b"),
        ("[x, 3, -1]", ("x", 3, -1)),
        ("1e-3", 0.001),
        (".5", 0.5),
        ("-2.5E+3", -2500.0),
        ("010", "010"),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("2024-01-31", "2024-01-31"),
        ("'31'", "31"),
        ("yes", True),
        ("false", False),
        ("C:\\data", "C:\\data"),
        ("9" * 5000, "9" * 2500),
        ("!!str 5", "5"),
    ],
)
def test_values_are_read_as_yaml_without_the_traps_of_its_old_numbers(text: str, value: HyperparameterValue) -> None:
    if len(text) == 5000:
        text = text[:2500]  # more digits than Python converts, as many characters as SageMaker takes
    # the parameter of another library takes any value
    loaded = load_config(None, [f"training.hyperparameters.anything={text}"], any_hyperparameters=True)
    read = loaded.config.training.hyperparameters["anything"]
    assert (read, type(read)) == (value, type(value))


def test_anchors_are_followed_when_the_file_uses_them(tmp_path: Path) -> None:
    text = "training:\n  instance_type: &type local\nendpoint:\n  instance_type: *type\n"
    assert load(tmp_path, text).config == Config()


def test_foreign_variables_are_ignored_when_they_have_no_double_underscore(tmp_path: Path) -> None:
    loaded = load(tmp_path, "", LGBM_SM_HOME="/x", LGBM_SM_DEBUG="1", HOME="/y")
    assert loaded.config == Config()
    assert loaded.warnings == ()


def test_variable_with_one_underscore_too_few_is_warned_of(tmp_path: Path) -> None:
    loaded = load(tmp_path, "", LGBM_SM_TRAINING_INSTANCE_TYPE="ml.m4.xlarge")
    assert loaded.config == Config()
    assert loaded.warnings == (
        "LGBM_SM_TRAINING_INSTANCE_TYPE is ignored: separate section and key with two underscores, as in LGBM_SM_TRAINING__INSTANCE_TYPE",
    )


def test_configuration_cannot_be_changed_after_loading() -> None:
    config = Config()
    with pytest.raises(AttributeError, match="immutable"):
        config.training.instance_type = "ml.m4.xlarge"  # type: ignore[misc]  # what the test is about


def test_plain_form_holds_only_what_yaml_and_json_know(tmp_path: Path) -> None:
    plain = as_plain(load(tmp_path, "data: {drop: [a, 1]}", "training.hyperparameters.metric=[l1, l2]").config)
    assert plain["data"]["drop"] == ["a", 1]
    assert plain["data"]["folder"] == "data"
    assert plain["container"]["pattern"] == "byoc"
    assert isinstance(plain["training"]["hyperparameters"], dict)
    assert plain["training"]["hyperparameters"]["metric"] == ["l1", "l2"]
    assert type(plain["local"]["backend"]) is str
    assert read(Config, plain) == structs.replace(
        load(tmp_path, "data: {drop: [a, 1]}").config, training=read(Config, plain).training
    )


@pytest.mark.parametrize(
    ("text", "repository"),
    [
        ("", "sagemaker-lightgbm-regression"),
        ("project: {name: My-Model}", "my-model"),
        ("container: {pattern: inference_toolkit}", "demo-sagemaker-inftoolkit"),
        ("container: {pattern: inference_toolkit, repository: team/model}", "team/model"),
        ("container: {repository: team/model}", "team/model"),
        ("container: {pattern: script_mode}", None),
    ],
)
def test_repository_follows_from_the_pattern_when_none_is_given(
    tmp_path: Path, text: str, repository: str | None
) -> None:
    config = load(tmp_path, text).config
    assert config.repository_of(config.container.pattern) == repository


def test_choices_are_enumerations(tmp_path: Path) -> None:
    config = load(tmp_path, "local: {backend: docker}", "container.pattern=script_mode").config
    assert config.local.backend is BackendChoice.DOCKER
    assert config.container.pattern is Pattern.SCRIPT_MODE


def test_home_is_filled_in_when_a_path_begins_with_a_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    assert load(tmp_path, "data: {file: ~/houses.csv}").config.data.file == Path("/home/ada/houses.csv")


@pytest.mark.parametrize("key", ["training.instance_type", "endpoint.instance_type"])
def test_instance_type_that_botocore_does_not_know_is_a_warning_with_the_closest(tmp_path: Path, key: str) -> None:
    loaded = load(tmp_path, "", f"{key}=ml.m4.3xlarge")
    (warning,) = loaded.warnings
    assert warning.startswith(f"--set {key}: ml.m4.3xlarge is not among the instance types that botocore ")
    assert "ml.m4.2xlarge" in warning


def test_instance_types_of_the_notebook_are_known(tmp_path: Path) -> None:
    loaded = load(tmp_path, "", "training.instance_type=ml.m4.2xlarge", "endpoint.instance_type=ml.m4.xlarge")
    assert loaded.warnings == ()
    assert loaded.config.training.instance_type == "ml.m4.2xlarge"


def test_botocore_is_not_imported_when_everything_is_local() -> None:
    heavy = ["boto3", "botocore", "lightgbm", "numpy", "pandas", "rich", "sagemaker", "sklearn", "typer"]
    program = (
        "import sys; from lgbm_sm.config.loading import load_config; load_config(None); "
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    finished = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "[]"


def test_a_file_that_is_named_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "other.yaml")
    assert caught.value.message == f"{tmp_path / 'other.yaml'} does not exist"
    assert "--config" in caught.value.hint


def test_a_folder_cannot_be_read_as_a_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^failed to read .*: Is a directory"):
        load_config(tmp_path)


def test_variables_keep_their_case_when_they_come_from_the_environment(tmp_path: Path) -> None:
    loaded = load(
        tmp_path,
        "local: {environment: {OMP_NUM_THREADS: 4, a: b}}",
        "container.build_args.PIP_INDEX_URL=https://pypi.example.com",
        LGBM_SM_LOCAL__ENVIRONMENT__PIP__CERT="/x.pem",
        LGBM_SM_LOCAL__ENVIRONMENT__Lang="C",
    )
    assert loaded.config.local.environment == {"OMP_NUM_THREADS": "4", "a": "b", "PIP__CERT": "/x.pem", "Lang": "C"}
    assert loaded.config.container.build_args == {"PIP_INDEX_URL": "https://pypi.example.com"}
    assert loaded.sources["local.environment.PIP__CERT"] == "LGBM_SM_LOCAL__ENVIRONMENT__PIP__CERT"


def test_variables_are_left_out_when_they_have_no_value(tmp_path: Path) -> None:
    loaded = load(tmp_path, "local: {environment: {A: x, B: y}}", "local.environment.A=")
    assert loaded.config.local.environment == {"B": "y"}
    assert load(tmp_path, "local: {environment: {A: x}}", "local.environment=").config.local.environment == {}


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("local.environment={1A: x}", 'a variable\'s name, got "1A"'),
        ("local.environment.A=1.10", "must be text, got 1.10, a number (if you mean text, write "),
        ("local.environment.A=yes", "which YAML reads as true"),
        ("local.memory=2gb", "such as 512m or 2g"),
        ("local.memory=5m", "must be at least 6m, "),
        ("local.cpus=0", "must be at least 0.01, got 0"),
        ("local.network=1", "must be true or false, got 1"),
        ("container.base_image=a b", "such as debian:trixie-slim"),
    ],
)
def test_what_no_container_can_be_given_is_refused(tmp_path: Path, setting: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, "", setting)
    assert said in caught.value.message
