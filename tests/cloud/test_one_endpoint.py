"""A project has one endpoint, which clones share and other folders adopt."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import CommandLine
from tests.cli.forked import ForkedCommandLine
from tests.cloud.emulator import Call, ConnectionBrokenError, Moment
from tests.cloud.projects import PREFIX, PUSHED, billed, name_of, result
from tests.cloud.pushed import Project, code, when
from tests.contract.serving import wait_until

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(900)]

# how often two deployments meet: once in the suite, and so often in the soak
ROUNDS = [0, *(pytest.param(number, marks=pytest.mark.soak("files")) for number in range(1, 21))]
LATE = "User: arn:aws:iam::123456789012:user/tester is not authorized to perform: sagemaker:DescribeEndpoint"


@pytest.fixture
def clone(project: Project, tmp_path: Path) -> Iterator[ForkedCommandLine]:
    """A clone of the project in another folder, without a record."""
    original, folder = project.lgbm_sm, tmp_path / "clone"
    shutil.copytree(original.folder, folder, ignore=shutil.ignore_patterns(".lgbm-sm"))
    yield ForkedCommandLine(folder, dict(original.environment), original.timeout_seconds, server=original.server)
    aws = project.aws
    aws.faults.reset()
    original("cleanup", "--yes", "--adopted", *PUSHED)


def made(project: Project) -> list[list[str]]:
    """Return the endpoints, the models with the configs, and the artifacts in the account."""
    hosting = project.aws.hosting
    folder = f"/{PREFIX}/{name_of(project.lgbm_sm)}/models/"
    artifacts = [one for one in billed(project.aws) if folder in one]
    return [[one.name for one in hosting.endpoints.values()], [*hosting.models], [*hosting.configs], artifacts]


@pytest.mark.parametrize("number", ROUNDS)
@pytest.mark.parametrize("where", ["one folder", "two clones"])
def test_of_two_deployments_at_the_same_moment_one_creates_and_the_other_updates(
    where: str, number: int, project: Project, clone: ForkedCommandLine
) -> None:
    options = ("deploy", *project.of_the_model("deploy"))
    folders = [project.lgbm_sm.folder, clone.folder if where == "two clones" else project.lgbm_sm.folder]
    processes: list[subprocess.Popen[str]] = [
        CommandLine(folder, project.lgbm_sm.environment).start(*options) for folder in folders
    ]
    said = [process.communicate(timeout=300)[1] for process in processes]
    for process, text in zip(processes, said, strict=True):
        assert process.returncode == 0 or "another command has deployed endpoint" in text, (number, said)
    assert 0 in [process.returncode for process in processes]
    assert project.asked("sagemaker", "CreateEndpoint").count("CreateEndpoint") <= 2
    endpoints, models, configs, artifacts = made(project)
    assert endpoints == [name_of(project.lgbm_sm)]
    assert len(models) == len(configs) == len(artifacts) == 1, said
    assert len(project.lgbm_sm("predict").stdout.splitlines()) == 102


def test_a_clone_without_a_record_finds_the_endpoint_predicts_and_updates_it(
    project: Project, clone: ForkedCommandLine, tmp_path: Path
) -> None:
    first = "print('the first deployment', flush=True)\ndef predict_fn(data, model):\n    return model.predict(data)\n"
    project.deploy(*code(tmp_path, first))
    before = made(project)
    scored = result(project.lgbm_sm, "predict")
    predicted = clone("predict", "--output", "json")
    given = json.loads(predicted.stdout)
    assert (given["predictions"], given["metrics"]) == (scored["predictions"], scored["metrics"])
    [adopted] = [line for line in predicted.stderr.splitlines() if "adopted" in line]
    model = before[1][0].rpartition("/")[2]
    assert f"adopted: endpoint {name_of(clone)}, endpoint config {model}, model {model}, artifact s3://" in adopted
    assert len(list((clone.folder / ".lgbm-sm").glob("endpoints/*/ml/model/metadata.json"))) == 1
    assert "the first deployment" in clone("logs").stdout
    shutil.rmtree(clone.folder / ".lgbm-sm")

    deployed = clone("deploy", *project.of_the_model("deploy"), *code(tmp_path, first.replace("first", "second")))
    assert "updated in place" in deployed.stderr
    now = made(project)
    assert now[0] == before[0] == [name_of(clone)]
    assert [len(kind) for kind in now] == [1, 1, 1, 1]
    assert not {*now[1], *now[2], *now[3]} & {*before[1], *before[2], *before[3]}
    log = clone("logs").stdout
    assert "the second deployment" in log
    assert "the first deployment" not in log
    # the original's record names what is gone: it takes over what the clone has deployed
    assert result(project.lgbm_sm, "predict")["predictions"] == scored["predictions"]
    assert "the second deployment" in project.lgbm_sm("logs").stdout


def test_an_endpoint_without_the_projects_tag_is_refused_and_stays(project: Project, clone: ForkedCommandLine) -> None:
    project.deploy()
    before, sagemaker = made(project), project.aws.client("sagemaker")
    [arn] = project.aws.hosting.endpoints
    sagemaker.delete_tags(ResourceArn=arn, TagKeys=["lgbm-sm:project"])
    refused = clone("deploy", *project.of_the_model("deploy"), exit_code=8).stderr
    assert f"error: endpoint {name_of(clone)} in account 123456789012, eu-west-1, does not have the tag" in refused
    assert "hint: set endpoint.name to a name that nothing else uses" in refused
    assert made(project) == before
    assert project.aws.hosting.endpoints[arn].description()["EndpointStatus"] == "InService"
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "lgbm-sm:project", "Value": name_of(clone)}])


def test_a_failed_endpoint_is_created_again_and_a_deleting_one_is_waited_for(project: Project) -> None:
    aws = project.aws

    def kill(call: Call, moment: Moment) -> None:
        if str(call) == "sagemaker:CreateEndpoint" and moment is Moment.AFTER:
            project.server.kill()
            raise ConnectionBrokenError

    aws.faults.no_capacity.add("ml.m4.xlarge")
    aws.faults.observers.append(kill)
    assert project.lgbm_sm.run("deploy", *project.of_the_model("deploy")).returncode == -9
    aws.faults.observers.remove(kill)
    [failed] = aws.hosting.endpoints.values()
    wait_until(lambda: failed.description()["EndpointStatus"] == "Failed")
    aws.faults.no_capacity.clear()
    assert f"endpoint {name_of(project.lgbm_sm)} is Failed: it will be deleted and created again" in project.deploy()
    assert [len(kind) for kind in made(project)] == [1, 1, 1, 1]

    def delete() -> bool:
        """Delete the endpoint just before the deployment looks for it."""
        if "sagemaker:CreateEndpointConfig" not in aws.faults.operations():
            return False
        aws.client("sagemaker").delete_endpoint(EndpointName=name_of(project.lgbm_sm))
        return True

    aws.faults.calls.clear()
    aws.times.phase = 2  # how long a deletion takes, at least
    aws.faults.observers.append(when("sagemaker:DescribeEndpoint", Moment.BEFORE, delete))
    assert "is Deleting: waiting for the end of this change" in project.deploy()
    assert [len(kind) for kind in made(project)] == [1, 1, 1, 1]
    assert len(project.lgbm_sm("predict").stdout.splitlines()) == 102


def test_what_becomes_visible_late_is_asked_for_again(project: Project) -> None:
    faults = project.aws.faults

    def hide(call: Call, moment: Moment) -> None:
        if str(call) == "sagemaker:CreateEndpointConfig" and moment is Moment.AFTER:
            arn = call.arn(f"endpoint-config/{call.parameters['EndpointConfigName']}")
            said = f'Could not find endpoint configuration "{arn}".'
            faults.fail("sagemaker:CreateEndpoint", "ValidationException", said, times=2)
        if str(call) == "sagemaker:CreateEndpoint" and moment is Moment.AFTER:
            faults.fail("sagemaker:DescribeEndpoint", "AccessDeniedException", LATE, times=2)
            faults.fail("sagemaker:DescribeEndpoint", "ValidationException", 'Could not find endpoint "arn".', times=2)

    faults.observers.append(hide)
    project.deploy()
    assert project.asked("sagemaker", "CreateEndpoint").count("CreateEndpoint") == 3
    assert len(project.lgbm_sm("predict").stdout.splitlines()) == 102


def test_an_error_after_the_endpoint_was_created_says_that_it_exists_and_is_billed(project: Project) -> None:
    faults = project.aws.faults
    expire = when("sagemaker:CreateEndpoint", Moment.AFTER, lambda: setattr(faults, "credentials_expired", True))
    faults.observers.append(expire)
    refused = project.deploy(exit_code=6)
    name = name_of(project.lgbm_sm)
    assert f"error: endpoint {name} exists and is billed, but its state cannot be read: " in refused
    assert f"`lgbm-sm status` shows the state of endpoint {name}" in refused
    assert "`lgbm-sm stop` deletes it" in refused
    faults.credentials_expired = False
    assert made(project)[0] == [name]


def test_an_update_that_is_refused_says_that_the_old_model_still_serves(project: Project) -> None:
    project.deploy()
    before = made(project)
    limit = "The account-level service limit is 1 Instances."
    project.aws.faults.fail("sagemaker:UpdateEndpoint", "ResourceLimitExceeded", limit)
    refused = project.deploy(exit_code=6)
    assert f"{limit}; endpoint {name_of(project.lgbm_sm)} still serves its old model" in refused
    assert made(project) == before
    assert len(project.lgbm_sm("predict").stdout.splitlines()) == 102


def test_an_endpoint_of_an_earlier_version_answers_until_the_next_deployment_which_names_it(
    project: Project, clone: ForkedCommandLine
) -> None:
    """Earlier versions wrote the time into the name of an endpoint."""
    old = f"{name_of(clone)}-2026-11-25-10-00-00-089"
    project.deploy("--set", f"endpoint.name={old}")
    assert f"adopted: endpoint {old}," in clone("predict").stderr
    deployed = clone("deploy", *project.of_the_model("deploy"))
    assert f"warning: endpoint {old} still exists beside {name_of(clone)}: `aws sagemaker delete-endpoint " in (
        deployed.stderr
    )
    assert sorted(made(project)[0]) == [name_of(clone), old]
    for command in ("status", "predict", "logs"):
        assert f"has 2 endpoints in eu-west-1, and AWS bills each one: {name_of(clone)}, {old}" in clone(command).stderr
    assert f"has 2 endpoints in eu-west-1, and AWS bills each one: {name_of(clone)}, {old}" in clone("doctor").stdout
    invoked = [
        one.call.parameters["EndpointName"]
        for one in project.aws.faults.calls
        if one.call.body and "Invoke" in one.call.operation
    ]
    assert invoked[-1] == name_of(clone)
    clone("cleanup", "--yes", "--adopted", *PUSHED)
    assert made(project) == [[], [], [], []]
