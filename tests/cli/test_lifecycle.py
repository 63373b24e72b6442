"""The seven steps as separate processes, with the default configuration."""

import csv
import json
import math
import signal
import subprocess
import time
import urllib.request
from pathlib import Path

import lightgbm
import numpy as np
import psutil
import pytest

from tests.cli.conftest import CommandLine

NOTEBOOK_PARAMETERS = {
    "boosting_type": "gbdt",
    "objective": "regression",
    "num_leaves": 31,
    "learning_rate": 0.05,
    "feature_fraction": 0.9,
    "bagging_fraction": 0.8,
    "bagging_freq": 5,
    "verbose": 0,
}


def table(path: Path) -> "np.ndarray[tuple[int, int], np.dtype[np.float64]]":
    return np.loadtxt(path, delimiter=",", ndmin=2)


def trained_directly(data_path: Path) -> list[float]:
    train, valid = table(data_path / "train/boston_train.csv"), table(data_path / "valid/boston_valid.csv")
    train_set = lightgbm.Dataset(train[:, :-1], label=train[:, -1])
    booster = lightgbm.train(
        NOTEBOOK_PARAMETERS,
        train_set,
        num_boost_round=20,
        valid_sets=[lightgbm.Dataset(valid[:, :-1], label=valid[:, -1], reference=train_set)],
        callbacks=[lightgbm.early_stopping(5, verbose=False)],
    )
    return [float(value) for value in np.asarray(booster.predict(table(data_path / "test/boston_test.csv")))]


def numbers(text: str) -> list[float]:
    return [float(line) for line in text.splitlines()]


def test_predictions_are_those_of_lightgbm_itself_when_the_notebooks_life_is_lived(boston: CommandLine) -> None:
    predicted = boston("predict")
    assert numbers(predicted.stdout) == trained_directly(boston.folder / "data")
    labels = table(boston.folder / "data/test_target/boston_test_target.csv")[:, 0]
    rmse = math.sqrt(np.mean((labels - numbers(predicted.stdout)) ** 2))
    assert f"rmse {rmse:.6g}" in predicted.stderr


@pytest.mark.slow
def test_a_warning_that_lightgbm_repeats_for_each_tree_is_shown_once(lgbm_sm: CommandLine) -> None:
    lgbm_sm("prepare-data")
    trained = lgbm_sm("train")
    [shown] = [line for line in trained.stderr.splitlines() if "No further splits" in line]
    assert "repeated lines are not shown here" in shown
    assert "hint: `lgbm-sm logs --training` shows" in lgbm_sm("logs", exit_code=8).stderr
    assert lgbm_sm("logs", "--training").stdout.count("No further splits") == 20


@pytest.mark.slow
def test_deploy_says_whose_server_answers_when_the_patterns_container_is_not_there(lgbm_sm: CommandLine) -> None:
    lgbm_sm("prepare-data")
    lgbm_sm("train")
    assert "pattern A's server" not in lgbm_sm("deploy").stderr
    for pattern in ("inference_toolkit", "script_mode"):
        deployed = lgbm_sm("deploy", "--set", f"container.pattern={pattern}")
        assert "; a process runs pattern A's server, which gives the same answers" in deployed.stderr


@pytest.mark.slow
def test_run_predicts_the_same_and_leaves_nothing_running(lgbm_sm: CommandLine) -> None:
    finished = lgbm_sm("run")
    assert len(finished.stdout.splitlines()) == 102
    assert numbers(finished.stdout) == trained_directly(lgbm_sm.folder / "data")
    assert lgbm_sm.programs() == []
    assert "rmse" in finished.stderr
    assert "model artifact: " in finished.stderr
    [job] = json.loads(lgbm_sm("status", "--output", "json").stdout)["items"]
    assert (job["kind"], job["state"]) == ("training_job", "Completed")


@pytest.mark.slow
def test_run_leaves_an_endpoint_alone_when_it_was_there_before(boston: CommandLine) -> None:
    before = json.loads(boston("status", "--output", "json").stdout)["items"]
    boston("run")
    after = json.loads(boston("status", "--output", "json").stdout)["items"]
    assert [item for item in after if item["kind"] == "endpoint"] == [i for i in before if i["kind"] == "endpoint"]


