"""The load steps. Each step has a warm-up and a share of the requests."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from lgbm_sm.backends import Consumption
from lgbm_sm.bench.figures import LoadStep, latency_of, usage_between
from lgbm_sm.bench.samples import LoadClient
from lgbm_sm.errors import InvocationError

_TRIES = 3
_WARM_UP_PART = 5  # the warm-up gets a fifth of a step's time and requests
_LONGEST_WARM_UP_SECONDS = 2.0


@dataclass(frozen=True)
class Schedule:
    """The plan of a load test.

    `concurrency` contains the number of clients of each step. Each step takes `seconds`. `most_requests` limits the sum
    of all requests. `timeout_seconds` is the time limit of one answer.
    """

    concurrency: Sequence[int]
    seconds: float
    most_requests: int
    timeout_seconds: float


def check_first_answer(client: LoadClient, schedule: Schedule) -> int:
    """Send single requests until one succeeds, but at most three. Return the number of sent requests.

    Raises:
        InvocationError: all three requests fail.
    """
    kind = said = ""
    for tries in range(1, _TRIES + 1):
        samples = client.run(1, schedule.timeout_seconds, 1)
        if samples.latencies_ns:
            return tries
        [(kind, failure)] = samples.failures.items()
        said = failure.example
    raise InvocationError(
        f"the first {_TRIES} requests failed: {kind}: {said}",
        "check that the server runs and accepts these rows (FILE, --content-type, --accept)",
    )


def run_steps(
    client: LoadClient, schedule: Schedule, consumption: Callable[[], Consumption | None], made: int
) -> Iterator[LoadStep]:
    """Run one step after the other. `made` is the number of requests that were already sent.

    Before each step, the requests that may still be sent are divided equally among the steps that are left. A step
    sends at most its share.
    """
    left = schedule.most_requests - made
    for index, concurrency in enumerate(schedule.concurrency):
        share = left // (len(schedule.concurrency) - index)
        warm_up_seconds = min(_LONGEST_WARM_UP_SECONDS, schedule.seconds / _WARM_UP_PART)
        warm_up = client.run(concurrency, warm_up_seconds, share // _WARM_UP_PART).requests
        before = consumption()
        samples = client.run(concurrency, schedule.seconds, share - warm_up)
        usage = usage_between(before, consumption())
        left -= warm_up + samples.requests
        yield LoadStep(
            concurrency=concurrency,
            good=len(samples.latencies_ns),
            failures=samples.failures,
            seconds=samples.seconds,
            latency=latency_of(samples),
            usage=usage,
            client_cpus=samples.client_cpus,
            client_waited=samples.client_waited,
            warm_up=warm_up,
            is_cut=warm_up + samples.requests >= share,
        )
