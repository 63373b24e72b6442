"""On a terminal, `train` shows the iterations on one line."""

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
