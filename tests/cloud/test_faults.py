"""After a fault at AWS, the command shows the cause and the fix, and cleanup removes all."""

from __future__ import annotations

import json
from pathlib import Path

import docker
import pytest

from tests.cloud.emulator import ENDPOINT, TRAINING, Moment
from tests.cloud.projects import PUSHED, billed, name_of, result, running
from tests.cloud.pushed import Project, code, when
from tests.cloud.roles import make_role

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(900)]


def test_the_whole_life_goes_on_when_every_third_call_is_throttled_and_quotas_cannot_be_read(project: Project) -> None:
    project.aws.faults.throttle_every = 3
    project.aws.faults.fail("service-quotas:*", "InternalFailure", "no", 500, times=1000)
    for command in ("train", "deploy"):
        said = project.lgbm_sm(command).stderr
        assert "warning: the quotas of instance types are unknown: InternalFailure" in said
        assert ": trying again (attempt 2 of 10)" in said
    assert len(project.lgbm_sm("predict").stdout.splitlines()) == 102
    project.lgbm_sm("status")
    project.lgbm_sm("cleanup", "--yes", *PUSHED)
    project.aws.faults.throttle_every = 0
    calls = project.aws.faults.calls
    assert len([one for one in calls if one.refused]) >= len(calls) // 3 > 30
    assert billed(project.aws) == []


@pytest.mark.parametrize("command", ["train", "deploy"])
def test_expired_credentials_are_said_before_anything_is_done(command: str, project: Project) -> None:
    project.aws.faults.credentials_expired = True
    refused = project.lgbm_sm(command, *project.of_the_model(command), exit_code=6).stderr
    assert "The security token included in the request is expired" in refused
    assert "hint: log in again: the credentials have expired" in refused
    assert {one.refused for one in project.aws.faults.calls} == {"ExpiredToken"}


def test_cleanup_says_what_is_left_when_the_credentials_have_expired(project: Project) -> None:
    project.lgbm_sm("prepare-data", "--upload")
    project.aws.faults.credentials_expired = True
    refused = project.lgbm_sm("cleanup", "--yes", *PUSHED, exit_code=11).stderr
    assert f"arn:aws:s3:::sagemaker-eu-west-1-123456789012/demo_lightgbm/{name_of(project.lgbm_sm)}/: " in refused
    assert "The security token included in the request is expired" in refused


def test_credentials_that_expire_while_a_job_is_followed_leave_it_running_and_say_so(project: Project) -> None:
    faults = project.aws.faults
    project.aws.times.phase = 600
    faults.observers.append(
        when("sagemaker:DescribeTrainingJob", Moment.AFTER, lambda: setattr(faults, "credentials_expired", True))
    )
    refused = project.lgbm_sm("train", exit_code=6).stderr
    assert "log in again: the credentials have expired" in refused
    faults.credentials_expired = False
    [job] = billed(project.aws)[:1]
    name = job.partition(":training-job/")[2]
    assert f"error: training job {name} exists and is billed, but its state cannot be read: " in refused
    assert f"`lgbm-sm train --attach {name}` waits for the job, `lgbm-sm cleanup` stops and deletes it" in refused


@pytest.mark.parametrize(
    ("command", "instance_type", "usage"),
    [
        ("train", "ml.m4.2xlarge", TRAINING),
        ("deploy", "ml.m4.xlarge", ENDPOINT),
    ],
)
def test_a_quota_of_0_is_said_with_the_request_for_more_before_anything_is_sent(
    command: str, instance_type: str, usage: str, project: Project
) -> None:
    project.aws.quotas.set(instance_type, usage, 0)
    refused = project.lgbm_sm(command, *project.of_the_model(command), exit_code=6).stderr
    assert f"error: {instance_type} for {usage}: must be at least 1, is 0" in refused
    assert "hint: aws service-quotas request-service-quota-increase" in refused
    assert project.asked("s3", "Put", "Create") == project.asked("sagemaker", "Create") == []


