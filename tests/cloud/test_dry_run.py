"""`--dry-run` shows the calls that the command would make, and it changes nothing."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.cli.forked import ForkedCommandLine
from tests.cloud.emulator import Emulator

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(600)]

# what only reads, and the pieces of a push that the engine sends to the registry itself
READS = re.compile(r":(Describe|Get|List|Head|BatchGet|BatchCheck)")


def planned(built: ForkedCommandLine, *arguments: str) -> list[dict[str, Any]]:
    said = built(*arguments, "--dry-run", "--output", "json")
    assert said.stderr.splitlines() == [
        "==> No config.yaml here or above: the built-in Boston example is used (`lgbm-sm init` creates a project)"
    ]
    calls: list[dict[str, Any]] = json.loads(said.stdout)["calls"]
    return calls


def changes(aws: Emulator) -> list[str]:
    """Return the operations since the last call of this function that change something."""
    made = [operation for operation in aws.faults.operations() if not READS.search(operation)]
    aws.faults.calls.clear()
    return made


def operations(calls: list[dict[str, Any]]) -> list[str]:
    return [f"{call['service']}:{call['operation']}" for call in calls if call["service"] not in ("docker", "local")]


def files_of(built: ForkedCommandLine) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(built.folder.rglob("*")) if path.is_file()}


def test_what_is_shown_is_what_is_done_and_showing_it_does_nothing(aws: Emulator, built: ForkedCommandLine) -> None:
    aws.faults.calls.clear()
    shown: list[dict[str, Any]] = []
    for command in (["push"], ["train"], ["deploy"], ["deploy"], ["cleanup", "--logs"]):
        before = files_of(built)
        shown = planned(built, *command)
        assert changes(aws) == [], command
        assert files_of(built) == before, command
        if command == ["deploy"]:
            refused = built(*command, "--set", "training.hyperparameters.num_leaves=63", exit_code=3)
            assert "was trained with 31" in refused.stderr
            assert changes(aws) == []
        built(*command, *(["--yes"] if command[0] == "cleanup" else []))
        done = changes(aws)
        # what an update replaces goes once it is in service, which nobody can know before
        replaced = [name for name in done if ":Delete" in name] if command == ["deploy"] else []
        assert operations(shown) == [name for name in done if name not in replaced], command
    assert "DeleteEndpoint" in "".join(operations(shown))
    assert {call["service"] for call in shown} == {"sagemaker", "s3", "ecr", "logs", "local"}


def test_the_parameters_are_those_of_the_api(aws: Emulator, built: ForkedCommandLine) -> None:
    built("build")
    built("push")
    [call] = [one for one in planned(built, "train") if one["operation"] == "CreateTrainingJob"]
    assert call["parameters"]["ResourceConfig"] == {
        "InstanceType": "ml.m4.2xlarge",
        "InstanceCount": 1,
        "VolumeSizeInGB": 10,
    }
    assert call["parameters"]["AlgorithmSpecification"]["TrainingImage"].partition("@")[2].startswith("sha256:")
    text = built("train", "--dry-run").stdout
    assert "sagemaker:CreateTrainingJob {" in text


def test_nothing_at_aws_is_shown_for_this_machine(aws: Emulator, built: ForkedCommandLine) -> None:
    aws.faults.calls.clear()
    said = built("train", "--dry-run", "--set", "training.instance_type=local", "--set", "endpoint.instance_type=local")
    assert said.stdout == "no AWS call would change anything\n"
    assert aws.faults.operations() == []
