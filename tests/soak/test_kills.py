"""After a command is killed, no file of the user is lost, and cleanup removes ours."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from tests.cli.forked import ForkServer
from tests.soak.trial import LAYOUTS, Measured, Trial, measure
from tests.soak.user import User

PROCESS_KILLS = 240

pytestmark = [pytest.mark.soak("files"), pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="session")
def measured(fork_server: ForkServer, tmp_path_factory: pytest.TempPathFactory) -> Measured:
    """How long each command takes on this machine, with processes."""
    user = User(tmp_path_factory.mktemp("measured"), "soak-measured", fork_server)
    user.settle()
    try:
        return measure(user)
    finally:
        user.leave()


@pytest.mark.parametrize("trial", [f"{number}-{LAYOUTS[number % len(LAYOUTS)]}" for number in range(PROCESS_KILLS)])
def test_nothing_is_lost_and_nothing_left_after_a_kill(
    trial: str,
    seed: int,
    measured: Measured,
    fork_server: ForkServer,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    number, _, layout = trial.partition("-")
    user = User(tmp_path / "user", f"soak-{seed}-{number}", fork_server)
    user.settle()
    try:
        kills = Trial(user, Random(f"{seed}-{number}"), measured).run(layout)
    finally:
        user.leave()
    record_property("kills", kills)
    record_property(layout, 1)
