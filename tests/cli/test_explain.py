"""`explain` shows the real state of a project, and calls neither AWS nor a server."""

from __future__ import annotations

import json
import re
import tarfile
from pathlib import Path
from typing import Any

import botocore.session
import psutil
import pytest
from botocore.validate import ParamValidator

from lgbm_sm.backends.programs import without_labels
from tests.cli.conftest import CommandLine

STEPS = ["prepare-data", "build", "push", "train", "deploy", "predict", "stop", "cleanup"]
ON_SAGEMAKER = ("--set", "training.instance_type=ml.m4.2xlarge", "--set", "endpoint.instance_type=ml.m4.xlarge")
# whoever asks anybody, fails
NOBODY = {
    "LGBM_SM_LOCAL__BACKEND": "auto",
    "DOCKER_HOST": "unix:///nonexistent/docker.sock",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
    "AWS_MAX_ATTEMPTS": "1",
    "AWS_CONFIG_FILE": "/nonexistent/config",
    "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent/credentials",
    "HTTPS_PROXY": "http://127.0.0.1:1",
    "HTTP_PROXY": "http://127.0.0.1:1",
}


def explained(lgbm_sm: CommandLine, *arguments: str, exit_code: int = 0) -> dict[str, list[str]]:
    """Return the lines of each section by its title."""
    said = lgbm_sm("explain", *arguments, "--output", "json", exit_code=exit_code)
    return {section["title"]: section["lines"] for section in json.loads(said.stdout)["sections"]}


def calls_of(lines: list[str]) -> list[tuple[str, dict[str, Any]]]:
    """Return each AWS call with its parameters."""
    found: list[tuple[str, list[str]]] = []
    for line in lines:
        if re.fullmatch(r"[a-z0-9-]+:[A-Za-z]+", line.strip()):
            found.append((line.strip(), []))
        elif found and line.startswith("  "):
            found[-1][1].append(line)
    return [(name, json.loads("\n".join(text))) for name, text in found]


def json_below(lines: list[str], name: str) -> Any:
    below = lines[lines.index(name) + 1 :]
    end = next((index for index, line in enumerate(below) if not line.startswith("  ")), len(below))
    return json.loads("\n".join(below[:end]))


@pytest.fixture
def alone(lgbm_sm: CommandLine) -> CommandLine:
    """A project on a machine without Docker, without an account and without a network."""
    lgbm_sm.environment |= NOBODY
    return lgbm_sm


@pytest.mark.slow
@pytest.mark.parametrize("step", STEPS)
def test_each_step_is_explained_without_engine_and_account_where_nothing_is_made_yet(
    alone: CommandLine, step: str
) -> None:
    here = explained(alone, step)
    there = explained(alone, step, *ON_SAGEMAKER)
    assert all(lines for lines in (*here.values(), *there.values()))
    assert list(alone.folder.iterdir()) == []


def test_the_overview_has_each_step_in_order(alone: CommandLine) -> None:
    found = explained(alone)
    assert [title for title in found if title in STEPS] == STEPS
    assert "Docker does not answer" in found["train"][0]
    assert found["push"] == ["not needed: both instance types are local"]
    remote = explained(alone, *ON_SAGEMAKER)
    assert remote["train"][0].startswith("SageMaker, 1 x ml.m4.2xlarge")
    assert remote["deploy"][0].startswith("SageMaker, 1 x ml.m4.xlarge")


def test_the_files_of_a_job_are_shown_with_their_contents(boston: CommandLine) -> None:
    found = explained(boston, "train", "--set", "training.hyperparameters={num_leaves: 63, metric: [l2, l1]}")
    files = found["Files in the container"]
    config = "/opt/ml/input/config"
    assert json_below(files, f"{config}/hyperparameters.json") == {"num_leaves": "63", "metric": '["l2", "l1"]'}
    channels = json_below(files, f"{config}/inputdataconfig.json")
    assert {name: channel["ContentType"] for name, channel in channels.items()} == {
        "train": "text/csv",
        "validation": "text/csv",
        "schema": "application/json",
    }
    assert json_below(files, f"{config}/resourceconfig.json")["current_host"] == "algo-1"
    path = boston.folder / "data" / "train" / "boston_train.csv"
    line = f"/opt/ml/input/data/train/boston_train.csv  {path.stat().st_size:,} bytes"
    assert files[files.index(line) + 1].strip() == path.read_text().splitlines()[0]


