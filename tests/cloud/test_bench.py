"""`bench` with an endpoint on SageMaker: it asks first, and each call counts once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import docker
import pytest

from tests.cli.conftest import CommandLine
from tests.cloud.deployed import Deployment, push_image
from tests.cloud.emulator import Emulator
from tests.cloud.scripted_image import scripted_image

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(300)]


def invocations(aws: Emulator) -> list[str]:
    """Return the error code of each call to the endpoint, or "" for an answered call."""
    return [one.refused for one in aws.faults.calls if str(one.call).endswith(":InvokeEndpoint")]


def answered_on_a_terminal(lgbm_sm: CommandLine, answer: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command at a terminal, and answer its question."""
    ours, theirs = os.openpty()
    try:
        os.write(ours, f"{answer}\n".encode())
        return subprocess.run(
            [sys.executable, "-m", "lgbm_sm", *arguments],
            cwd=lgbm_sm.folder,
            env=os.environ | lgbm_sm.environment,
            stdin=theirs,
            capture_output=True,
            text=True,
            timeout=110,
            check=False,
        )
    finally:
        os.close(ours)
        os.close(theirs)


def test_an_endpoint_is_loaded_once_its_price_is_accepted(
    engine: docker.DockerClient, base_image: str, aws: Emulator, tmp_path: Path
) -> None:
    aws.times.startup = 20
    deployment = Deployment(aws, push_image(engine, aws, scripted_image(engine, base_image)))
    deployment.config("m1")
    deployment.create("m1")
    assert deployment.settled()["EndpointStatus"] == "InService"
    aws.faults.calls.clear()
    lgbm_sm = CommandLine(tmp_path, {"HOME": str(tmp_path), **aws.environment()})
    (tmp_path / "rows.csv").write_text("1,2\n3,4\n5,6\n")
    command = ("bench", "rows.csv", "--endpoint", "e", "--concurrency", "1,3", "--most-requests", "81")

    refused = lgbm_sm(*command, exit_code=2)
    assert "bench needs a confirmation before it loads e, but there is no terminal" in refused.stderr
    declined = answered_on_a_terminal(lgbm_sm, "n", *command)
    assert declined.returncode == 2
    assert (
        "Load e with up to 81 requests, in 2 steps of 5 s? AWS bills 1 x ml.m4.xlarge in eu-west-1" in declined.stderr
    )
    assert invocations(aws) == []

    accepted = answered_on_a_terminal(lgbm_sm, "y", *command)
    assert accepted.returncode == 0, accepted.stderr
    assert "CPU and memory are unknown here: CloudWatch" in accepted.stdout
    assert len(invocations(aws)) == 81

    aws.faults.calls.clear()
    aws.faults.throttle_every = 7
    options = ("--yes", "--output", "json", "--rate", "100000")
    result = json.loads(lgbm_sm(*command, *options).stdout)
    refusals = invocations(aws)
    assert len(refusals) == result["requests"] == 81
    steps = result["steps"]
    seen = sum(error["count"] for step in steps for error in step["errors"].values())
    assert 0 < seen <= sum(1 for refusal in refusals if refusal)
    assert {kind for step in steps for kind in step["errors"]} == {"ThrottlingException"}
    assert (result["instance"], result["instances"]) == ("ml.m4.xlarge", 1)
    assert "every step had errors" in result["advice"]["text"]

    assert (
        "endpoint other does not exist in eu-west-1"
        in lgbm_sm("bench", "rows.csv", "--endpoint", "other", exit_code=8).stderr
    )
