"""After a command is killed, the next cleanup deletes all that it left in the account.

A command is killed after each call that changes something. A kill before such a call, or at a call that only reads,
would repeat a case. The soak also kills before and after each write of the record. tests/cli/test_killed_commands.py
does this on this machine.
"""

from __future__ import annotations

import itertools
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from tests.cli.forked import ForkServer
from tests.cloud.emulator import Call, ConnectionBrokenError, Moment
from tests.cloud.projects import DEFAULT_BUCKET, PUSHED, ROW, billed
from tests.cloud.pushed import Project
from tests.contract.serving import wait_until

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(1800)]

_ASKS = ("BatchCheck", "BatchGet", "Describe", "Get", "Head", "InvokeEndpoint", "List")
MOMENTS = (Moment.BEFORE, Moment.AFTER)
CHANGES = ["call", pytest.param("write", marks=pytest.mark.soak("files"))]


@dataclass
class Killer:
    """Kills the running command after its Nth call that changes something."""

    server: ForkServer
    wanted: int
    changes: list[str] = field(default_factory=list)

    def __call__(self, call: Call, moment: Moment) -> None:
        if moment is Moment.BEFORE or call.operation.startswith(_ASKS):
            return
        self.changes.append(str(call))
        if len(self.changes) == self.wanted:
            self.server.kill()
            raise ConnectionBrokenError


def killed_at_calls(project: Project, *command: str) -> Iterator[str]:
    """Run the command until it ends normally. Before that, kill it after each of its calls.

    Yields the name of the call after each kill.
    """
    for number in itertools.count(1):
        killer = Killer(project.server, number)
        project.aws.faults.observers.append(killer)
        finished = project.lgbm_sm.run(*command)
        project.aws.faults.observers.remove(killer)
        if finished.returncode == 0:
            return
        assert finished.returncode == -signal.SIGKILL, finished.stderr
        yield f"after {killer.changes[-1]}"


def killed_at_writes(project: Project, *command: str) -> Iterator[str]:
    """Run the command in the same way, but kill it before and after each write of the record."""
    for number, moment in ((number, moment) for number in itertools.count(1) for moment in MOMENTS):
        finished = project.lgbm_sm.run(*command, kill=(number, moment))
        if finished.returncode == 0:
            return
        assert finished.returncode == -signal.SIGKILL, finished.stderr
        yield f"{moment} write {number}"


# Run the command until it ends by itself, each time killed at another change; gives which.
Killed = Callable[..., Iterator[str]]


@pytest.fixture(params=CHANGES)
def change(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def killed(change: str) -> Killed:
    return killed_at_calls if change == "call" else killed_at_writes


def clean_up(project: Project, after: str = "") -> None:
    """Run cleanup.

    Only images may remain, and no bucket, so that the next command creates one.
    """
    project.lgbm_sm("cleanup", "--yes", *PUSHED)
    assert billed(project.aws) == [], after
    s3 = project.aws.client("s3")
    if s3.list_buckets()["Buckets"]:
        s3.delete_bucket(Bucket=DEFAULT_BUCKET)


def kinds(killed_at: list[str]) -> set[str]:
    """Return the kinds of changes after which a command was killed."""
    return {at.split()[1] for at in killed_at}


def test_cleanup_finds_what_a_killed_train_leaves(change: str, killed: Killed, project: Project) -> None:
    killed_at = []
    for at in killed(project, "train"):
        killed_at.append(at)
        clean_up(project, at)
    clean_up(project)
    changed = {
        *("s3:CreateBucket", "s3:PutPublicAccessBlock", "s3:PutBucketEncryption", "s3:PutObject"),
        "sagemaker:CreateTrainingJob",
    }
    assert kinds(killed_at) == (changed if change == "call" else {"write"})


def test_cleanup_finds_what_a_killed_deploy_leaves(change: str, killed: Killed, project: Project) -> None:
    killed_at = []
    for at in killed(project, "deploy", "--model", str(project.model)):
        killed_at.append(at)
        clean_up(project, at)
    clean_up(project)
    changed = {*("s3:PutObject", "sagemaker:CreateModel", "sagemaker:CreateEndpointConfig", "sagemaker:CreateEndpoint")}
    assert kinds(killed_at) >= (changed if change == "call" else {"write"})


def test_a_killed_update_leaves_the_endpoint_serving(change: str, killed: Killed, project: Project) -> None:
    """The endpoint serves the old or the new model.

    The next deployment deletes everything that the killed one has left.
    """
    project.deploy()
    [endpoint] = project.aws.hosting.endpoints.values()
    runtime, killed_at = project.aws.client("sagemaker-runtime"), []
    for at in killed(project, "deploy", *project.of_the_model("deploy")):
        killed_at.append(at)
        answer = runtime.invoke_endpoint(EndpointName=endpoint.name, Body=ROW, ContentType="text/csv")
        assert float(answer["Body"].read()), at
        wait_until(lambda: endpoint.description()["EndpointStatus"] == "InService")
    changed = {
        *("s3:PutObject", "sagemaker:CreateModel", "sagemaker:CreateEndpointConfig", "sagemaker:UpdateEndpoint"),
        *("sagemaker:DeleteEndpointConfig", "sagemaker:DeleteModel", "s3:DeleteObjects"),
    }
    assert kinds(killed_at) == (changed if change == "call" else {"write"})
    assert [len(parts) for parts in (project.aws.hosting.models, project.aws.hosting.configs)] == [1, 1]
    assert len(project.lgbm_sm("predict").stdout.splitlines()) == 102
    clean_up(project)
    assert list((project.lgbm_sm.folder / ".lgbm-sm").glob("*/*")) == []


def test_cleanup_goes_on_where_a_killed_one_has_ended(change: str, project: Project) -> None:
    """Cleanup is killed at its first change, again and again. Each run gets one step further."""
    project.lgbm_sm("deploy", "--model", str(project.model))
    project.aws.times.phase = 600
    project.lgbm_sm("train", "--no-wait")
    project.aws.times.phase = 0
    killed_at = []
    for moment in itertools.cycle(MOMENTS):
        killer = Killer(project.server, 1 if change == "call" else 0)
        project.aws.faults.observers.append(killer)
        kill = (1, moment) if change == "write" else None
        finished = project.lgbm_sm.run("cleanup", "--yes", *PUSHED, kill=kill)
        project.aws.faults.observers.remove(killer)
        if finished.returncode == 0:
            break
        assert finished.returncode == -signal.SIGKILL, finished.stderr
        killed_at.append(f"{moment} {killer.changes[-1] if change == 'call' else 'write'}")
    if change == "call":
        assert kinds(killed_at) == {
            *("sagemaker:DeleteEndpoint", "sagemaker:DeleteEndpointConfig", "sagemaker:DeleteModel"),
            *("sagemaker:StopTrainingJob", "sagemaker:DeleteTrainingJob", "s3:DeleteObjects"),
        }
    else:
        # an endpoint and a job that go, and each of five entries that is taken off
        assert len(killed_at) == 2 * (2 + 5)
    clean_up(project)
