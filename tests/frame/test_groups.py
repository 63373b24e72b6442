"""How the suite runs: groups that share a process, and the signals of its processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.xdist_group("a group")
@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="all tests are in one process here")
def test_a_group_is_seen_by_what_shares_the_tests_out(request: pytest.FixtureRequest) -> None:
    assert request.node.nodeid.endswith("@a group")


def test_the_suite_can_be_interrupted_where_a_shell_runs_it_in_the_background() -> None:
    program = "import signal, tests.conftest; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
    shown = subprocess.run(
        ["sh", "-c", 'trap "" INT; exec "$0" -c "$1"', sys.executable, program],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert shown.stdout == "True\n"
