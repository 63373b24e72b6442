"""Advice for the expected traffic: the best load step, and the number of instances."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from lgbm_sm.bench.figures import LoadStep
from lgbm_sm.wording import counted


@dataclass(frozen=True)
class Traffic:
    """The expected traffic: the requests per second, and the limit of p99 in ms. None means not given."""

    rate: float | None
    p99_ms: float | None


@dataclass(frozen=True)
class Advice:
    """The advice after a load test.

    `step` is the fastest step within the p99 limit and without errors, or None if there is no such step. `instances` is
    the number of instances that the expected traffic needs. It is None without a step or without an expected rate.
    """

    step: LoadStep | None
    requests_per_second_per_instance: float | None
    instances: int | None
    sentences: tuple[str, ...]


def advise(steps: Sequence[LoadStep], traffic: Traffic, *, instances: int, instance: str) -> Advice:
    """Return the advice for measured steps.

    `instances` is the number of instances behind the endpoint. `instance` is their type, such as ml.m4.xlarge.
    """
    limit = "" if traffic.p99_ms is None else f"p99 within {traffic.p99_ms:g} ms and "
    sound = [step for step in steps if step.latency and not step.failures]
    kept = [step for step in sound if traffic.p99_ms is None or (step.latency and step.latency.p99 <= traffic.p99_ms)]
    if not kept:
        lowest = min((step.latency.p99 for step in sound if step.latency), default=None)
        nearest = "every step had errors" if lowest is None else f"the lowest p99 was {lowest:.3g} ms"
        return Advice(None, None, None, (f"No step has {limit}no errors: {nearest}.",))
    best = max(kept, key=lambda step: step.requests_per_second)
    here = f"{instances} x {instance}"
    each = best.requests_per_second / instances
    sentences = [
        f"{limit}no errors: {counted(best.concurrency, 'client')}, {best.requests_per_second:,.0f} requests/s, {here}."
    ]
    if best.is_client_limited:
        sentences.append("The client limited the rate in that step: the server sustains at least that rate.")
    needed = None
    if traffic.rate is not None:
        needed = max(1, math.ceil(traffic.rate / each))
        sentences.append(
            f"{traffic.rate:,.6g} requests/s need {needed} x {instance}. This assumes that requests are spread evenly, "
            f"that each instance sustains {each:,.0f} requests/s as measured here, "
            "and that there is no reserve for peaks or failed instances."
        )
    return Advice(best, each, needed, tuple(sentence[0].upper() + sentence[1:] for sentence in sentences))