@pytest.mark.parametrize("command", ["train", "deploy"])
def test_a_quota_that_is_used_up_meanwhile_is_said_and_leaves_nothing(command: str, project: Project) -> None:
    """Service Quotas shows the quota. It does not show how much of it is in use."""
    operation = "sagemaker:CreateTrainingJob" if command == "train" else "sagemaker:CreateEndpoint"
    project.aws.faults.fail(operation, "ResourceLimitExceeded", "The account-level service limit is 1 Instances.")
    refused = project.lgbm_sm(command, *project.of_the_model(command), exit_code=6).stderr
    assert "ResourceLimitExceeded: The account-level service limit is 1 Instances." in refused
    assert "`lgbm-sm doctor --aws` shows the quota and the command that requests a higher one" in refused
    assert [one for one in billed(project.aws) if not one.startswith("s3://")] == []


@pytest.mark.parametrize("command", ["train", "deploy"])
def test_a_role_that_sagemaker_may_not_assume_is_said(command: str, project: Project) -> None:
    role = f"theirs-{command}"
    make_role(project.aws, role, "lambda.amazonaws.com")
    refused = project.lgbm_sm(
        command, *project.of_the_model(command), "--set", f"aws.execution_role={role}", exit_code=6
    ).stderr
    assert f"Could not assume role arn:aws:iam::123456789012:role/{role}" in refused
    assert "hint: give the role the trust policy that `lgbm-sm policy --trust` prints" in refused


@pytest.mark.parametrize(
    ("role", "said"),
    [
        ("null", "aws.execution_role is not set, and this is not a SageMaker notebook"),
        ("nobody", "aws.execution_role: account 123456789012 has no role nobody"),
    ],
)
def test_a_role_that_is_missing_is_said_with_how_it_is_made(role: str, said: str, project: Project) -> None:
    refused = project.lgbm_sm("train", "--set", f"aws.execution_role={role}", exit_code=6).stderr
    assert said in refused
    assert "aws iam create-role" in refused
    assert '"Service": "sagemaker.amazonaws.com"' in refused
    assert project.asked("s3", "Put", "Create") == []


@pytest.mark.parametrize("command", ["train", "deploy"])
def test_a_bucket_that_is_named_and_missing_is_said(command: str, project: Project) -> None:
    refused = project.lgbm_sm(
        command, *project.of_the_model(command), "--set", "aws.bucket=nowhere", exit_code=6
    ).stderr
    assert "error: aws.bucket: bucket nowhere does not exist" in refused
    assert "hint: create it, or omit aws.bucket" in refused


@pytest.mark.parametrize("command", ["train", "deploy"])
def test_an_image_that_was_never_pushed_is_said_before_anything_is_sent(command: str, project: Project) -> None:
    refused = project.lgbm_sm(
        command, *project.of_the_model(command), "--set", "container.build_args.OTHER=1", exit_code=5
    ).stderr
    assert "has no image" in refused
    assert "hint: run `lgbm-sm build` and `lgbm-sm push` first" in refused
    assert project.asked("s3", "Put", "Create") == []


def test_an_image_that_never_answers_ping_is_said_with_its_log_and_leaves_nothing(
    project: Project, tmp_path: Path
) -> None:
    project.aws.times.startup = 3
    slow = "import time\ndef model_fn(model_dir):\n    print('loading', flush=True)\n    time.sleep(600)\n"
    refused = project.deploy(*code(tmp_path, slow), exit_code=8)
    assert "did not come up: The primary container for production variant AllTraffic did not pass the ping" in refused
    assert "its log ends:" in refused
    assert "loading" in refused
    assert "hint: The container did not answer GET /ping" in refused
    assert [one for one in billed(project.aws) if "/.lgbm-sm/" not in one] == []


def test_predict_waits_for_a_container_that_died_and_is_started_again(
    project: Project, engine: docker.DockerClient, docker_session: str
) -> None:
    project.deploy()

    def kill() -> None:
        for container in running(engine, docker_session):
            engine.api.kill(container)

    project.aws.faults.observers.append(when("sagemaker-runtime:InvokeEndpoint", Moment.BEFORE, kill))
    predicted = project.lgbm_sm("predict")
    assert len(predicted.stdout.splitlines()) == 102
    assert "the rows from row 1 on: the server answered 503; sent again in " in predicted.stderr


