"""The Makefile and the workflow that `init` writes next to the configuration."""

import os
import re
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from lgbm_sm import cli  # noqa: F401 - the commands
from lgbm_sm.commands.app import app
from lgbm_sm.config.loading import load_config
from lgbm_sm.scaffold.project_files import ProjectFiles, config_template, write_project

TARGETS = {
    *("run", "prepare-data", "build", "verify", "push", "train", "deploy", "predict", "bench"),
    *("status", "logs", "stop", "cleanup", "new-identity", "config", "doctor", "policy", "explain"),
}


@pytest.fixture
def templates(checkout: Path) -> Path:
    return checkout / "lgbm_sm/scaffold/templates"


def make(templates: Path, *arguments: str, cwd: Path) -> str:
    return subprocess.run(
        ["make", "-f", templates / "Makefile", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    ).stdout


def test_each_target_calls_its_command_with_the_given_options(templates: Path, tmp_path: Path) -> None:
    for target in TARGETS:
        assert make(templates, "-n", target, "ARGS=--output json", cwd=tmp_path) == f"lgbm-sm {target} --output json\n"


def test_the_environment_beside_the_project_goes_before_the_path(templates: Path, tmp_path: Path) -> None:
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/lgbm-sm").touch()
    assert make(templates, "-n", "run", cwd=tmp_path).split() == [".venv/bin/lgbm-sm", "run"]


def test_every_target_is_listed_when_none_is_named(templates: Path, tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text((templates / "Makefile").read_text())
    listed = subprocess.run(["make"], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=30).stdout
    assert {line.split()[1] for line in listed.splitlines()} == TARGETS | {"help", "install"}


def workflow(templates: Path) -> dict[str, Any]:
    """Return the workflow with the job on SageMaker, which is a comment in the template."""
    text = (templates / "workflow.yml").read_text(encoding="utf-8")
    before, comment, job = text.partition("  # sagemaker:\n")
    assert comment
    document: dict[str, Any] = yaml.safe_load(before + re.sub(r"^  # ?", "  ", comment + job, flags=re.MULTILINE))
    assert set(yaml.safe_load(text)["jobs"]) == {"process", "container"}
    return document


def test_each_job_installs_trains_predicts_and_cleans_up_whatever_happens(templates: Path) -> None:
    jobs = workflow(templates)["jobs"]
    assert set(jobs) == {"process", "container", "sagemaker"}
    names = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
    for job in jobs.values():
        steps = [step["run"].split() for step in job["steps"] if "run" in step]
        assert steps[0] == ["make", "install"]
        targets = [words[1] for words in steps if words[0] == "make"]
        assert set(targets) - {"install"} <= TARGETS & names
        assert "run" in targets or targets[-4:-1] == ["train", "deploy", "predict"]
        last = job["steps"][-1]
        assert last["if"] == "always()"
        assert last["run"].startswith("make cleanup ARGS=")
        assert "--yes" in last["run"]


def test_the_job_on_sagemaker_sets_what_the_configuration_knows(templates: Path, tmp_path: Path) -> None:
    job = workflow(templates)["jobs"]["sagemaker"]
    path = tmp_path / "config.yaml"
    path.write_text("project: {name: mine}\n")
    config = load_config(path, (), job["env"]).config
    assert config.training.instance_type == config.endpoint.instance_type == "ml.m5.large"
    assert config.aws.region == "eu-central-1"
    assert config.aws.execution_role == "my-sagemaker-role"
    assert job["permissions"]["id-token"] == "write"


def test_the_package_is_pinned_to_one_version_in_the_makefile_and_in_the_workflow(tmp_path: Path) -> None:
    write_project(tmp_path, ProjectFiles(config_template()))
    text = (tmp_path / ".github/workflows/lgbm-sm.yml").read_text(encoding="utf-8")
    pinned = yaml.safe_load(text)["env"]["LGBM_SM_PACKAGE"]
    assert pinned == f"wheels/lgbm_sm-{metadata.version('lgbm-sm')}-py3-none-any.whl"
    assert f"\nLGBM_SM_PACKAGE ?= {pinned}\n" in (tmp_path / "Makefile").read_text(encoding="utf-8")
    for comment in (text, (tmp_path / "Makefile").read_text(encoding="utf-8")):
        assert "lgbm-sm is on no package index yet" in comment


def test_make_install_installs_the_variable_of_the_workflow(templates: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "LGBM_SM_PACKAGE": "git+https://example.com/lgbm-sm@1234abc"}
    shown = subprocess.run(
        ["make", "-n", "-f", templates / "Makefile", "install"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    ).stdout
    assert "pip install --quiet 'git+https://example.com/lgbm-sm@1234abc'" in shown
