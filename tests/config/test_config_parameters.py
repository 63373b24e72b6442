"""The names of LightGBM's parameters are checked in the configuration as in the container."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from lightgbm.basic import _ConfigAliases

from lgbm_runtime.training.failure import TrainingError
from lgbm_runtime.training.hyperparameters import parse_hyperparameters
from lgbm_runtime.training.training_api import Lightgbm
from lgbm_sm.config.lightgbm_parameters import name_problems, parameter_names, read_tables
from lgbm_sm.config.loading import load_config
from lgbm_sm.errors import ConfigError
from lgbm_sm.shipped import containers_path
from tests.config.test_config import NOTEBOOK_HYPERPARAMETERS, ROOT
from tests.config.test_config_errors import _in_a_folder_of_its_own, messages  # noqa: F401 - a fixture

# as LightGBM's own package reads them
PACKAGE_ALIASES = _ConfigAliases._get_all_param_aliases()
TABLES = read_tables(containers_path())
RUNTIME_ALIASES = Lightgbm().parameter_aliases()


def test_every_problem_of_a_name_is_told_where_it_is_written() -> None:
    text = """\
training:
  hyperparameters:
    num_leafs: 31
    num_boost_round: 20
    n_estimators: 30
    label: 0
    zzzzzz: 1
  instance_typ: local
