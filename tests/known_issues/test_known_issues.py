"""Each known issue is found in real messages, before more general issues.

A log without errors matches no issue.
"""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import typer
from lightgbm import Booster, Dataset
from lightgbm import train as train_lightgbm
from lightgbm.basic import LightGBMError

from lgbm_sm import cli  # noqa: F401 - the commands
from lgbm_sm.commands.app import app
from lgbm_sm.config.keys import known_keys
from lgbm_sm.config.sections import Config
from lgbm_sm.known_issues.lookup import find_issues, known_issues, read_issues
from tests.runtime.training_jobs import csv_text, make_job

SAMPLES = [(issue.id, sample) for issue in known_issues() for sample in issue.samples]


def first(text: str) -> str:
    found = find_issues(text)
    return found[0].id if found else ""


@pytest.mark.parametrize(("issue", "text"), SAMPLES)
def test_an_issue_is_the_first_found_in_each_of_its_samples(issue: str, text: str) -> None:
    assert first(text) == issue


@pytest.mark.parametrize(("issue", "text"), SAMPLES)
def test_an_issue_is_found_between_other_lines_and_in_capitals(issue: str, text: str) -> None:
    assert first(f"one line\n{text}\nanother") == issue
    assert first(text.upper()) == issue


def trained() -> Booster:
    rng = np.random.default_rng(1)
    return train_lightgbm({"verbosity": -1, "min_data": 1}, Dataset(rng.random((20, 13)), rng.random(20)), 2)


def test_lightgbms_own_refusal_of_too_few_columns_is_known() -> None:
    with pytest.raises(LightGBMError) as refused:
        trained().predict(np.zeros((1, 12)))
    assert first(str(refused.value)) == "feature-count"


def test_lightgbms_own_refusal_of_a_columns_name_is_known() -> None:
    with pytest.raises(LightGBMError) as refused:
        Dataset(np.zeros((9, 1)), np.zeros(9), feature_name=["a:{b}"]).construct()
    assert first(str(refused.value)) == "feature-name-refused"


def test_lightgbms_own_refusal_of_lost_categories_is_known() -> None:
    import pandas as pd

    table = pd.DataFrame({"town": pd.Categorical(["a", "b"] * 30)})
    booster = train_lightgbm({"verbosity": -1}, Dataset(table, np.arange(60) % 2), 2)
    with pytest.raises(ValueError, match="categorical") as refused:
        booster.predict(pd.DataFrame({"town": [1.0]}))
    assert first(str(refused.value)) == "categories-differ"


def test_lightgbms_own_refusal_of_an_argument_that_is_gone_is_known() -> None:
    arguments: dict[str, Any] = {"early_stopping_rounds": 5}
    with pytest.raises(TypeError) as refused:
        train_lightgbm({}, Dataset(np.zeros((9, 1)), np.zeros(9)), 2, **arguments)
    assert first(f"TypeError: {refused.value}") == "argument-of-lightgbm-3"


@pytest.mark.parametrize(
    ("parameters", "issue"),
    [
        ({"num_leaves": 1}, "hyperparameter-beyond-limit"),
        ({"drop_rate": 2, "boosting": "dart"}, "hyperparameter-beyond-limit"),
        ({"objective": "quantile", "alpha": 1.5}, "hyperparameter-beyond-limit"),
        ({"max_bin_by_feature": [1, 9]}, "hyperparameter-beyond-limit"),
        ({"monotone_constraints": [1, 0, 0]}, "hyperparameter-list-length"),
        ({"max_bin_by_feature": [9]}, "hyperparameter-list-length"),
        ({"cegb_penalty_feature_lazy": [0.5]}, "hyperparameter-list-length"),
        ({"boosting": "rf"}, "random-forest-without-sampling"),
        ({"data_sample_strategy": "goss", "top_rate": 0.8, "other_rate": 0.7}, "goss-rates"),
        ({"objective": "binary", "is_unbalance": True, "scale_pos_weight": 2}, "class-weight-twice"),
    ],
)
def test_lightgbms_own_checks_of_parameters_are_known(parameters: dict[str, Any], issue: str) -> None:
    data = Dataset(np.arange(60.0).reshape(30, 2), np.arange(30) % 2)
    with pytest.raises(LightGBMError) as refused:
        train_lightgbm({"verbosity": -1, **parameters}, data, 2)
    assert first(str(refused.value)) == issue


def test_lightgbms_own_refusal_of_no_rows_is_known() -> None:
    with pytest.raises(LightGBMError) as refused:
        Dataset(np.zeros((0, 2)), np.zeros(0)).construct()
    assert first(str(refused.value)) == "training-without-rows"


def test_the_systems_own_words_for_a_port_that_is_taken_are_known() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(OSError, match="in use") as refused:
        socket.create_server(server.getsockname())
    assert first(str(refused.value)) == "port-taken"


def rows(seed: int) -> str:
    rng = np.random.default_rng(seed)
    return csv_text(np.column_stack([rng.random((60, 3)), rng.random(60)]).tolist())


CHANNELS = {"train": {"a.csv": rows(1)}, "validation": {"b.csv": rows(2)}}


@pytest.mark.slow
def test_the_log_of_a_job_that_succeeds_shows_no_issue(tmp_path: Path) -> None:
    job = make_job(tmp_path, {"objective": "regression", "num_boost_round": 5, "early_stopping_round": 2}, CHANNELS)
    finished = job.run()
    assert finished.returncode == 0
    log = finished.stdout + finished.stderr
    assert "iteration=1" in log
    assert find_issues(log) == ()


