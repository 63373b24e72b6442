"""The end of a training if it fails or a signal stops it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from tests.runtime.training_jobs import (
    PARAMS,
    TRAIN,
    VALID,
    Job,
    direct_booster,
    environment,
    regression_job,
)


@pytest.mark.parametrize(
    ("hyperparameters", "reason"),
    [
        ({"num_leafs": "31"}, "num_leafs is not a LightGBM parameter (did you mean num_leaf?)"),
        ({"num_leaves": "abc"}, 'num_leaves=abc: Parameter num_leaves should be of type int, got "abc"'),
        ({"verbose": "abc"}, "verbosity must be a whole number, got abc"),
        ({"objective": "gamma"}, "LightGBM: "),
        ({"objective": "binary"}, "objective=binary needs a target of 0 and 1"),
        ({"metric": "None", "early_stopping_round": "5"}, "early_stopping_round needs a metric"),
        (
            {"monotone_constraints": "[1, 1]"},
            "monotone_constraints must have one item for each of the 5 features, got 2",
        ),
        ({"interaction_constraints": "[0, 5]"}, "interaction_constraints has the feature 5: the data has the features"),
        (
            {"forced_splits": "splits.json"},
            "forcedsplits_filename: the file splits.json does not exist in the container",
        ),
    ],
)
def test_the_reason_stands_first_in_the_failure_file_when_training_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], hyperparameters: Mapping[str, str], reason: str
) -> None:
    job = regression_job(tmp_path, **hyperparameters)

    assert job.run_here() == 1
    first = job.failure.splitlines()[0]
    assert reason in first
    assert len(first) <= 1024
    assert "Traceback" not in job.failure
    assert f"error: {first}" in capsys.readouterr().err
    assert not job.model_path.exists()


def test_the_job_fails_when_it_has_several_hosts(tmp_path: Path) -> None:
    job = regression_job(tmp_path)
    (tmp_path / "input" / "config" / "resourceconfig.json").write_text(json.dumps({"hosts": ["algo-1", "algo-2"]}))

    assert job.run_here() == 1
    assert job.failure.startswith("training on several hosts is not supported yet")


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"TrainingInputMode": "Pipe"}, "channel train has the input mode Pipe"),
        ({"ContentType": "application/x-recordio"}, "channel train has the content type application/x-recordio"),
        ({"RecordWrapperType": "RecordIO"}, "channel train has the record wrapper RecordIO"),
    ],
)
def test_the_job_fails_when_a_channel_does_not_come_as_csv_files(
    tmp_path: Path, settings: dict[str, str], reason: str
) -> None:
    job = regression_job(tmp_path)
    (tmp_path / "input" / "config" / "inputdataconfig.json").write_text(json.dumps({"train": settings}))

    assert job.run_here() == 1
    assert job.failure.startswith(reason)


def test_an_unexpected_error_keeps_its_traceback_when_the_program_is_run(tmp_path: Path) -> None:
    job = regression_job(tmp_path)
    (tmp_path / "model").write_text("a file where the folder should be")
    ended = job.run()

    assert ended.returncode == 1
    assert job.failure.splitlines()[0].startswith("FileExistsError: ")
    assert "Traceback" in job.failure
    assert ended.stderr.startswith("error: FileExistsError: ")
    assert "Traceback" in ended.stderr


def test_the_reason_is_on_stderr_when_the_failure_file_cannot_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = regression_job(tmp_path, num_leaves="abc")
    (tmp_path / "output").write_text("a file where the folder should be")

    assert job.run_here() == 1
    error = capsys.readouterr().err
    assert "error: hyperparameters: num_leaves=abc" in error
    assert "warning: cannot write" in error


def started(job: Job) -> subprocess.Popen[str]:
    return subprocess.Popen(job.command(), env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_the_best_model_so_far_is_saved_when_a_signal_stops_the_training(tmp_path: Path) -> None:
    rounds = 100_000
    job = regression_job(tmp_path, num_boost_round=rounds, early_stopping_round=rounds, learning_rate=0.3)
    with started(job) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("iteration=60 "):
                process.send_signal(signal.SIGTERM)
                break
        output, error = process.communicate(timeout=30)

    assert process.returncode == 0, error
    metadata = job.metadata
    assert metadata["stopped"] is True
    assert 60 <= metadata["iterations"] < rounds
    values = json.loads((job.root / "output" / "data" / "metrics.json").read_text())["validation"]["l2"]
    assert metadata["best_iteration"] == int(np.argmin(values)) + 1
    assert job.booster.num_trees() == metadata["best_iteration"]
    expected = direct_booster({**PARAMS, "learning_rate": 0.3}, metadata["best_iteration"], TRAIN, VALID)
    assert np.array_equal(job.booster.predict(VALID[0]), expected.predict(VALID[0]))
    assert "stopped" in output


def test_nothing_is_saved_when_a_signal_comes_while_the_data_are_read(tmp_path: Path) -> None:
    job = regression_job(tmp_path, num_boost_round=100_000)
    # a channel file that never ends to arrive: opening it waits for a writer
    waiting = tmp_path / "input" / "data" / "train" / "waiting.csv"
    os.mkfifo(waiting)
    with started(job) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("hyperparameters: "):
                break
        time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        _, error = process.communicate(timeout=30)

    assert process.returncode == 143
    assert "stopped by a signal before the first iteration" in error
    assert job.failure.startswith("stopped by a signal")
    assert not (tmp_path / "model").exists()
