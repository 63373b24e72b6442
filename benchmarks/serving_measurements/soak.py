"""Run our server at full load. No request may fail, and its memory must not grow."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.serving_measurements.load import Stream, bodies_file, run_load
from benchmarks.serving_measurements.models import Model
from benchmarks.serving_measurements.own_server import OwnServer
from benchmarks.serving_measurements.verification import verify, wait_for_first_answer
from lgbm_sm.record.work_folder import remove_tree

# the number of clients by the number of rows in their requests; all run at the same time
_CLIENTS = {1: 16, 100: 4, 10_000: 1}
_SAMPLES = 60
# The limits for the growth of memory from the second quarter of the time to the last. A normal allocator grows less,
# even in an hour.
_GROWTH_SHARE = 0.02
_GROWTH_MB = 2.0


class SoakError(Exception):
    """The memory grew, or a worker was replaced."""


@dataclass(frozen=True)
class Memory:
    """The memory (PSS) of all processes in MB, measured at regular intervals under load."""

    pss_mb: Sequence[float]

    @property
    def growth_mb(self) -> float:
        """The median of the last quarter minus the median of the second. The first is warm-up."""
        quarter = max(1, len(self.pss_mb) // 4)
        return median(self.pss_mb[-quarter:]) - median(self.pss_mb[quarter : 2 * quarter])

    @property
    def is_flat(self) -> bool:
        return self.growth_mb <= max(_GROWTH_MB, _GROWTH_SHARE * median(self.pss_mb))


def soak(model: Model, folder: Path, workers: int, seconds: float) -> dict[str, Any]:
    """Run the server under load. Return the numbers of requests and the memory.

    Raises:
        LoadError: a request failed.
        WrongAnswerError: an answer was wrong, before or after the load.
        SoakError: the memory grew, or a worker was replaced.
    """
    peer = OwnServer()
    server_folder = folder / "soak"
    server_folder.mkdir()
    start = peer.prepare(model, server_folder, workers)
    streams = [
        Stream(bodies_file(folder, model, peer.dialect, rows), peer.dialect, clients, timed=clients == 1)
        for rows, clients in _CLIENTS.items()
    ]
    started_at = time.monotonic()
    server = start()
    try:
        wait_for_first_answer(server, peer.dialect, model, started_at)
        verify(server, peer.dialect, model, _CLIENTS)
        before = {process.pid for process in server.processes()}
        samples = []
        with ThreadPoolExecutor(1) as pool:
            load = pool.submit(run_load, server.port, seconds, streams)
            while not load.done():
                time.sleep(seconds / _SAMPLES)
                if not load.done():
                    samples.append(round(server.pss_bytes() / 1e6, 1))
        outcomes = load.result()
        verify(server, peer.dialect, model, _CLIENTS)
        replaced = before - {process.pid for process in server.processes()}
    finally:
        server.stop()
        remove_tree(server_folder)
    memory = Memory(samples)
    if replaced:
        raise SoakError(f"the processes {sorted(replaced)} have ended\n{server.log_end()}")
    if not memory.is_flat:
        raise SoakError(f"memory grew by {memory.growth_mb:.1f} MB: {samples}")
    sent = {
        f"{rows} rows, {_CLIENTS[rows]} clients": one.requests for rows, one in zip(_CLIENTS, outcomes, strict=True)
    }
    return {
        "seconds": seconds,
        "requests": sent,
        "failed": 0,
        "growth_mb": round(memory.growth_mb, 1),
        "pss_mb": samples,
    }