def test_the_files_of_an_endpoint_are_those_of_the_model_that_would_be_deployed(boston: CommandLine) -> None:
    files = explained(boston, "deploy")["Files in the container"]
    [artifact] = boston.folder.glob(".lgbm-sm/jobs/*/output/model.tar.gz")
    assert files[0] == f"of {artifact}"
    with tarfile.open(artifact) as archive:
        metadata = archive.extractfile("metadata.json")
        assert metadata
        assert json_below(files, "/opt/ml/model/metadata.json") == json.load(metadata)


def test_the_processes_are_those_of_the_endpoint_in_service(boston: CommandLine) -> None:
    programs = {program.pid: without_labels(program.cmdline()) for program in boston.programs()}
    lines = explained(boston, "deploy")["Processes"]
    first = next(index for index, line in enumerate(lines) if line.startswith("running now"))
    assert re.fullmatch(r"running now, of endpoint \S+, a process:", lines[first])
    shown = {int(line.split()[0]): line.split(maxsplit=1)[1] for line in lines[first + 1 :]}
    assert set(shown) == set(programs)
    assert all(" ".join(programs[pid]).startswith(command.rstrip("…")) for pid, command in shown.items())
    [parent] = [pid for pid, line in zip(shown, lines[first + 1 :], strict=True) if not line.startswith(" ")]
    assert {psutil.Process(pid).ppid() for pid in shown if pid != parent} == {parent}


@pytest.mark.parametrize(
    ("pattern", "programs"),
    [("byoc", ["start.py"]), ("inference_toolkit", ["tini", "java"]), ("script_mode", ["nginx", "gunicorn"])],
)
def test_the_processes_of_a_pattern_are_told_though_only_another_ones_endpoint_is_in_service(
    boston: CommandLine, pattern: str, programs: list[str]
) -> None:
    lines = explained(boston, "deploy", "--set", f"container.pattern={pattern}")["Processes"]
    assert lines[0] == "in a container:"
    for program in programs:
        assert any(program in line for line in lines[1:])


@pytest.mark.parametrize(
    ("word", "title"),
    [
        ("serve", "Functions that answer"),
        ("endpoint", "Functions that answer"),
        ("training", "Results"),
        ("run", "cleanup"),
    ],
)
def test_a_step_is_explained_under_the_names_that_others_give_it(alone: CommandLine, word: str, title: str) -> None:
    assert title in explained(alone, word)


def test_a_command_that_is_no_step_is_not_taken_for_an_error(alone: CommandLine) -> None:
    refused = alone("explain", "verify", exit_code=2)
    assert "verify is a command, not a step" in refused.stderr
    assert "`lgbm-sm verify --help`" in refused.stderr


def test_explaining_a_step_changes_nothing_and_starts_nothing(boston: CommandLine) -> None:
    def state() -> tuple[dict[str, tuple[int, int]], set[int]]:
        files = {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in boston.folder.rglob("*")}
        return files, {program.pid for program in boston.programs()}

    before = state()
    assert len(before[1]) > 1
    for step in STEPS:
        explained(boston, step)
        explained(boston, step, *ON_SAGEMAKER, "--set", "aws.region=eu-west-1")
        assert state() == before, step


@pytest.mark.slow
def test_no_server_is_started_to_show_its_processes(lgbm_sm: CommandLine) -> None:
    lgbm_sm.environment["LGBM_SM_LOCAL__BACKEND"] = "process"
    lgbm_sm("prepare-data")
    lgbm_sm("train")
    lines = explained(lgbm_sm, "deploy")["Processes"]
    assert "as a process:" in lines
    assert not any(line.startswith("running now") for line in lines)
    assert "endpoint" not in lgbm_sm("status").stdout


