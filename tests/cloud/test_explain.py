"""`explain` shows the calls that the commands make. Only --job calls AWS."""

from __future__ import annotations

import json
import re
from typing import Any

import docker
import pytest

from lgbm_sm.explain.pages import Step
from tests.cli.conftest import CommandLine
from tests.cli.forked import ForkedCommandLine
from tests.cli.test_explain import calls_of
from tests.cloud.emulator import ACCOUNT, Emulator
from tests.cloud.test_dry_run import READS
from tests.docker.explained import explained

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(600)]


def comparable(calls: list[tuple[str, dict[str, Any]]]) -> list[Any]:
    """Return the calls without values that only AWS knows and without times in names."""
    text = json.dumps(sorted(calls, key=lambda call: (call[0], str(call[1].get("Key")))), sort_keys=True)
    text = text.replace(ACCOUNT, "<account>")
    text = re.sub(r"\d{4}(-\d\d){5}-[0-9a-z]{3}", "TIME", text)
    text = re.sub(r'"[^"]*\.dkr\.ecr\.[^"]*@[^"]*"|"[^"/]*(:\d+)?/test-[^"]*@sha256:[^"]*"', '"IMAGE"', text)
    found: list[Any] = json.loads(text)
    for name, parameters in found:
        if name == "sagemaker:CreateTrainingJob":
            parameters["AlgorithmSpecification"].pop("MetricDefinitions")
    return found


def shown(built: ForkedCommandLine, step: str) -> list[tuple[str, dict[str, Any]]]:
    return of_interest(calls_of(explained(built, step)["AWS calls"]))


def dry_run(built: ForkedCommandLine, step: str) -> list[tuple[str, dict[str, Any]]]:
    calls = json.loads(built(step, "--dry-run", "--output", "json").stdout)["calls"]
    return of_interest([(f"{call['service']}:{call['operation']}", call["parameters"]) for call in calls])


def of_interest(made: list[tuple[str, dict[str, Any]]]) -> list[tuple[str, dict[str, Any]]]:
    """Return the calls without those for the bucket and the manifest."""
    ours = ("s3:PutObject", "sagemaker:")
    return [(name, found) for name, found in made if name.startswith(ours) and ".lgbm-sm" not in str(found.get("Key"))]


def reads_of(aws: Emulator, built: ForkedCommandLine, step: str) -> set[str]:
    """Return the reading calls that a command makes between its first and its last change."""
    aws.faults.calls.clear()
    built(step)
    operations = {operation for operation in aws.faults.operations() if READS.search(operation)}
    aws.faults.calls.clear()
    return operations


def mentioned(built: ForkedCommandLine, step: str) -> set[str]:
    lines = explained(built, step)["AWS calls"]
    return set(re.findall(r"[a-z0-9-]+:[A-Z][A-Za-z0-9]+", " ".join(lines)))


def test_the_calls_that_are_shown_are_those_that_the_command_makes(aws: Emulator, built: ForkedCommandLine) -> None:
    built("push")
    aws.faults.calls.clear()
    trains = shown(built, "train")
    assert aws.faults.operations() == []
    assert comparable(trains) == comparable(dry_run(built, "train"))
    assert reads_of(aws, built, "train") - mentioned(built, "train") == set()
    serves = shown(built, "deploy")
    assert aws.faults.operations() == []
    assert comparable(serves) == comparable(dry_run(built, "deploy"))
    assert reads_of(aws, built, "deploy") - mentioned(built, "deploy") == set()


def test_explaining_a_step_asks_aws_and_docker_to_change_nothing(
    aws: Emulator, built: ForkedCommandLine, engine: docker.DockerClient
) -> None:
    def state() -> tuple[dict[str, bytes], set[str], set[str]]:
        files = {str(path): path.read_bytes() for path in built.folder.rglob("*") if path.is_file()}
        name = built.environment["LGBM_SM_PROJECT__NAME"]
        containers = engine.containers.list(all=True, filters={"label": f"lgbm-sm.project={name}"})
        images = engine.images.list(filters={"label": f"lgbm-sm.project={name}"})
        return files, {str(one.id) for one in containers}, {str(one.id) for one in images}

    built("push")
    before = state()
    aws.faults.calls.clear()
    for step in Step:
        explained(built, step)
        assert aws.faults.operations() == [], step
        assert state() == before, step


def test_a_job_of_sagemakers_is_explained_on_record_and_without_one(aws: Emulator, built: ForkedCommandLine) -> None:
    built("push")
    failed = built("train", "--set", "training.hyperparameters={boosting: rf}", exit_code=7)
    found = re.search(r"training job (\S+) failed", failed.stderr)
    assert found
    name = found[1]
    for folder in (built.folder, built.folder / "elsewhere"):
        folder.mkdir(exist_ok=True)
        elsewhere = CommandLine(folder, built.environment)
        sections = explained(elsewhere, "--job", name)
        happened = "\n".join(sections["What happened"])
        assert "SageMaker, account" in happened
        assert "AlgorithmError: " in happened
        assert "config->bagging_freq > 0" in happened
        assert any("config->bagging_freq > 0" in line for line in sections["The end of its log"])
        assert "Known issue: random-forest-without-sampling" in sections


def test_a_name_that_nobody_knows_is_refused_after_sagemaker_was_asked(aws: Emulator, built: ForkedCommandLine) -> None:
    aws.faults.calls.clear()
    refused = built("explain", "--job", "no-such-thing", exit_code=7)
    assert "is on record or in" in refused.stderr
    assert aws.faults.operations()
