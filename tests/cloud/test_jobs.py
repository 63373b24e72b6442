"""Training jobs on SageMaker are followed, left running, attached to and stopped."""

from __future__ import annotations

import json
import signal
import tarfile
from pathlib import Path

import pytest

from tests.cli.terminal import Terminal
from tests.cloud.emulator import Moment
from tests.cloud.projects import PUSHED, billed, result
from tests.cloud.pushed import Project, when

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(900)]

# small trees without end
LONG = tuple(
    word
    for name, value in (("num_boost_round", 1_000_000), ("early_stopping_round", 0), ("num_leaves", 2))
    for word in ("--set", f"training.hyperparameters.{name}={value}")
)


def status_of(project: Project, job: str) -> str:
    items = json.loads(project.lgbm_sm("status", "--output", "json").stdout)["items"]
    [item] = [item for item in items if item["name"] == job]
    return str(item["state"])


def test_a_job_that_was_left_is_followed_again_to_its_end(project: Project) -> None:
    started = result(project.lgbm_sm, "train", "--no-wait")
    assert started["status"] == "InProgress"
    attached = project.lgbm_sm("train", "--attach", "--output", "json")
    trained = json.loads(attached.stdout)
    assert (trained["training_job"], trained["status"]) == (started["training_job"], "Completed")
    lines = [line for line in attached.stderr.splitlines() if "iteration=" in line]
    assert len(lines) == len(set(lines)) == 20
    log = project.lgbm_sm("logs", "--training").stdout
    assert [line for line in log.splitlines() if line.startswith("iteration=")] == [line[4:] for line in lines]


def test_a_job_is_followed_by_its_name_where_it_is_on_no_record(project: Project) -> None:
    name = result(project.lgbm_sm, "train", "--no-wait")["training_job"]
    path = project.lgbm_sm.folder / ".lgbm-sm" / "record.json"
    before = path.read_bytes()
    path.unlink()
    assert result(project.lgbm_sm, "train", "--attach", name)["status"] == "Completed"
    missing = project.lgbm_sm("train", "--attach", "nobody", exit_code=7).stderr
    assert "error: eu-west-1 has no training job nobody" in missing
    path.write_bytes(before)


def test_a_queued_job_trains_on_the_data_that_it_was_started_with(project: Project) -> None:
    expected = artifact_of(project.model)
    project.aws.times.queue = 600
    project.lgbm_sm("train", "--no-wait")
    other = ("--set", "data.name=diabetes")
    project.lgbm_sm("prepare-data", "--upload", *other)
    project.lgbm_sm("train", "--no-wait", *other)
    project.aws.times.queue = 0
    models = [
        artifact_of(Path(result(project.lgbm_sm, "train", "--attach", job.job_name)["model_artifact"]))
        for job in project.aws.training.jobs.values()
    ]
    project.lgbm_sm("prepare-data")
    assert models[0] == expected
    assert models[1] != expected


def test_the_data_of_a_queued_job_that_is_kept_are_kept_too(project: Project) -> None:
    project.aws.times.queue = 600
    project.lgbm_sm("train", "--no-wait")
    before = [one for one in billed(project.aws) if "/channels/" in one]
    kept = project.lgbm_sm("cleanup", "--yes", "--keep", "training-jobs,images,pushed-images,repositories").stderr
    project.aws.times.queue = 0
    assert [one for one in billed(project.aws) if "/channels/" in one] == before != []
    assert "the data in S3 are kept, because a kept endpoint or job reads them" in kept


def artifact_of(path: Path) -> bytes:
    """Return the model in an archive."""
    with tarfile.open(path) as archive:
        member = archive.extractfile("lightgbm-regression-model.txt")
        assert member is not None
        return member.read()


