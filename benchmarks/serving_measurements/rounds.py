"""The rounds of a run. In each round, all servers take turns in another order."""

import shutil
import sys
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from benchmarks.serving_measurements.dialects import SAGEMAKER_CSV, Dialect
from benchmarks.serving_measurements.floor import start_floor
from benchmarks.serving_measurements.load import LoadError, NoAnswerError, Outcome, Stream, bodies_file, run_load
from benchmarks.serving_measurements.measures import (
    IDLE_PSS,
    MEASURES,
    MIXED_P99,
    MIXED_RATE,
    START,
    TIMES_OF,
    Figures,
)
from benchmarks.serving_measurements.models import SMALL, Model, Recipe
from benchmarks.serving_measurements.peers import FLOOR, OURS, Peer
from benchmarks.serving_measurements.programs import UnavailableError
from benchmarks.serving_measurements.servers import Server, wait_until_open
from benchmarks.serving_measurements.verification import WrongAnswerError, verify, wait_for_first_answer
from benchmarks.serving_measurements.workloads import (
    FLOOR_WORKLOADS,
    MIXED_LARGE,
    MIXED_SMALL,
    WORKLOADS,
    Workload,
)
from lgbm_sm.record.work_folder import remove_tree

_FAILURES = (UnavailableError, WrongAnswerError, LoadError)
_OPEN_SECONDS = 10.0
_SETTLE_SECONDS = 1.0
_WARM_UP_SECONDS = 1.0
_LONGER = (1, 4, 16)
# the numbers of rows in the requests that are sent before the memory is measured
_IDLE_SIZES = (1,)


class OwnFailureError(Exception):
    """Our own server failed, so the run has no result."""


