"""The requests that deploy prints are answered as they are, with the prediction of the same row."""

import csv
import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from lgbm_sm.invocation.example_requests import requests_with_row
from lgbm_sm.record.entries import Endpoint, Place
from tests.cli.conftest import CommandLine

# names and categories that a shell, CSV, JSON, curl or Python could read as something else
NAMES = ["it's $HOME", 'größe "m²"', "two\nlines, 100 %", "@file", "back\\slash `id` !"]
ODD = ["@home, sweet", "it's $PATH `id`", 'a "quoted" one', "grün\nund blau", "C:\\new\\x41", " two  blanks ", "!!;&|"]


def requests_of(deployed: "subprocess.CompletedProcess[str]") -> dict[str, str]:
    return {example["name"]: example["text"] for example in json.loads(deployed.stdout)["examples"]}


def answer_to(name: str, text: str) -> float:
    """Run a request as it is printed, and return the prediction."""
    command = [sys.executable, "-c", text] if name.startswith("Python") else ["bash", "-c", text]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return float(finished.stdout)


def test_each_request_gives_the_prediction_of_the_first_test_row(boston: CommandLine) -> None:
    assert shutil.which("curl")
    deployed = boston("deploy", "--output", "json")
    found = requests_of(deployed)
    assert list(found) == ["curl with CSV", "curl with JSON", "Python with JSON"]
    assert "    example requests with the first test row:\n" in deployed.stderr
    expected = float(boston("predict").stdout.splitlines()[0])
    for name, text in found.items():
        assert f"    {name}:\n{text}\n" in deployed.stderr
        assert answer_to(name, text) == expected, name


def in_service(url: str) -> Endpoint:
    return Endpoint(
        name="odd",
        project="odd",
        place=Place.PROCESS,
        created_at=datetime.now(UTC),
        folder=Path(),
        training_job="",
        url=url,
    )


def write_table(project: CommandLine) -> None:
    """Write a table in which each odd category has its own target."""
    random = np.random.default_rng(3)
    with (project.folder / "odd.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*NAMES, "target"])
        for row in range(350):
            one, other = row % len(ODD), int(random.integers(len(ODD)))
            number, code = round(float(random.normal()), 3), int(random.integers(3))
            writer.writerow([ODD[one], number, ODD[other], code, ODD[one], 10 * one + other + number])


def test_each_request_is_answered_when_names_and_categories_are_odd(lgbm_sm: CommandLine) -> None:
    write_table(lgbm_sm)
    (lgbm_sm.folder / "config.yaml").write_text(
        "data: {name: odd, file: odd.csv, target: target}\n"
        "training: {hyperparameters: {num_boost_round: 20, min_data_per_group: 1, min_data_in_leaf: 5}}\n"
    )
    lgbm_sm("prepare-data")
    lgbm_sm("train")
    deployed = lgbm_sm("deploy", "--output", "json")
    expected = float(lgbm_sm("predict").stdout.splitlines()[0])
    for name, text in requests_of(deployed).items():
        assert answer_to(name, text) == expected, text
    endpoint = in_service(json.loads(deployed.stdout)["endpoint"]["url"])
    rows: list[dict[str, str | float | None]] = [
        dict(zip(NAMES, (one, 0.25, None if one == "@home, sweet" else one, 1, one), strict=True)) for one in ODD
    ]
    (lgbm_sm.folder / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    predictions = [float(line) for line in lgbm_sm("predict", "rows.jsonl").stdout.splitlines()]
    assert len(set(predictions)) == len(ODD)
    for row, prediction in zip(rows, predictions, strict=True):
        for name, text in requests_with_row(endpoint, row):
            assert answer_to(name, text) == prediction, text


def test_the_values_are_made_up_when_the_test_rows_are_not_there(lgbm_sm: CommandLine) -> None:
    lgbm_sm("prepare-data")
    lgbm_sm("train")
    shutil.rmtree(lgbm_sm.folder / "data")
    deployed = lgbm_sm("deploy", "--output", "json")
    assert "    example requests with made-up values:\n" in deployed.stderr
    found = requests_of(deployed)
    # RAD is from 1 to 24 in the training rows, and CHAS is 0 or 1
    assert '"RAD": 12,' in found["curl with JSON"]
    assert '"CHAS": 0,' in found["curl with JSON"]
    assert len({answer_to(name, text) for name, text in found.items()}) == 1


def test_no_row_is_proposed_only_if_the_users_code_reads_the_rows(lgbm_sm: CommandLine) -> None:
    lgbm_sm("prepare-data")
    lgbm_sm("train")
    code = lgbm_sm.folder / "code"
    code.mkdir()
    predicting = "def predict_fn(data, model):\n    return model.predict(data)\n"
    reading = "def input_fn(body, content_type):\n    import numpy\n    return numpy.zeros((1, 13))\n"
    (code / "inference.py").write_text(predicting)
    deploy = ("deploy", "--set", "endpoint.source_dir=code", "--output", "json")
    assert [*requests_of(lgbm_sm(*deploy))] == ["curl with CSV", "curl with JSON", "Python with JSON"]
    (code / "inference.py").write_text(predicting + reading)
    assert [*requests_of(lgbm_sm(*deploy))] == ["curl with a CSV file"]


def test_run_prints_requests_only_if_it_keeps_the_endpoint(lgbm_sm: CommandLine) -> None:
    assert "curl" not in lgbm_sm("run").stderr
    assert "    curl with CSV:\n" in lgbm_sm("run", "--keep").stderr
