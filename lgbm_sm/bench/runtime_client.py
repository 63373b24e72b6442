"""Send load to a SageMaker endpoint. Each client is a thread, because boto3 is synchronous."""

import itertools
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from lgbm_sm.bench.requests import Load
from lgbm_sm.bench.samples import Samples
from lgbm_sm.errors import AwsError, InvocationError
from lgbm_sm.invocation.transport import Sender

_PAUSE_SECONDS = 0.05  # the pause after a failure: a throttled client slows down


@dataclass
class _Phase:
    samples: Samples
    deadline: float
    left: int
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take_turn(self) -> bool:
        """Count one more request, and return whether it may be sent."""
        with self.lock:
            if self.left <= 0 or time.perf_counter() >= self.deadline:
                return False
            self.left -= 1
            return True

    def stop(self) -> None:
        with self.lock:
            self.left = 0


class RuntimeClient:
    """A LoadClient for a SageMaker endpoint. `open_sender` gets the number of threads."""

    def __init__(self, open_sender: Callable[[int], Sender], load: Load, most_clients: int) -> None:
        self._sender = open_sender(most_clients)
        self._bodies = itertools.cycle(load.bodies)

    def run(self, concurrency: int, seconds: float, most_requests: int) -> Samples:
        """See LoadClient."""
        with Samples().timed() as samples, ThreadPoolExecutor(concurrency) as executor:
            phase = _Phase(samples, time.perf_counter() + seconds, most_requests)
            try:
                for client in [executor.submit(self._send_in_turn, phase) for _ in range(concurrency)]:
                    client.result()
            finally:
                phase.stop()
        return samples

    def _send_in_turn(self, phase: _Phase) -> None:
        while phase.take_turn():
            with phase.lock:
                body = next(self._bodies)
            started_ns = time.perf_counter_ns()
            try:
                answer = self._sender.send(body)
            except InvocationError as error:
                kind, said = "no answer", error.message
            except AwsError as error:
                kind, said = error.code or "no answer", error.message
            else:
                taken_ns = time.perf_counter_ns() - started_ns
                if answer.status == 200:
                    with phase.lock:
                        phase.samples.latencies_ns.append(taken_ns)
                    continue
                kind, said = str(answer.status), answer.body.decode("utf-8", errors="replace")
            with phase.lock:
                phase.samples.fail(kind, said)
            time.sleep(_PAUSE_SECONDS)

    def close(self) -> None:
        """See LoadClient."""
        self._sender.close()