@dataclass
class Run:
    """A run of the benchmark.

    `long_seconds` is the duration of the longest measurements. `failures` has the reason why a server is no longer
    measured, by the name of the server. If a server failed under one load only, the key is that of `failed_load`.
    """

    folder: Path
    models: dict[Recipe, Model]
    workers: int
    long_seconds: float
    figures: Figures = field(default_factory=Figures)
    failures: dict[str, str] = field(default_factory=dict)

    def round(self, peers: Sequence[Peer]) -> None:
        """Measure each server once.

        Raises:
            OwnFailureError: our own server failed.
        """
        for peer in self._working(peers):
            with self._excused(peer):
                self._measure_start(peer)
        for recipe in self.models:
            self._measure_load(peers, recipe)

    def _working(self, peers: Sequence[Peer]) -> list[Peer]:
        return [peer for peer in peers if peer.name not in self.failures]

    @contextmanager
    def _excused(self, peer: Peer, keys: Collection[str] = tuple(MEASURES), failure: str = "") -> Iterator[None]:
        """Run the block. If it fails, drop these measures of the server and report the reason."""
        try:
            yield
        except _FAILURES as error:
            if peer.name == OURS:
                raise OwnFailureError(f"{peer.name}: {error}") from error
            say(f"{failure or peer.name} FAILED: {error}")
            self.failures[failure or peer.name] = str(error)
            self.figures.drop(peer.name, keys)

    def _measure_start(self, peer: Peer) -> None:
        """Measure the start and the memory of a server while no other server runs.

        Memory pages that two servers share would count only half for each of them.
        """
        with self._started(peer, SMALL, _IDLE_SIZES) as (server, seconds):
            time.sleep(_SETTLE_SECONDS)
            megabytes = server.pss_bytes() / 1e6
        self.figures.add(START, peer.name, seconds)
        self.figures.add(IDLE_PSS, peer.name, megabytes)
        say(f"  {peer.name}: first answer after {seconds:.2f} s, {megabytes:.0f} MB")

    @contextmanager
    def _started(self, peer: Peer, recipe: Recipe, sizes: Collection[int]) -> Iterator[tuple[Server, float]]:
        """Start a server and check its answers. Yield it with the seconds to its first answer."""
        model = self.models[recipe]
        folder = self.folder / f"{type(peer).__name__}-{time.monotonic_ns()}"
        folder.mkdir()
        start = peer.prepare(model, folder, self.workers)
        started_at = time.monotonic()
        server = start()
        try:
            seconds = wait_for_first_answer(server, peer.dialect, model, started_at)
            verify(server, peer.dialect, model, sizes)
            yield server, seconds
        finally:
            server.stop()
            remove_tree(folder)  # remove_tree, because our models are read-only

    def _measure_load(self, peers: Sequence[Peer], recipe: Recipe) -> None:
        """Start all servers, and send load to one at a time.

        So only a few seconds are between the measurements that are compared.
        """
        workloads = [workload for workload in WORKLOADS if workload.recipe == recipe]
        sizes = {workload.rows for workload in workloads}
        with ExitStack() as stack:
            servers: dict[str, tuple[Server, Dialect]] = {}
            for peer in self._working(peers):
                with self._excused(peer):
                    server, _ = stack.enter_context(self._started(peer, recipe, sizes))
                    servers[peer.name] = (server, peer.dialect)
            floor = stack.enter_context(self._floor()) if recipe == SMALL else None
            for workload in workloads:
                if floor and workload in FLOOR_WORKLOADS:
                    self._load(workload, FLOOR, floor, SAGEMAKER_CSV)
                keys = [workload.key, *([key] if (key := TIMES_OF.get(workload.key)) else [])]
                self._in_turn(peers, servers, workload.title, keys, partial(self._load, workload))
            if recipe == SMALL:
                self._in_turn(peers, servers, MIXED_SMALL.title, (MIXED_P99, MIXED_RATE), self._mixed_load)

    def _in_turn(
        self,
        peers: Sequence[Peer],
        servers: dict[str, tuple[Server, Dialect]],
        title: str,
        keys: Collection[str],
        measure: Callable[[str, Server, Dialect], str],
    ) -> None:
        for peer in self._working(peers):
            failure = failed_load(peer.name, title)
            if failure in self.failures:
                continue
            with self._excused(peer, keys, failure):
                say(f"  {title}: {peer.name} {measure(peer.name, *servers[peer.name])}")

    @contextmanager
    def _floor(self) -> Iterator[Server]:
        folder = self.folder / f"floor-{time.monotonic_ns()}"
        folder.mkdir()
        server = start_floor(folder, self.workers)
        try:
            if not wait_until_open(server, _OPEN_SECONDS):
                raise UnavailableError(f"{FLOOR} does not start\n{server.log_end()}")
            yield server
        finally:
            server.stop()
            shutil.rmtree(folder)

    def _load(self, workload: Workload, name: str, server: Server, dialect: Dialect) -> str:
        outcome = self._window(server, [self._stream(dialect, workload)], workload.share)[0]
        self.figures.add(workload.key, name, outcome.rate)
        if workload.key in TIMES_OF and outcome.p50_ms:
            self.figures.add(TIMES_OF[workload.key], name, outcome.p50_ms)
        return f"{outcome.rate:.1f}/s"

    def _mixed_load(self, name: str, server: Server, dialect: Dialect) -> str:
        streams = [self._stream(dialect, MIXED_SMALL), self._stream(dialect, MIXED_LARGE)]
        small, large = self._window(server, streams, 1.0)
        if small.p99_ms is None:
            raise LoadError("a client with one-row requests had fewer than two answers")
        self.figures.add(MIXED_P99, name, small.p99_ms)
        self.figures.add(MIXED_RATE, name, large.rate)
        return f"p99 {small.p99_ms:.1f} ms, beside {large.rate:.1f}/s"

    def _stream(self, dialect: Dialect, workload: Workload) -> Stream:
        bodies = bodies_file(self.folder, self.models[workload.recipe], dialect, workload.rows)
        timed = workload.clients == 1 or workload is MIXED_SMALL
        return Stream(bodies, dialect, workload.clients, timed)

    def _window(self, server: Server, streams: Sequence[Stream], share: float) -> list[Outcome]:
        """Send load to a server after a warm-up. Take longer if there are fewer than two answers.

        At the end, wrk drops its last requests. The function waits until the server has processed them.
        """
        seconds = max(1.0, share * self.long_seconds)
        run_load(server.port, _WARM_UP_SECONDS, streams[:1], least_answers=0)
        for longer in _LONGER:
            server.wait_until_idle()
            try:
                return run_load(server.port, longer * seconds, streams)
            except NoAnswerError as error:
                say(f"    {error}: trying again with more time")
            finally:
                server.wait_until_idle()
        raise LoadError(f"fewer than two answers within {_LONGER[-1] * seconds:.0f} s")


def failed_load(name: str, title: str) -> str:
    """Return the key in `failures` for a server that failed under one load only."""
    return f"{name}, {title}"


def say(text: str) -> None:
    """Print a line about the progress."""
    print(text, file=sys.stderr, flush=True)
