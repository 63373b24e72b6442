"""Endpoints on SageMaker are updated without an interruption.

A failed update changes nothing.
"""

from __future__ import annotations

import re
import signal
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cloud.emulator import Moment
from tests.cloud.projects import PREFIX, PUSHED, ROW, billed, name_of, numbers, result
from tests.cloud.pushed import Project, code, when

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(900)]

DOUBLE = """
    def predict_fn(data, model):
        return 2 * model.predict(data)
"""


@contextmanager
def asked_all_the_time(project: Project, endpoint: str) -> Iterator[list[str]]:
    """Send requests to the endpoint during the block. Yield the list of answers and errors."""
    runtime = project.aws.client("sagemaker-runtime")
    answers: list[str] = []
    ended = threading.Event()

    def ask() -> None:
        while not ended.wait(0.05):
            try:
                answer = runtime.invoke_endpoint(
                    EndpointName=endpoint, Body=ROW, ContentType="text/csv", Accept="text/csv"
                )
                answers.append(answer["Body"].read().decode().strip())
            except runtime.exceptions.ClientError as error:
                answers.append(str(error))

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield answers
    finally:
        ended.set()
        thread.join()
        runtime.close()


def artifacts(project: Project) -> list[str]:
    return [one for one in billed(project.aws) if f"/{PREFIX}/{name_of(project.lgbm_sm)}/models/" in one]


def test_an_update_leaves_no_gap_and_nothing_of_what_it_replaces(project: Project, tmp_path: Path) -> None:
    first = result(project.lgbm_sm, "deploy", *project.of_the_model("deploy"))["endpoint"]
    before = numbers(project.lgbm_sm("predict").stdout)
    parts = {*project.aws.hosting.models, *project.aws.hosting.configs, *artifacts(project)}
    with asked_all_the_time(project, first["name"]) as answers:
        options = (*project.of_the_model("deploy"), *code(tmp_path, DOUBLE))
        second = result(project.lgbm_sm, "deploy", *options)["endpoint"]
    assert second["name"] == first["name"]
    single = float(answers[0])
    assert {float(answer) for answer in answers} == {single, 2 * single}
    assert numbers(project.lgbm_sm("predict").stdout) == [2 * value for value in before]
    now = {*project.aws.hosting.models, *project.aws.hosting.configs, *artifacts(project)}
    assert len(now) == len(parts) == 3
    assert now.isdisjoint(parts)


def test_what_does_not_come_up_leaves_the_endpoint_as_it_was_and_says_why(
    project: Project,
    tmp_path: Path,
) -> None:
    project.deploy()
    before, predictions = billed(project.aws), numbers(project.lgbm_sm("predict").stdout)
    project.aws.times.startup = 20
    broken = "def model_fn(model_dir):\n    raise ValueError('no such model')\n"
    [endpoint] = project.aws.hosting.endpoints.values()
    with asked_all_the_time(project, endpoint.name) as answers:
        refused = project.deploy(*code(tmp_path, broken), exit_code=8)
    assert "did not pass the ping health check" in refused
    assert "ValueError: no such model" in refused
    assert "hint: " in refused
    assert len(set(answers)) == 1
    assert float(answers[0]) > 0
    assert billed(project.aws) == before
    assert numbers(project.lgbm_sm("predict").stdout) == predictions


def test_what_is_to_be_kept_is_kept(project: Project) -> None:
    project.lgbm_sm("train")
    project.lgbm_sm("deploy")
    kept = result(project.lgbm_sm, "cleanup", "--yes", "--keep", "data,image,pushed-image,repository")
    kinds = ("image", "pushed_image", "repository", "upload")
    assert sorted(item["kind"] for item in kept["kept"]) == sorted(kinds)
    left = billed(project.aws)
    assert [one for one in left if one.startswith("arn:")] == []
    keys = {one.partition(f"/{PREFIX}/{name_of(project.lgbm_sm)}/")[2].partition("/")[0] for one in left}
    assert keys == {".lgbm-sm", "channels", "models"}
    assert not any("/output/" in one for one in left)


def test_the_data_of_an_endpoint_that_is_kept_are_kept_too(project: Project) -> None:
    project.deploy()
    kept = project.lgbm_sm("cleanup", "--yes", "--keep", "endpoints", *PUSHED)
    assert "the data in S3 are kept, because a kept endpoint or job reads them" in kept.stderr
    assert len(project.lgbm_sm("predict").stdout.splitlines()) == 102
    assert len(artifacts(project)) == 1


def endpoint_folders(project: Project) -> list[str]:
    path = project.lgbm_sm.folder / ".lgbm-sm" / "endpoints"
    return [folder.name for folder in path.iterdir()] if path.exists() else []


