"""On a terminal, `train` shows the iterations on one line, and `predict` the rows."""

import os
import re
import time

import pytest

from lgbm_sm.progress import iteration_text
from tests.cli.conftest import CommandLine
from tests.cli.terminal import Terminal


def test_a_line_with_metrics_becomes_a_short_text() -> None:
    line = "iteration=12 of 20 train:l2=24.3714910587282 validation:l2=33.41630325757541"
    assert iteration_text(line) == "iteration 12 of 20: train l2 24.3715, validation l2 33.4163"
    assert iteration_text("20 iterations, best iteration 20") == ""


@pytest.mark.slow
def test_the_iterations_replace_one_another_on_a_terminal(lgbm_sm: CommandLine) -> None:
    lgbm_sm("prepare-data")
    with Terminal(lgbm_sm.folder, "train", environment={"TERM": "xterm", "CI": "", "COLUMNS": "120"}) as terminal:
        code, _, said = terminal.end()
    assert code == 0, said
    assert "\r\x1b[2K    iteration 20 of 20: train l2 24.3715, validation l2 33.4163\r\x1b[2K" in said
    assert "iteration=" not in said


def test_the_rows_so_far_are_shown_on_a_terminal_when_a_prediction_is_long(boston: CommandLine) -> None:
    row = (boston.folder / "data/test/boston_test.csv").read_text().splitlines()[0]
    rows = f"{row}\n" * 20_000  # more than one batch
    pipe = boston.folder / "slow.csv"
    os.mkfifo(pipe)
    environment = {"TERM": "xterm", "CI": "", "COLUMNS": "120"}
    with Terminal(boston.folder, "predict", pipe.name, "--to", "out.txt", environment=environment) as terminal:
        with pipe.open("w") as stream:
            stream.write(rows)
            stream.flush()
            time.sleep(1.1)
            stream.write(rows)
        code, _, said = terminal.end()
    assert code == 0, said
    shown = re.findall(r"\r\x1b\[2K    ([\d,]+) rows, ([\d,]+) rows a second", said)
    assert len(shown) >= 2
    assert shown[-1][0] == "40,000"
    assert 0 < int(shown[-1][1].replace(",", "")) < 40_000 / 1.1
    assert said.rindex("40,000 predictions in out.txt") > said.rindex("rows a second\r\x1b[2K")


def test_nothing_of_the_progress_is_left_when_no_message_follows_it(boston: CommandLine) -> None:
    row = (boston.folder / "data/test/boston_test.csv").read_text().splitlines()[0]
    pipe = boston.folder / "late.csv"
    os.mkfifo(pipe)
    with Terminal(boston.folder, "predict", pipe.name, environment={"TERM": "xterm", "CI": ""}) as terminal:
        with pipe.open("w") as stream:
            time.sleep(1.1)
            stream.write(f"{row}\n")
        code, stdout, said = terminal.end()
    assert code == 0, said
    assert len(stdout.splitlines()) == 1
    assert said.endswith("rows a second\r\x1b[2K")
