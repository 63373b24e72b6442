"""A short measurement of our own server with `make benchmark`, and servers that fail."""

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from benchmarks.serving_measurements.dialects import SAGEMAKER_CSV, V2_JSON, Dialect
from benchmarks.serving_measurements.load import LoadError, Stream, bodies_file, run_load
from benchmarks.serving_measurements.models import SMALL, Model, Recipe, trained_model
from benchmarks.serving_measurements.own_server import OwnServer
from benchmarks.serving_measurements.peers import MLSERVER, OURS
from benchmarks.serving_measurements.rounds import OwnFailureError, Run
from benchmarks.serving_measurements.servers import Server, free_port, plain_environment, start_server
from benchmarks.serving_measurements.verification import WrongAnswerError, verify, wait_for_first_answer

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("benchmarks")]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return trained_model(tmp_path_factory.mktemp("models"), Recipe("tiny", 13, 5, 7), print)


@pytest.fixture(scope="module")
def server(model: Model, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    server = OwnServer().prepare(model, folder, 2)()
    yield server
    server.stop()
    assert server.processes() == []


@dataclass
class DeadPeer:
    """A server that prints why it cannot serve, and ends."""

    name: str
    how: str = ""
    dialect: Dialect = SAGEMAKER_CSV

    def install(self, cache_path: Path) -> dict[str, str]:  # noqa: ARG002 - a Peer's arguments
        return {}

    def prepare(self, model: Model, folder: Path, workers: int) -> Callable[[], Server]:  # noqa: ARG002
        command = ["sh", "-c", "echo no memory left; exit 3"]
        return partial(start_server, command, plain_environment(folder), folder, free_port())


def test_a_peer_that_does_not_start_is_reported_with_its_last_words(model: Model, tmp_path: Path) -> None:
    run = Run(tmp_path, {SMALL: model}, workers=2, long_seconds=1)
    peer = DeadPeer(MLSERVER)
    with run._excused(peer):
        run._measure_start(peer)
    assert list(run.failures) == [MLSERVER]
    assert run.failures[MLSERVER].endswith("\nno memory left")
    assert run._working([peer]) == []


def test_the_run_ends_when_our_own_server_does_not_start(model: Model, tmp_path: Path) -> None:
    run = Run(tmp_path, {SMALL: model}, workers=2, long_seconds=1)
    peer = DeadPeer(OURS)
    with pytest.raises(OwnFailureError, match="no memory left"), run._excused(peer):
        run._measure_start(peer)


def test_our_servers_answers_are_right_when_they_are_those_of_its_model(model: Model, server: Server) -> None:
    assert 0 < wait_for_first_answer(server, SAGEMAKER_CSV, model, time.monotonic()) < 60
    verify(server, SAGEMAKER_CSV, model, {1, 100})
    assert 5e6 < server.pss_bytes() < 1e9


def test_our_servers_answers_are_wrong_when_another_model_was_expected(server: Server, tmp_path: Path) -> None:
    other = trained_model(tmp_path, Recipe("other", 13, 6, 7), print)
    with pytest.raises(WrongAnswerError, match="predicts"):
        wait_for_first_answer(server, SAGEMAKER_CSV, other, time.monotonic())


@pytest.mark.skipif(not shutil.which("wrk"), reason="wrk, the generator of load, is not installed")
def test_load_counts_what_was_answered_and_refuses_other_answers_than_200(
    model: Model, server: Server, tmp_path: Path
) -> None:
    wait_for_first_answer(server, SAGEMAKER_CSV, model, time.monotonic())
    streams = [
        Stream(bodies_file(tmp_path, model, SAGEMAKER_CSV, 1), SAGEMAKER_CSV, 1, timed=True),
        Stream(bodies_file(tmp_path, model, SAGEMAKER_CSV, 100), SAGEMAKER_CSV, 4, timed=False),
    ]
    one_row, hundred_rows = run_load(server.port, 1, streams)
    assert one_row.p50_ms is not None
    assert one_row.p99_ms is not None
    assert one_row.max_ms is not None
    assert 0 < one_row.p50_ms <= one_row.p99_ms <= one_row.max_ms
    # one client waits for one answer at a time, and half of them took the median or longer
    assert one_row.requests / 2 * one_row.p50_ms / 1000 < 1.1 * one_row.seconds
    assert (one_row.requests + 1) * one_row.max_ms / 1000 > 0.5 * one_row.seconds
    assert hundred_rows.p50_ms is None
    assert hundred_rows.requests > 1
    with pytest.raises(LoadError, match="failed"):
        run_load(server.port, 1, [Stream(streams[0].bodies_path, V2_JSON, 1, timed=True)])
