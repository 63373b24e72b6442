"""What the figures say of one's own traffic: which step keeps a limit, and how many such instances it takes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from lgbm_sm.bench.figures import Step


@dataclass(frozen=True)
class Traffic:
    """What is to be carried: requests a second, and the p99 in ms that they may have; None where that is no matter."""

    rate: float | None
    p99_ms: float | None


@dataclass(frozen=True)
class Advice:
    """`step` is the fastest that keeps the limit without an error, `instances` how many of them carry the rate.

    Both are None where no step does, `instances` too where no rate is asked for.
    """

    step: Step | None
    requests_per_second_per_instance: float | None
    instances: int | None
    sentences: tuple[str, ...]


def advise(steps: Sequence[Step], traffic: Traffic, *, instances: int, instance: str) -> Advice:
    """The advice; the figures are those of `instances` of what `instance` names, such as ml.m4.xlarge."""
    limit = "" if traffic.p99_ms is None else f"p99 within {traffic.p99_ms:g} ms, "
    sound = [step for step in steps if step.latency and not step.failures]
    kept = [step for step in sound if traffic.p99_ms is None or (step.latency and step.latency.p99 <= traffic.p99_ms)]
    if not kept:
        lowest = min((step.latency.p99 for step in sound if step.latency), default=None)
        nearest = "every step had errors" if lowest is None else f"the lowest p99 was {lowest:.3g} ms"
        return Advice(None, None, None, (f"No step holds {limit}no errors: {nearest}.",))
    best = max(kept, key=lambda step: step.requests_per_second)
    here = f"{instances} x {instance}"
    each = best.requests_per_second / instances
    sentences = [
        f"{limit}no errors: {best.concurrency} clients at once, {best.requests_per_second:,.0f} requests/s, {here}."
    ]
    if best.is_client_limited:
        sentences.append("This program was the limit there: the server carries at least that much, perhaps more.")
    needed = None
    if traffic.rate is not None:
        needed = max(1, math.ceil(traffic.rate / each))
        sentences.append(
            f"{traffic.rate:,.6g} requests/s need {needed} x {instance}. That assumes: the requests are spread evenly, "
            f"each instance carries what one did here ({each:,.0f} requests/s), and nothing is kept in reserve for "
            "peaks or for an instance that fails."
        )
    return Advice(best, each, needed, tuple(sentence[0].upper() + sentence[1:] for sentence in sentences))