def test_answers_are_equal_when_rows_go_in_and_out_in_other_forms(boston: CommandLine) -> None:
    expected = numbers(boston("predict").stdout)
    with (boston.folder / "data/test/boston_test.csv").open(newline="") as file:
        rows = [[float(cell) for cell in row] for row in csv.reader(file)]
    (boston.folder / "rows.json").write_text(json.dumps({"instances": rows}))
    (boston.folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert numbers(boston("predict", "rows.json").stdout) == expected
    assert numbers(boston("predict", "rows.jsonl").stdout) == expected
    document = json.loads(boston("predict", "rows.jsonl", "--accept", "application/json").stdout)
    assert document == {"predictions": expected}
    lines = boston("predict", "rows.json", "--accept", "application/jsonlines").stdout
    assert [json.loads(line) for line in lines.splitlines()] == expected
    from_stdin = boston("predict", "-", stdin=(boston.folder / "data/test/boston_test.csv").read_text())
    assert numbers(from_stdin.stdout) == expected
    result = json.loads(boston("predict", "--output", "json").stdout)
    assert (result["predictions"], result["rows"]) == (expected, 102)
    assert set(result["metrics"]) == {"rmse", "mae", "r2"}


@pytest.mark.slow
def test_a_file_holds_every_prediction_when_it_is_asked_for(boston: CommandLine) -> None:
    finished = boston("predict", "--to", "predictions.csv")
    assert finished.stdout == ""
    assert numbers((boston.folder / "predictions.csv").read_text()) == numbers(boston("predict").stdout)


def test_the_row_of_the_whole_input_is_named_when_a_later_batch_is_refused(boston: CommandLine) -> None:
    row = (boston.folder / "data/test/boston_test.csv").read_text().splitlines()[0]
    lines = [row] * 30_000
    lines[29_000] = "oops" + row[row.index(",") :]
    (boston.folder / "bad.csv").write_text("\n".join(lines))
    finished = boston("predict", "bad.csv", "--to", "never.csv", exit_code=9)
    assert "row 29001 of the whole input" in finished.stderr
    assert "CRIM" in finished.stderr
    assert not list(boston.folder.glob("never.csv*"))


def test_the_log_is_shown_when_it_is_asked_for(boston: CommandLine) -> None:
    assert "serving" in boston("logs").stdout
    assert "validation:" in boston("logs", "--training").stdout
    assert json.loads(boston("logs", "--output", "json").stdout)["lines"]


@pytest.mark.slow
def test_the_endpoint_is_replaced_when_deployed_again(lgbm_sm: CommandLine) -> None:
    lgbm_sm("run", "--keep")
    first = endpoints(lgbm_sm)
    url = json.loads(lgbm_sm("deploy", "--output", "json").stdout)["endpoint"]["url"]
    second = endpoints(lgbm_sm)
    assert len(first) == len(second) == 1
    assert first[0]["name"] != second[0]["name"]
    with urllib.request.urlopen(f"{url}/ping", timeout=2) as answer:
        assert answer.status == 200
    lgbm_sm("cleanup", "--yes")
    assert lgbm_sm.programs() == []


@pytest.mark.slow
def test_a_crashed_server_is_seen_and_replaced(lgbm_sm: CommandLine) -> None:
    lgbm_sm("run", "--keep")
    for program in lgbm_sm.programs():
        program.send_signal(signal.SIGKILL)
    wait_until_ended(lgbm_sm)
    assert [item["state"] for item in endpoints(lgbm_sm)] == ["Failed"]
    refused = lgbm_sm("predict", exit_code=8)
    assert "hint: run `lgbm-sm deploy` to replace it" in refused.stderr
    lgbm_sm("deploy")
    assert len(lgbm_sm("predict").stdout.splitlines()) == 102
    assert [item["state"] for item in endpoints(lgbm_sm)] == ["InService"]


@pytest.mark.slow
def test_a_bystander_is_left_alone_when_it_reads_the_log_of_a_server_that_is_stopped(lgbm_sm: CommandLine) -> None:
    lgbm_sm("run", "--keep")
    [endpoint] = endpoints(lgbm_sm)
    bystander = psutil.Popen(["tail", "-f", f"{endpoint['folder']}/server.log"], stdout=subprocess.DEVNULL)
    lgbm_sm("cleanup", "--yes")
    assert bystander.is_running()
    bystander.kill()
    bystander.wait()


@pytest.mark.slow
def test_cleanup_is_harmless_when_run_twice_and_keeps_what_it_is_told_to(lgbm_sm: CommandLine) -> None:
    lgbm_sm("run", "--keep")
    kept = json.loads(lgbm_sm("cleanup", "--yes", "--keep", "training-jobs", "--output", "json").stdout)
    assert [item["kind"] for item in kept["deleted"]] == ["endpoint"]
    assert [item["kind"] for item in kept["kept"]] == ["training_job"]
    lgbm_sm("deploy")
    assert lgbm_sm("cleanup", "--yes").stdout == "nothing left\n"
    assert lgbm_sm("cleanup", "--yes").stdout == "nothing left\n"
    assert lgbm_sm.programs() == []


def test_the_reason_and_the_code_are_given_when_training_fails(lgbm_sm: CommandLine) -> None:
    lgbm_sm("prepare-data")
    failed = lgbm_sm("train", "--set", "training.hyperparameters={boosting: rf}", exit_code=7)
    assert "AlgorithmError: " in failed.stderr
    assert "LightGBM: Check failed: (config->bagging_freq > 0" in failed.stderr
    [job] = json.loads(lgbm_sm("status", "--output", "json").stdout)["items"]
    assert job["state"] == "Failed"
    assert "config->bagging_freq > 0" in job["remark"]


def test_a_list_that_does_not_fit_the_data_is_refused_before_a_job_exists(lgbm_sm: CommandLine) -> None:
    (lgbm_sm.folder / "config.yaml").write_text("training:\n  hyperparameters:\n    mc: (1,0)\n", encoding="utf-8")
    lgbm_sm("prepare-data")
    refused = lgbm_sm("train", exit_code=3)
    problem = "must have one item for each of the 13 features, got"
    assert refused.stderr == f"error: config.yaml:3: training.hyperparameters.mc {problem} 2\n"
    refused = lgbm_sm("train", "--set", "training.hyperparameters.mc=[1]", exit_code=3)
    assert refused.stderr == f"error: --set training.hyperparameters.mc: {problem} 1\n"
    assert json.loads(lgbm_sm("status", "--output", "json").stdout)["items"] == []


@pytest.mark.slow
def test_the_best_model_so_far_is_kept_when_training_is_interrupted(lgbm_sm: CommandLine) -> None:
    lgbm_sm("prepare-data")
    command = lgbm_sm.start(
        "train",
        "--set",
        "training.hyperparameters.num_boost_round=1000000",
        "--set",
        "training.hyperparameters.early_stopping_round=0",
    )
    log_pattern = ".lgbm-sm/jobs/*/training.log"
    wait_for(lambda: any("iteration=5 " in log.read_text() for log in lgbm_sm.folder.glob(log_pattern)))
    command.send_signal(signal.SIGINT)
    _, conversation = command.communicate(timeout=60)
    assert command.returncode == 130
    assert "nothing is still running" in conversation
    assert lgbm_sm.programs() == []
    assert len(list(lgbm_sm.folder.glob(".lgbm-sm/jobs/*/output/model.tar.gz"))) == 1
    [job] = json.loads(lgbm_sm("status", "--output", "json").stdout)["items"]
    assert job["state"] == "Stopped"
    assert "no completed training job" in lgbm_sm("deploy", exit_code=7).stderr


@pytest.mark.slow
def test_an_interrupt_says_what_still_runs_when_an_endpoint_is_in_service(lgbm_sm: CommandLine) -> None:
    lgbm_sm("run", "--keep")
    [endpoint] = endpoints(lgbm_sm)
    command = lgbm_sm.start("logs", "--follow")
    assert command.stdout
    command.stdout.readline()
    command.send_signal(signal.SIGTERM)
    _, conversation = command.communicate(timeout=30)
    assert command.returncode == 130
    assert f"still running: {endpoint['name']}" in conversation


def test_the_command_ends_quietly_when_its_reader_goes_away(boston: CommandLine) -> None:
    with boston.start("logs", "--follow") as command:
        assert command.stdout
        command.stdout.close()
        assert command.wait(timeout=30) == 141
        assert command.stderr
        assert [line for line in command.stderr if "the built-in Boston example is used" not in line] == []


def endpoints(lgbm_sm: CommandLine) -> list[dict[str, str]]:
    items = json.loads(lgbm_sm("status", "--output", "json").stdout)["items"]
    return [item for item in items if item["kind"] == "endpoint"]


def wait_until_ended(lgbm_sm: CommandLine) -> None:
    wait_for(lambda: not lgbm_sm.programs())


def wait_for(condition: "object") -> None:
    deadline = time.monotonic() + 60
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "waited for a minute"
        time.sleep(0.05)