def test_predict_asks_again_after_a_failure_of_the_platform_unless_a_users_code_may_have_acted(
    project: Project, tmp_path: Path
) -> None:
    def fail(times: int) -> None:
        project.aws.faults.fail("sagemaker-runtime:InvokeEndpoint", "InternalFailure", "sorry", 500, times)

    project.deploy()
    fail(2)
    predicted = project.lgbm_sm("predict")
    assert len(predicted.stdout.splitlines()) == 102
    assert predicted.stderr.count("InternalFailure; sent again in ") == 2
    project.deploy(*code(tmp_path, "def predict_fn(data, model):\n    return model.predict(data)\n"))
    fail(1)
    refused = project.lgbm_sm("predict", exit_code=6).stderr
    assert "cannot send the rows from row 1 on to endpoint" in refused
    assert "could not get the endpoint's answer: InternalFailure" in refused
    assert "sent again" not in refused


def test_a_push_that_breaks_off_is_said_and_cleanup_takes_what_has_arrived(project: Project) -> None:
    aws, lgbm_sm = project.aws, project.lgbm_sm
    settings = ("--set", f"container.repository={name_of(lgbm_sm)}-broken", "--set", "container.build_args.OTHER=2")
    lgbm_sm("build", *settings)
    aws.registry.layers_refused = "no space is left"
    # a layer that the registry holds already is not sent: the manifest is what is refused then
    try:
        refused = lgbm_sm("push", *settings, exit_code=5).stderr
    finally:
        aws.registry.layers_refused = ""
    assert "cannot be pushed: " in refused
    assert "no space is left" in refused
    assert "hint: run `lgbm-sm push` again" in refused
    lgbm_sm("cleanup", "--yes", "--keep", "training-jobs,endpoints,data")
    assert aws.client("ecr").describe_repositories()["repositories"] == []
    lgbm_sm("build")
    lgbm_sm("push")


def test_a_job_that_gets_no_instance_is_said(project: Project) -> None:
    project.aws.faults.no_capacity.add("ml.m4.2xlarge")
    refused = project.lgbm_sm("train", exit_code=7).stderr
    assert "failed: CapacityError: Unable to provision requested ML compute capacity" in refused
    assert "AWS has no free instance of this type now" in refused


def test_an_endpoint_that_gets_no_instance_is_said_and_leaves_nothing(project: Project) -> None:
    project.aws.faults.no_capacity.add("ml.m4.xlarge")
    refused = project.deploy(exit_code=8)
    assert "did not come up: Unable to provision requested ML compute capacity" in refused
    assert "hint: AWS has no free instance of this type now" in refused
    assert [one for one in billed(project.aws) if "/.lgbm-sm/" not in one] == []


def test_what_was_made_counts_as_done_once_when_the_answers_are_lost(project: Project) -> None:
    made = ("CreateTrainingJob", "CreateModel", "CreateEndpointConfig", "CreateEndpoint")
    for operation in made:
        project.aws.faults.break_connection(f"sagemaker:{operation}", Moment.AFTER)
    project.lgbm_sm("train")
    project.lgbm_sm("deploy")
    for operation in made:
        assert project.asked("sagemaker", operation).count(operation) == 2, operation
    items = json.loads(project.lgbm_sm("status", "--output", "json").stdout)["items"]
    kinds = [item["kind"] for item in items]
    for kind in ("training_job", "endpoint", "endpoint_config", "model"):
        assert kinds.count(kind) == 1, kind
    assert len(project.aws.hosting.endpoints) == len(project.aws.hosting.models) == len(project.aws.training.jobs) == 1


def test_an_update_counts_as_done_when_its_answer_is_lost(project: Project) -> None:
    project.deploy()
    [before] = project.aws.hosting.models
    project.aws.faults.break_connection("sagemaker:UpdateEndpoint", Moment.AFTER)
    project.deploy()
    [now] = project.aws.hosting.models
    assert now != before
    assert len(project.lgbm_sm("predict").stdout.splitlines()) == 102