@pytest.mark.slow
def test_what_all_steps_say_when_they_succeed_shows_no_issue(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "lgbm_sm", "run", "--verbose", "--set", "local.backend=process"]
    finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=110, check=True)
    assert "in service at" in finished.stderr
    assert find_issues(finished.stderr + finished.stdout) == ()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("hyperparameters", "files", "issue"),
    [
        ({"num_leafs": 31}, {"a.csv": rows(1)}, "hyperparameter-unknown"),
        ({}, {"a.csv": "CRIM,age,rad,target\n" + rows(1) + "x,y,z,1\n"}, "text-cell"),
        ({}, {}, "channel-empty"),
    ],
)
def test_the_log_of_a_job_that_fails_shows_why_before_that_it_failed(
    tmp_path: Path, hyperparameters: dict[str, object], files: dict[str, str], issue: str
) -> None:
    (tmp_path / "input" / "data" / "train").mkdir(parents=True)
    job = make_job(tmp_path, hyperparameters, {"train": files})
    finished = job.run()
    assert finished.returncode == 1
    reason = f"AlgorithmError: {job.failure}, exit code: 1"
    assert [found.id for found in find_issues(f"{reason}\n{finished.stdout}")] == [issue, "algorithm-error"]


# the beginnings of logs in which all went well, of other people's servers too
WELL = [
    "lgbm_runtime 0.1.0 serving /opt/ml/model on 0.0.0.0:8080 with 2 workers x 1 threads\nstopped",
    "Warning: MMS is using non-default JVM parameters: -XX:+ExitOnOutOfMemoryError\nModel server started.",
    '172.17.0.1 - - [25/Nov/2026:10:00:00 +0000] "GET /ping HTTP/1.1" 200 0 "-" "AHC/2.0"',
    "[2026-11-25 10:00:00 +0000] [14] [INFO] Starting gunicorn 20.1.0\n[14] [INFO] Booting worker with pid: 17",
    "2026-11-25T10:00:00,137 [INFO ] pool-2-thread-1 MMS_METRICS - DiskAvailable.Gigabytes:413.0|#Level:Host",
    "2026-11-25 10:00:00,413 [INFO ] W-9000-model com.amazonaws.ml.mms.wlm.WorkerThread - Backend response time: 137",
    "UserWarning: pkg_resources is deprecated as an API.",
    "[LightGBM] [Info] Total Bins 1028\n[LightGBM] [Info] Start training from score 22.796535",
    "[LightGBM] [Warning] No further splits with positive gain, best gain: -inf",
    "{'TrainingJobStatus': 'Completed', 'SecondaryStatus': 'Completed'}\nTraining job completed",
    "2026-11-25 10:00:00 Starting - Preparing the instances for training......\nBillable seconds: 137",
    "==> Stopping training job boston-2026-11-24-00-10-08-077\n    deleted: endpoint boston (Deleting)",
    "",
]


@pytest.mark.parametrize("log", WELL)
def test_a_log_in_which_all_goes_well_shows_no_issue(log: str) -> None:
    assert find_issues(log) == ()


def test_a_cause_that_the_log_tells_stands_before_what_aws_reports() -> None:
    log = "exec /opt/program/serve: exec format error"
    reported = "The primary container for production variant AllTraffic did not pass the ping health check."
    assert [found.id for found in find_issues(f"{reported}\n{log}")] == ["wrong-platform", "ping"]


RECORD = """
- id: moon-blue
  patterns: ['the moon is blue']
  cause: The moon is blue.
  fix: wait
  source: an almanac
  samples: ['error: the moon is blue']
"""


def test_a_record_has_every_field() -> None:
    [issue] = read_issues(RECORD.encode())
    assert (issue.id, issue.fix, issue.matches("Error: THE MOON IS BLUE")) == ("moon-blue", "wait", True)


@pytest.mark.parametrize(
    ("line", "other"),
    [
        ("  fix: wait\n", ""),
        ("  fix: wait\n", "  fix: wait\n  remedy: wait\n"),
        ("  fix: wait\n", "  fix: ''\n"),
        ("['error: the moon is blue']", "[]"),
        ("['the moon is blue']", "the moon is blue"),
    ],
)
def test_a_record_that_lacks_a_field_or_has_another_is_refused(line: str, other: str) -> None:
    assert line in RECORD
    with pytest.raises(msgspec.ValidationError):
        read_issues(RECORD.replace(line, other).encode())


def test_each_issue_reads_as_a_cause_and_a_next_step() -> None:
    issues = known_issues()
    ids = [issue.id for issue in issues]
    assert len(ids) == len(set(ids)) > 60
    for issue in issues:
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", issue.id)
        assert issue.cause.endswith((".", "]", "}")), issue.id
        assert not issue.fix.endswith("."), issue.id
        assert issue.fix[:1].islower(), issue.id
        for pattern in issue.patterns:
            re.compile(pattern)


def test_fixes_name_keys_that_the_configuration_has() -> None:
    sections = known_keys(Config)
    known = {f"{section}.{key}" for section, keys in sections.items() for key in keys}
    named = {key for issue in known_issues() for key in re.findall(rf"\b(?:{'|'.join(sections)})\.[a-z_]+", issue.fix)}
    assert named <= known | {"training.hyperparameters.early_stopping_round"}


def test_fixes_name_commands_and_options_that_there_are() -> None:
    commands: Any = typer.main.get_command(app)
    named = {shown for issue in known_issues() for shown in re.findall(r"`lgbm-sm ([^`]+)`", issue.fix)}
    assert {"push", "policy --role"} <= named
    for shown in named:
        command, *words = shown.split()
        options = {option for param in commands.commands[command].params for option in param.opts}
        assert {word for word in words if word.startswith("--")} <= options, shown
