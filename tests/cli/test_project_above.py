"""A command takes the configuration of the nearest project above it, and says so."""

import json

import pytest

from tests.cli.conftest import CommandLine

BOSTON = "==> No config.yaml here or above: the built-in Boston example is used (`lgbm-sm init` creates a project)"


def in_folder(lgbm_sm: CommandLine, below: str) -> CommandLine:
    folder = lgbm_sm.folder / below
    folder.mkdir(parents=True, exist_ok=True)
    return CommandLine(folder)


def project_name(lgbm_sm: CommandLine) -> tuple[str, list[str]]:
    shown = lgbm_sm("config", "--output", "json")
    name: str = json.loads(shown.stdout)["config"]["project.name"]["value"]
    return name, shown.stderr.splitlines()


def test_a_project_above_is_taken_and_named_in_the_first_line(lgbm_sm: CommandLine) -> None:
    (lgbm_sm.folder / ".git").mkdir()
    (lgbm_sm.folder / "config.yaml").write_text("project: {name: mine}\ndata: {name: iris}\n")
    assert project_name(lgbm_sm) == ("mine", [])
    assert project_name(in_folder(lgbm_sm, "notebooks/old")) == ("mine", ["==> Configuration: ../../config.yaml"])
    # another tool's file in between is no project
    (lgbm_sm.folder / "notebooks/config.yaml").write_text("projects: [a]\n# project:\nproject: a text\n")
    assert project_name(in_folder(lgbm_sm, "notebooks/old")) == ("mine", ["==> Configuration: ../../config.yaml"])


def test_the_files_of_a_command_belong_to_the_project_above(lgbm_sm: CommandLine) -> None:
    (lgbm_sm.folder / "config.yaml").write_text(
        "project:\n  name: mine\ndata: {name: iris}\ntraining: {hyperparameters: {objective: multiclass}}\n"
    )
    below = in_folder(lgbm_sm, "notebooks")
    prepared = below("prepare-data")
    assert prepared.stderr.startswith("==> Configuration: ../config.yaml\n")
    assert (lgbm_sm.folder / "data/train/iris_train.csv").is_file()
    assert list(below.folder.iterdir()) == []
    (lgbm_sm.folder / "config.yaml").write_text("project:\n  name: mine\n  nam: x\n")
    assert "error: ../config.yaml:3: project.nam is not a known key" in below("train", exit_code=3).stderr


def test_the_search_ends_at_the_root_of_the_repository(lgbm_sm: CommandLine) -> None:
    (lgbm_sm.folder / "config.yaml").write_text("project: {name: of-another-repository}\n")
    (lgbm_sm.folder / "repository/.git").mkdir(parents=True)
    for below in ("repository", "repository/deep/down"):
        assert project_name(in_folder(lgbm_sm, below)) == ("sagemaker-lightgbm-regression", [BOSTON])


def test_a_folder_with_a_record_of_its_own_does_not_belong_to_the_project_above(lgbm_sm: CommandLine) -> None:
    below = in_folder(lgbm_sm, "experiment")
    below("prepare-data")
    below("train", "--set", "training.hyperparameters.num_boost_round=1")
    (lgbm_sm.folder / "config.yaml").write_text("project: {name: mine}\n")
    assert project_name(below) == ("sagemaker-lightgbm-regression", [BOSTON])
    assert len(json.loads(below("status", "--output", "json").stdout)["items"]) == 1


@pytest.mark.parametrize("command", [["run"], ["status"], ["doctor"], ["stop"], ["cleanup", "--dry-run"]])
def test_the_first_line_says_so_when_the_built_in_example_is_used(lgbm_sm: CommandLine, command: list[str]) -> None:
    finished = lgbm_sm.run(*command)  # type: ignore[attr-defined] # doctor may find problems
    assert finished.stderr.splitlines()[0] == BOSTON


@pytest.mark.parametrize(
    "override", ["data.name=iris", "data.file=houses.csv", "data.files={train: a, validation: b, test: c}"]
)
def test_nothing_is_said_of_the_example_when_other_data_are_named(lgbm_sm: CommandLine, override: str) -> None:
    assert lgbm_sm("config", "--set", override).stderr == ""


def test_a_configuration_that_was_named_is_not_said_again(lgbm_sm: CommandLine) -> None:
    (lgbm_sm.folder / "config.yaml").write_text("project: {name: mine}\n")
    below = in_folder(lgbm_sm, "notebooks")
    assert below("config", "--config", "../config.yaml").stderr == ""