@pytest.mark.slow
def test_the_calls_at_aws_are_such_as_its_api_takes(lgbm_sm: CommandLine) -> None:
    lgbm_sm("prepare-data")
    lgbm_sm("train", "--set", "local.backend=process")
    lgbm_sm.environment |= NOBODY
    options = (*ON_SAGEMAKER, "--set", "aws.execution_role=my-role", "--set", "aws.kms_key=alias/models")
    made = [call for step in ("push", "train", "deploy") for call in calls_of(_calls_in(lgbm_sm, step, *options))]
    names = [name for name, _ in made if not name.startswith(("docker:", "s3:"))]
    assert names == [
        "ecr:CreateRepository",
        "ecr:PutLifecyclePolicy",
        "sagemaker:CreateTrainingJob",
        "sagemaker:CreateModel",
        "sagemaker:CreateEndpointConfig",
        "sagemaker:CreateEndpoint",
    ]
    session = botocore.session.get_session()
    for name, parameters in made:
        service, _, operation = name.partition(":")
        if service == "docker":
            continue
        shape: Any = session.get_service_model(service).operation_model(operation).input_shape
        if operation == "CreateTrainingJob":  # most of the metrics are only counted
            assert parameters["AlgorithmSpecification"]["MetricDefinitions"].pop() == "… and 37 more"
        assert ParamValidator().validate(parameters, shape).generate_report() == ""
    job = dict(made)["sagemaker:CreateTrainingJob"]
    assert job["RoleArn"] == "arn:aws:iam::<account>:role/my-role"
    assert job["ResourceConfig"]["InstanceType"] == "ml.m4.2xlarge"
    assert job["OutputDataConfig"]["KmsKeyId"] == "alias/models"


@pytest.mark.parametrize(
    ("role", "account", "shown"),
    [
        ("arn:aws:iam::111122223333:role/mine", "111122223333", "arn:aws:iam::111122223333:role/mine"),
        (
            "null",
            "<account>",
            "arn:aws:iam::<account>:role/<aws.execution_role, or the role of the SageMaker notebook>",
        ),
    ],
)
def test_the_account_is_that_of_the_role_and_unknown_without_one(
    boston: CommandLine, role: str, account: str, shown: str
) -> None:
    options = ("--set", f"aws.execution_role={role}", "--set", "aws.region=eu-west-1")
    [model] = [
        parameters
        for name, parameters in calls_of(explained(boston, "deploy", *ON_SAGEMAKER, *options)["AWS calls"])
        if name == "sagemaker:CreateModel"
    ]
    assert model["ExecutionRoleArn"] == shown
    image = model["PrimaryContainer"]["Image"]
    assert image.startswith(f"{account}.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-lightgbm-regression@<digest>")


def test_the_calls_that_a_step_cannot_make_yet_are_replaced_by_the_reason(alone: CommandLine) -> None:
    calls = explained(alone, "deploy", *ON_SAGEMAKER)["AWS calls"]
    assert calls[0].startswith("not known yet: ")
    assert "lgbm-sm run" in calls[1] or "lgbm-sm train" in calls[1]


def _calls_in(lgbm_sm: CommandLine, step: str, *options: str) -> list[str]:
    return [
        line for title, lines in explained(lgbm_sm, step, *options).items() if "AWS calls" in title for line in lines
    ]


@pytest.mark.slow
def test_the_calls_of_predict_and_prepare_data_are_those_of_the_api(lgbm_sm: CommandLine) -> None:
    lgbm_sm("prepare-data")
    lgbm_sm.environment |= NOBODY
    calls = calls_of(explained(lgbm_sm, "predict", *ON_SAGEMAKER)["Where it goes"])
    body = {"EndpointName": "<endpoint>", "ContentType": "text/csv", "Accept": "text/csv", "Body": "<rows>"}
    assert calls == [("sagemaker:InvokeEndpoint", body)]
    made = calls_of(explained(lgbm_sm, "prepare-data", "--set", "aws.prefix=here")["AWS calls"])
    keys = [parameters["Key"] for name, parameters in made if name == "s3:PutObject"]
    assert keys.pop(0) == "here/sagemaker-lightgbm-regression/.lgbm-sm/manifest.json"
    [folder] = {"/".join(key.split("/")[:4]) for key in keys}
    assert re.fullmatch("here/sagemaker-lightgbm-regression/channels/[0-9a-f]{16}", folder)
    names = ["train/boston_train.csv", "valid/boston_valid.csv", "schema/schema.json"]
    assert keys == [f"{folder}/{name}" for name in names]


