"""`stop` on SageMaker: the endpoint and its config go, and what `deploy` needs stays."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cloud.emulator import Emulator, Moment
from tests.cloud.projects import name_of, result
from tests.cloud.pushed import Project
from tests.cloud.test_killed_in_the_cloud import Killer

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(600)]


def hosted(aws: Emulator) -> tuple[int, int, int]:
    """The numbers of endpoints, endpoint configs and models in the account."""
    return len(aws.hosting.endpoints), len(aws.hosting.configs), len(aws.hosting.models)


def kinds(given: dict[str, Any], part: str) -> set[str]:
    return {item["kind"] for item in given[part]}


def test_stop_ends_the_endpoint_with_the_printed_policy_and_deploy_starts_the_model_again(project: Project) -> None:
    aws, lgbm_sm = project.aws, project.lgbm_sm
    project.deploy()
    predicted = lgbm_sm("predict").stdout
    aws.permissions.policy = json.loads(lgbm_sm("policy").stdout)
    shown = json.loads(lgbm_sm("stop", "--dry-run", "--output", "json").stdout)["calls"]
    assert [call["operation"] for call in shown] == ["DeleteEndpoint", "DeleteEndpointConfig"]
    assert hosted(aws) == (1, 1, 1)
    aws.faults.calls.clear()
    stopped = result(lgbm_sm, "stop")
    assert kinds(stopped, "deleted") == {"endpoint", "endpoint_config"}
    assert kinds(stopped, "kept") >= {"model", "upload", "pushed_image", "repository"}
    assert stopped["left"] == []
    assert project.asked("sagemaker", "Delete") == ["DeleteEndpoint", "DeleteEndpointConfig"]
    assert project.asked("s3", "Delete", "Put") == []
    assert [one for one in aws.faults.calls if "Denied" in one.refused] == []
    assert hosted(aws) == (0, 0, 1)
    aws.permissions.reset()
    project.deploy()
    assert lgbm_sm("predict").stdout == predicted
    assert hosted(aws) == (1, 1, 1)  # the stopped model has gone with the next deployment


def test_a_stop_that_was_killed_is_finished_by_the_next_and_deleting_twice_is_harmless(project: Project) -> None:
    aws, lgbm_sm = project.aws, project.lgbm_sm
    project.deploy()
    killed_at = []
    while True:
        killer = Killer(project.server, 1)
        aws.faults.observers.append(killer)
        finished = lgbm_sm.run("stop")
        aws.faults.observers.remove(killer)
        if finished.returncode == 0:
            break
        killed_at.append(killer.changes[-1])
    assert killed_at == ["sagemaker:DeleteEndpoint", "sagemaker:DeleteEndpointConfig"]
    assert hosted(aws) == (0, 0, 1)
    assert result(lgbm_sm, "stop")["deleted"] == []
    assert hosted(aws) == (0, 0, 1)
    assert {item["kind"] for item in result(lgbm_sm, "status")["items"]} & {"endpoint", "endpoint_config"} == set()


def test_the_endpoint_of_another_folder_stays_unless_its_end_is_wanted(project: Project) -> None:
    aws, lgbm_sm = project.aws, project.lgbm_sm
    project.deploy()
    path = lgbm_sm.folder / ".lgbm-sm" / "record.json"
    before = path.read_bytes()
    path.unlink()
    kept = lgbm_sm("stop").stderr
    assert f"\n  endpoint {name_of(lgbm_sm)} (InService)\n" in kept
    assert "`lgbm-sm stop --adopted` ends them too" in kept
    assert hosted(aws) == (1, 1, 1)
    lgbm_sm("stop", "--adopted")
    assert hosted(aws) == (0, 0, 1)
    path.write_bytes(before)


def test_an_endpoint_that_is_being_created_is_waited_for(project: Project) -> None:
    aws = project.aws
    aws.times.phase = 3

    def kill_once_created(call: Any, moment: Moment) -> None:
        if str(call) == "sagemaker:DescribeEndpoint" and moment is Moment.AFTER and aws.hosting.endpoints:
            project.server.kill()

    aws.faults.observers.append(kill_once_created)
    assert project.lgbm_sm.run("deploy", *project.of_the_model("deploy")).returncode != 0
    aws.faults.observers.remove(kill_once_created)
    assert "endpoint" in kinds(result(project.lgbm_sm, "stop"), "deleted")
    assert hosted(aws)[0] == 0