def test_cleanup_finds_everything_by_tag_name_and_manifest_when_the_record_is_lost(project: Project) -> None:
    project.lgbm_sm("train")
    project.deploy()
    project.aws.times.phase = 600
    project.lgbm_sm("train", "--no-wait")
    project.aws.times.phase = 0
    kinds = {one.split(":")[5].partition("/")[0] for one in billed(project.aws) if one.startswith("arn:")}
    assert kinds == {"training-job", "endpoint", "endpoint-config", "model"}
    path = project.lgbm_sm.folder / ".lgbm-sm" / "record.json"
    before = path.read_bytes()
    path.unlink()
    there = set(billed(project.aws))
    left = project.lgbm_sm("cleanup", "--yes", *PUSHED)
    # the job may have ended meanwhile, and then has outputs
    assert {one for one in there if ":training-job/" not in one} <= set(billed(project.aws))
    assert "warning: kept, because another folder created them:\n  endpoint " in left.stderr
    assert f"`lgbm-sm cleanup --yes --adopted {' '.join(PUSHED)}` deletes them too" in left.stderr
    assert json.loads(project.lgbm_sm("cleanup", "--dry-run", *PUSHED, "--output", "json").stdout)["calls"] == []
    cleaned = result(project.lgbm_sm, "cleanup", "--yes", "--adopted", *PUSHED)
    assert cleaned["left"] == []
    assert billed(project.aws) == []
    assert project.aws.training.jobs == {}
    path.write_bytes(before)  # the engine's image is on it


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("AccessDeniedException", "User: u is not authorized to perform: sagemaker:DescribeTrainingJob on resource: r"),
        ("ValidationException", "Requested resource not found."),
    ],
)
def test_a_job_that_cannot_be_described_just_after_its_creation_is_asked_for_again(
    code: str, message: str, project: Project
) -> None:
    # the first Describe is the SDK's own, which belongs to its create
    project.aws.faults.fail("sagemaker:DescribeTrainingJob", code, message, times=4)
    assert result(project.lgbm_sm, "train")["status"] == "Completed"
    assert project.asked("sagemaker", "StopTrainingJob") == []


def test_a_model_that_cannot_be_fetched_is_still_that_of_a_completed_job(project: Project) -> None:
    faults = project.aws.faults

    def deny() -> None:
        faults.fail("s3:GetObject", "AccessDenied", "Access Denied", 403)
        faults.fail("s3:HeadObject", "403", "Forbidden", 403)

    def completed() -> bool:
        [job] = project.aws.training.jobs.values()
        if job.description()["TrainingJobStatus"] != "Completed":
            return False
        deny()
        return True

    faults.observers.append(when("sagemaker:DescribeTrainingJob", Moment.AFTER, completed))
    refused = project.lgbm_sm("train", exit_code=6).stderr
    [job] = project.aws.training.jobs.values()
    assert f"error: training job {job.job_name} is Completed, but its model could not be fetched: " in refused
    assert f"`lgbm-sm train --attach {job.job_name}` fetches it" in refused
    faults.reset()
    assert result(project.lgbm_sm, "train", "--attach", job.job_name)["status"] == "Completed"


def test_a_tag_that_a_policy_refuses_is_explained(project: Project) -> None:
    refusal = "The tag policy does not allow the specified value for the following tag key: 'CostCenter'."
    project.aws.faults.fail("sagemaker:CreateTrainingJob", "AccessDeniedException", refusal)
    refused = project.lgbm_sm("train", "--set", "aws.tags.CostCenter=43", exit_code=6).stderr
    assert refusal in refused
    assert "hint: set the key in aws.tags to a value that the tag policy allows" in refused
    assert project.aws.training.jobs == {}


def test_a_job_is_followed_and_its_model_fetched_without_permission_to_read_logs(
    project: Project, tmp_path: Path
) -> None:
    policy = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    denial = {"Effect": "Deny", "Action": "logs:*", "Resource": "*"}
    project.aws.permissions.policy = {"Version": "2012-10-17", "Statement": [policy, denial]}
    trained = project.lgbm_sm("train", "--output", "json")
    assert json.loads(trained.stdout)["status"] == "Completed"
    warnings = [line for line in trained.stderr.splitlines() if line.startswith("warning: ")]
    assert warnings == [
        "warning: logs:DescribeLogStreams is not allowed: only the status of the job is shown, not its log",
        # from the model, since its log cannot be read
        (
            "warning: best iteration 20 of 20: the last iteration is the best by validation l2, so more iterations can "
            "improve the model; train longer: lgbm-sm train --set training.hyperparameters.num_boost_round=1000"
        ),
    ]
    project.aws.times.startup = 1
    slow = "import time\ndef model_fn(model_dir):\n    time.sleep(600)\n"
    failed = project.deploy(*code(tmp_path, slow), exit_code=8)
    assert "did not come up: " in failed
    assert "(the log cannot be read: logs:DescribeLogStreams is not allowed)" in failed
    project.aws.permissions.reset()