@pytest.mark.slow
def test_a_failed_job_is_explained_with_its_reason_cause_and_fix(lgbm_sm: CommandLine) -> None:
    lgbm_sm.environment["LGBM_SM_LOCAL__BACKEND"] = "process"
    lgbm_sm("prepare-data")
    lgbm_sm("train", "--set", "training.hyperparameters={boosting: rf}", exit_code=7)
    [job] = json.loads(lgbm_sm("status", "--output", "json").stdout)["items"]
    found = explained(lgbm_sm, "--job", job["name"])
    happened = "\n".join(found["What happened"])
    assert "Failed" in happened
    assert "config->bagging_freq > 0" in happened
    assert any("config->bagging_freq > 0" in line for line in found["The end of its log"])
    assert found["Known issue: random-forest-without-sampling"][1].startswith("fix ")


def test_a_job_and_an_endpoint_that_are_well_need_no_cause(boston: CommandLine) -> None:
    for item in json.loads(boston("status", "--output", "json").stdout)["items"]:
        if item["kind"] in ("training_job", "endpoint"):
            found = explained(boston, "--job", item["name"])
            assert found["Known issues"] == ["none: it has not failed"]
            assert found["The end of its log"] != []


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (["--job", "no-such-job"], 7, "add --aws to ask SageMaker too"),
        (["train", "--job", "x"], 2, "cannot be combined"),
        (["trian"], 2, "did you mean `lgbm-sm explain train`?"),
        (["no-such-step"], 2, "the steps are prepare-data"),
        (["push", "--tree", "t"], 2, "--tree is only for"),
        (["train", "--model", "m"], 2, "--model is only for"),
        (["deploy", "--model", "no-such-model"], 7, "not a training job on record"),
        (["deploy", "--set", "endpoint.source_dir=nowhere"], 3, "nowhere"),
    ],
)
def test_what_cannot_be_explained_is_refused(
    alone: CommandLine, arguments: list[str], exit_code: int, message: str
) -> None:
    assert message in alone("explain", *arguments, exit_code=exit_code).stderr


@pytest.mark.slow
def test_code_that_needs_the_container_is_explained_where_only_a_process_is_there(alone: CommandLine) -> None:
    (alone.folder / "mine").mkdir()
    (alone.folder / "mine" / "inference.py").write_text("def predict_fn(data, model): return model.predict(data)\n")
    (alone.folder / "mine" / "requirements.txt").write_text("no-such-package==1.0\n")
    options = ("--set", "endpoint.source_dir=mine", "--set", "container.pattern=script_mode")
    found = explained(alone, "deploy", *options)
    assert any("as a process it is refused: " in line and "no-such-package" in line for line in found["Where it runs"])
    given = found["Environment variables"]
    assert "  SAGEMAKER_SUBMIT_DIRECTORY=/opt/ml/model/code" in given
    assert "  LGBM_RUNTIME_PROGRAM=inference.py" in given
    [ours] = [line for line in found["Files in the container"] if "lgbm_sm_inference.py" in line]
    assert ours.endswith("containers/script_mode/inference.py")
    assert "  no-such-package==1.0" in found["Functions that answer"]


def test_a_tree_is_never_made_where_something_lies(alone: CommandLine) -> None:
    (alone.folder / "mine").mkdir()
    (alone.folder / "mine" / "file").write_text("mine")
    assert "the folder is not empty" in alone("explain", "train", "--tree", "mine", exit_code=2).stderr
    assert [path.name for path in (alone.folder / "mine").iterdir()] == ["file"]


def test_an_error_is_explained_though_the_configuration_cannot_be_loaded(alone: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("training: {nonsense: 1}\n")
    said = alone("explain", "The primary container did not pass the ping health check.").stdout
    assert "Known issue: ping" in said
    assert "GET /ping on port 8080" in said