def test_a_changed_artifact_is_refused_before_anything_is_sent_and_served_unchecked(
    project: Project, tmp_path: Path
) -> None:
    path = Path(result(project.lgbm_sm, "train")["model_artifact"])
    with tarfile.open(path) as archive:
        archive.extractall(tmp_path, filter="data")
    metadata = tmp_path / "metadata.json"
    metadata.write_text(metadata.read_text().replace('"stopped": false', '"stopped": true'))
    with tarfile.open(path, "w:gz") as archive:
        archive.add(tmp_path, arcname=".")
    for options, says in (
        ((), "has changed since training job"),
        (("--model", str(path)), "holds a changed 'metadata.json': its SHA-256 is not the one in"),
    ):
        project.aws.faults.calls.clear()
        assert says in project.lgbm_sm("deploy", *options, exit_code=8).stderr
        assert project.asked("sagemaker", "Create", "Update") == project.asked("s3", "Put", "Create") == []
    assert endpoint_folders(project) == []
    project.lgbm_sm("deploy", "--unchecked")
    [arn] = project.aws.hosting.models
    described = project.aws.client("sagemaker").describe_model(ModelName=arn.rpartition("/")[2])
    assert described["PrimaryContainer"]["Environment"]["LGBM_RUNTIME_UNCHECKED"] == "1"
    assert len(project.lgbm_sm("predict").stdout.splitlines()) == 102


def test_a_damaged_artifact_in_s3_leaves_no_folder(project: Project) -> None:
    s3 = project.aws.client("s3")
    s3.create_bucket(Bucket="theirs", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket="theirs", Key="damaged.tar.gz", Body=project.model.read_bytes()[:-5])
    try:
        for key, exit_code, says in (("damaged", 8, "is damaged"), ("missing", 6, "does not exist")):
            options = ("--model", f"s3://theirs/{key}.tar.gz")
            said = project.lgbm_sm("deploy", *options, exit_code=exit_code).stderr
            assert f"error: s3://theirs/{key}.tar.gz" in said
            assert says in said
            assert endpoint_folders(project) == []
    finally:
        s3.delete_object(Bucket="theirs", Key="damaged.tar.gz")
        s3.delete_bucket(Bucket="theirs")


def test_an_endpoint_of_another_project_with_the_default_name_is_updated_only_with_the_option(project: Project) -> None:
    name = "sagemaker-lightgbm-regression"
    settings = ("--set", f"project.name={name}", "--set", f"container.repository={name_of(project.lgbm_sm)}")
    project.deploy(*settings)
    [endpoint] = project.aws.hosting.endpoints
    project.deploy(*settings)  # its own
    project.aws.tags.of[endpoint]["lgbm-sm:origin"] = "0123456789abcdef"
    [model] = project.aws.hosting.models
    refused = project.deploy(*settings, exit_code=8)
    assert (
        f"error: another work folder created endpoint {name}, and many unrelated projects are called {name}" in refused
    )
    assert "hint: set project.name to another name, or update it with `lgbm-sm deploy --adopted`" in refused
    assert list(project.aws.hosting.models) == [model]
    project.deploy(*settings, "--adopted")
    assert list(project.aws.hosting.models) != [model]
    project.lgbm_sm("cleanup", "--yes", "--adopted", *settings, *PUSHED)


def interrupted_while_creating(project: Project) -> None:
    """Send Ctrl-C to the command when its endpoint is Creating."""
    project.aws.times.phase = 3

    def interrupt() -> bool:
        if not project.aws.hosting.endpoints:
            return False
        project.server.kill(signal.SIGINT)
        return True

    project.aws.faults.observers.append(when("sagemaker:DescribeEndpoint", Moment.AFTER, interrupt))


def test_an_interrupt_while_an_endpoint_is_created_says_that_it_is_billed(project: Project) -> None:
    interrupted_while_creating(project)
    said = project.deploy(exit_code=130)
    hint = (
        f"hint: endpoint {name_of(project.lgbm_sm)} (Creating) is billed until it is deleted: `lgbm-sm stop` deletes it"
    )
    assert hint in said
    assert len(project.aws.hosting.endpoints) == 1


def test_run_deletes_an_endpoint_whose_creation_was_interrupted(project: Project) -> None:
    interrupted_while_creating(project)
    said = project.lgbm_sm("run", exit_code=130).stderr
    assert re.search(r"Interrupted: endpoint \S+ is billed; it is deleted as soon as SageMaker allows it", said)
    assert "interrupted; nothing is still running" in said
    hosting = project.aws.hosting
    assert [*hosting.endpoints, *hosting.configs, *hosting.models] == []