"""
    variable = {"LGBM_SM_TRAINING__HYPERPARAMETERS__MAX_DEPHT": "3"}
    assert messages(text, "training.hyperparameters.Learning-Rate=0.1", **variable) == [
        "config.yaml:3: training.hyperparameters.num_leafs is not a LightGBM parameter (did you mean num_leaf?)",
        "config.yaml:5: training.hyperparameters.n_estimators is another name of num_boost_round, which is also set: set only num_boost_round",
        "config.yaml:6: training.hyperparameters.label cannot be set: the channel files and the schema decide the role of each column",
        "config.yaml:7: training.hyperparameters.zzzzzz is not a LightGBM parameter",
        "config.yaml:8: training.instance_typ is not a known key (did you mean instance_type?)",
        "LGBM_SM_TRAINING__HYPERPARAMETERS__MAX_DEPHT: training.hyperparameters.max_depht is not a LightGBM parameter (did you mean max_depth?)",
        "--set training.hyperparameters.Learning-Rate: training.hyperparameters.Learning-Rate is not a LightGBM parameter (did you mean learning_rate?)",
    ]


def test_the_name_that_is_set_already_is_suggested_when_an_alias_of_it_is_misspelt() -> None:
    assert messages("", "training.hyperparameters.num_iteratons=50") == [
        "--set training.hyperparameters.num_iteratons: training.hyperparameters.num_iteratons is not a LightGBM parameter (did you mean num_boost_round?)"
    ]
    loaded = load_config(None, ["training.hyperparameters.num_boost_round=50"])
    assert loaded.config.training.hyperparameters["num_boost_round"] == 50


def test_a_name_in_capitals_or_with_hyphens_is_recognized() -> None:
    assert messages("", "training.hyperparameters.MAX-DEPTH=3") == [
        "--set training.hyperparameters.MAX-DEPTH: training.hyperparameters.MAX-DEPTH is not a LightGBM parameter (did you mean max_depth?)"
    ]


def test_two_names_of_a_parameter_pass_when_their_values_agree() -> None:
    assert load_config(None, ["training.hyperparameters.num_iterations=20"]).config.training.hyperparameters == {
        **NOTEBOOK_HYPERPARAMETERS,
        "num_iterations": 20,
    }


def misspelt() -> list[str]:
    """Return wrong names: each name without its second letter, and each name with a suffix."""
    spellings = {variant for name in parameter_names() for variant in (name[0] + name[2:], f"{name}_x")}
    return sorted(spellings - set(parameter_names()))


def test_every_suggestion_is_itself_accepted() -> None:
    suggested = 0
    for name in misspelt():
        problem = name_problems({**NOTEBOOK_HYPERPARAMETERS, name: 1}, TABLES)[name]
        if found := re.fullmatch(r"is not a LightGBM parameter \(did you mean (\w+)\?\)", problem):
            assert name_problems({**NOTEBOOK_HYPERPARAMETERS, found[1]: 1}, TABLES) == {}, name
            suggested += 1
        else:
            assert problem == "is not a LightGBM parameter"
    assert suggested > 400


def test_the_containers_suggestions_are_accepted_too() -> None:
    for name in misspelt()[::4]:
        with pytest.raises(TrainingError) as refused:
            parse_hyperparameters({name: "1"}, RUNTIME_ALIASES)
        if found := re.search(r"did you mean (\w+)\?", str(refused.value)):
            assert name_problems({found[1]: 1}, TABLES) == {}, name


def test_the_names_are_those_of_lightgbms_package_and_of_the_container() -> None:
    names = {alias: own for own, aliases in PACKAGE_ALIASES.items() for alias in (own, *aliases)}
    assert len(names) > 300
    assert dict(parameter_names()) == names == RUNTIME_ALIASES


def container_refusal(name: str) -> str | None:
    try:
        parse_hyperparameters({name: "true" if name == "first_metric_only" else "1"}, RUNTIME_ALIASES)
    except TrainingError as error:
        return str(error)
    return None


def test_a_name_is_refused_here_with_the_containers_reason_when_the_container_refuses_it() -> None:
    refused_there = {name: refusal for name in parameter_names() if (refusal := container_refusal(name))}
    refused_here = name_problems(dict.fromkeys(parameter_names(), 1), TABLES)
    assert len(refused_there) > 90
    assert {name: text.removeprefix("cannot be set: ") for name, text in refused_here.items()} == {
        name: text.removeprefix(f"hyperparameters: {name} cannot be set here: ") for name, text in refused_there.items()
    }


@pytest.mark.parametrize("name", ["data", "task", "output_model", "input_model", "machines", "categorical_feature"])
def test_a_parameter_that_the_tool_sets_is_refused(name: str) -> None:
    [message] = messages("", f"training.hyperparameters.{name}=1")
    assert message.startswith(f"--set training.hyperparameters.{name}: training.hyperparameters.{name} cannot be set: ")


@pytest.mark.parametrize(("name", "objective"), [("application", "binary"), ("loss", "l1"), ("objective", "mape")])
def test_the_objective_is_known_under_each_of_its_names(name: str, objective: str) -> None:
    Path("config.yaml").write_text(f"training:\n  hyperparameters:\n    {name}: {objective}\n", encoding="utf-8")
    assert load_config(None).config.training.objective == objective


def test_the_objective_is_lightgbms_default_when_none_is_set() -> None:
    Path("config.yaml").write_text("training:\n  hyperparameters: {num_leaves: 7}\n", encoding="utf-8")
    assert load_config(None).config.training.objective == "regression"


LOADING = """
import sys
from lgbm_sm.config.loading import load_config
loaded = load_config(None, sys.argv[1:])
print(loaded.warnings, loaded.config.training.objective, "ctypes" in sys.modules, "lightgbm" in sys.modules)
"""


def loaded_in_a_process(*overrides: str, path: str = str(ROOT)) -> str:
    return subprocess.run(
        [sys.executable, "-c", LOADING, *overrides],
        env={"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


def test_the_library_is_loaded_only_when_there_is_something_to_check() -> None:
    assert loaded_in_a_process("training.hyperparameters.num_leaves=31") == "() regression False False"
    assert loaded_in_a_process("training.hyperparameters.num_leaves=7") == "() regression True False"
    assert loaded_in_a_process("training.hyperparameters.max_depth=7") == "() regression True False"


def test_the_configuration_is_read_with_a_warning_when_lightgbms_library_is_missing(tmp_path: Path) -> None:
    package = tmp_path / "packages" / "lightgbm"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    said = loaded_in_a_process("training.hyperparameters.max_depht=7", path=f"{package.parent}:{ROOT}")
    warning = f"the hyperparameters are not checked: {package / 'lib'} has no lib_lightgbm (run `lgbm-sm doctor`)"
    assert said == f"({warning!r},) regression True False"


def test_another_image_may_have_hyperparameters_of_another_library() -> None:
    override = "training.hyperparameters={epochs: 3}"
    assert load_config(None, [override], any_hyperparameters=True).config.training.hyperparameters == {"epochs": 3}
    with pytest.raises(ConfigError, match="epochs"):
        load_config(None, [override])