def test_an_interrupt_without_a_terminal_stops_the_job_and_keeps_its_model(project: Project) -> None:
    def interrupt() -> bool:
        [job] = project.aws.training.jobs.values()
        if not job.description()["FinalMetricDataList"]:
            return False
        project.server.kill(signal.SIGINT)
        return True

    project.aws.faults.observers.append(when("logs:GetLogEvents", Moment.AFTER, interrupt))
    said = project.lgbm_sm("train", *LONG, exit_code=130).stderr
    assert "==> Stopping training job" in said
    kept = said.partition("the model at the time of the stop: ")[2].splitlines()[0]
    assert "interrupted; nothing is still running" in said
    [job] = project.aws.training.jobs.values()
    assert job.description()["TrainingJobStatus"] == "Stopped"
    # Stopped is no success: it is deployed by its name only
    assert "no completed training job on record" in project.lgbm_sm("deploy", exit_code=7).stderr
    project.lgbm_sm("deploy", "--model", kept)
    assert len(project.lgbm_sm("predict").stdout.splitlines()) == 102


def test_an_interrupt_after_a_job_has_completed_keeps_its_model(project: Project) -> None:
    def interrupt() -> bool:
        [job] = project.aws.training.jobs.values()
        if job.description()["TrainingJobStatus"] != "Completed":
            return False
        project.server.kill(signal.SIGINT)
        return True

    project.aws.faults.observers.append(when("sagemaker:DescribeTrainingJob", Moment.AFTER, interrupt))
    said = project.lgbm_sm("train", exit_code=130).stderr
    [job] = project.aws.training.jobs.values()
    assert f"==> Training job {job.job_name} is Completed: its model is kept" in said
    assert "Stopping" not in said
    assert status_of(project, job.job_name) == "Completed"
    project.lgbm_sm("deploy")
    assert len(project.lgbm_sm("predict").stdout.splitlines()) == 102


@pytest.mark.parametrize(("reply", "ends_as"), [("n", "InProgress"), ("y", "Stopped")])
def test_an_interrupt_at_a_terminal_asks_whether_the_job_is_to_end(reply: str, ends_as: str, project: Project) -> None:
    with Terminal(project.lgbm_sm.folder, "train", *LONG, environment=project.lgbm_sm.environment) as terminal:
        terminal.wait_for("iteration=")
        terminal.interrupt()
        said = terminal.answer("Otherwise it continues and is billed. [y/N] ", reply)
        assert "Stop training job" in said
        code, _, said = terminal.end()
    assert code == 130
    [job] = project.aws.training.jobs.values()
    assert job.description()["TrainingJobStatus"] == ends_as
    still = f"interrupted; still running: {job.job_name}" if ends_as == "InProgress" else "==> Stopping training job"
    assert still in said


def test_a_job_that_takes_too_long_is_stopped_and_no_success(project: Project) -> None:
    refused = project.lgbm_sm("train", *LONG, "--set", "training.max_runtime_seconds=4", exit_code=7).stderr
    assert "was stopped (MaxRuntimeExceeded); the model at the time of the stop: " in refused
    assert "hint: raise training.max_runtime_seconds, and run `lgbm-sm train` again" in refused
    [job] = project.aws.training.jobs.values()
    assert status_of(project, job.job_name) == "Stopped"


def test_a_job_that_fails_says_why_and_where_its_log_is(project: Project) -> None:
    refused = project.lgbm_sm("train", "--set", "training.hyperparameters={boosting: rf}", exit_code=7).stderr
    assert "failed: AlgorithmError: " in refused
    assert "config->bagging_freq > 0" in refused
    assert "the whole log: " in refused
    assert billed(project.aws) != []


def test_logs_of_jobs_and_endpoints_are_deleted_only_where_that_is_asked_for(project: Project) -> None:
    project.lgbm_sm("train")
    project.lgbm_sm("deploy")
    assert " serving " in project.lgbm_sm("logs").stdout
    logs = project.aws.client("logs")

    def streams() -> list[str]:
        groups = [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]]
        described = [logs.describe_log_streams(logGroupName=group)["logStreams"] for group in groups]
        return [stream["logStreamName"] for group in described for stream in group]

    project.lgbm_sm("cleanup", "--yes", *PUSHED)
    assert len(streams()) >= 2
    logs.create_log_stream(logGroupName="/aws/sagemaker/TrainingJobs", logStreamName="theirs/algo-1-1")
    cleaned = result(project.lgbm_sm, "cleanup", "--yes", "--logs", *PUSHED)
    assert {item["kind"] for item in cleaned["deleted"]} == {"log"}
    assert streams() == ["theirs/algo-1-1"]
