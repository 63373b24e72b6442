"""How a server ends, comes again, and lasts."""

import itertools
import threading
import time
from collections.abc import Iterator

from lgbm_sm.invocation.single_requests import Reply
from lgbm_sm.verify.checks import Result, Verdict
from lgbm_sm.verify.checks.requests import Conversation
from lgbm_sm.verify.checks.serving import DRAIN, MEMORY, RESTART, SIGTERM
from lgbm_sm.verify.subject import LARGEST_PAYLOAD, LARGEST_PAYLOAD_TODAY, SampleRequest

_SIZES = (1_000_000, 4_000_000, LARGEST_PAYLOAD, LARGEST_PAYLOAD_TODAY)
_SIGNAL_SECONDS = 0.05  # what Docker takes to send a signal
_LEAST_SECONDS = 2 * _SIGNAL_SECONDS
_ATTEMPTS = 10
_STOPS = 4  # a request that was answered before the signal arrived shows nothing: the server is stopped again
_ROUNDS = 3  # the first fills caches
_ROUND_REQUESTS = 1000
_ALLOWED_BYTES = 4 * 1024**2  # in a round; what an interpreter's own heap moves by


def check_stop(conversation: Conversation) -> Iterator[Result]:
    """SIGTERM while requests are worked on; the server has then ended, or is killed."""
    limits = conversation.serving.limits
    server = conversation.server
    work = _work(conversation)
    drained, ended = _stop(conversation, work)
    for _ in range(_STOPS - 1):
        is_clear = drained.verdict is not Verdict.SKIPPED or ended.verdict is not Verdict.PASS
        if isinstance(work, str) or is_clear or not server.start_again(limits).is_ready:
            break
        drained, ended = _stop(conversation, work)
    yield drained
    yield ended


def _stop(conversation: Conversation, work: tuple[SampleRequest, float] | str) -> tuple[Result, Result]:
    """What became of the request that SIGTERM met, and of the server."""
    started = conversation.server.started
    if isinstance(work, str):
        drained = DRAIN.skipped(work)
        started.terminate()
        signalled_at = time.monotonic()
    else:
        signalled_at, drained = _stop_under_way(conversation, *work)
    limit = conversation.serving.limits.stop_serving
    code = started.wait(max(0.0, limit - (time.monotonic() - signalled_at)))
    seconds = time.monotonic() - signalled_at
    if code is None:
        return drained, SIGTERM.broken(f"still running {seconds:.0f} s after SIGTERM; the platform then kills it")
    return drained, SIGTERM.passed(f"ended within {seconds:.1f} s of SIGTERM, exit code {code}")


def _work(conversation: Conversation) -> tuple[SampleRequest, float] | str:
    """A request that is under way for long enough to be met by a signal, with its seconds; or why there is none."""
    request = conversation.request
    if request is None:
        return "there is no request that the model can answer: pass --request FILE"
    sizes = _SIZES if conversation.large_is_ok else [size for size in _SIZES if size < LARGEST_PAYLOAD]
    for body in filter(None, [request.body, *map(request.of_size, sizes)]):
        reply = conversation.invoke(body, request.content_type)
        if reply.is_ok and reply.seconds > _LEAST_SECONDS:
            return SampleRequest(body, request.content_type), reply.seconds
    return "no request takes long enough to be under way when SIGTERM comes"


def _stop_under_way(conversation: Conversation, work: SampleRequest, usual_seconds: float) -> tuple[float, Result]:
    """When SIGTERM was sent, and what became of the request that was being worked on by then.

    A request that is through sooner than the last one is followed by another: the machine may have been busy before.
    """
    replies: list[Reply] = []

    def ask() -> threading.Thread:
        client = threading.Thread(
            target=lambda: replies.append(conversation.invoke(work.body, work.content_type)), daemon=True
        )
        client.start()
        client.join(wait)
        return client

    wait = _before_signal(usual_seconds)
    client = ask()
    while not client.is_alive() and len(replies) < _ATTEMPTS:
        wait = _before_signal(replies[-1].seconds)
        client = ask()
    conversation.server.started.terminate()
    signalled_at = time.monotonic()
    client.join()
    reply = replies[-1]
    if reply.is_ok and reply.ended_at < signalled_at:
        return signalled_at, DRAIN.skipped("the request was answered before SIGTERM came")
    said = f"answered {reply.ended_at - signalled_at:.1f} s after SIGTERM" if reply.is_ok else f"lost: {reply}"
    seen = f"a request that was under way for {wait:.2f} s was {said}"
    return signalled_at, DRAIN.judged(seen, is_met=reply.is_ok)


def _before_signal(usual_seconds: float) -> float:
    """How long a request is left alone, so that the signal arrives half-way through it."""
    return max(0.01, usual_seconds / 2 - _SIGNAL_SECONDS)


def check_memory(conversation: Conversation) -> Result:
    """Whether it grows from round to round of equal requests."""
    request = conversation.request
    if request is None:
        return MEMORY.skipped("there is no request that the model can answer: pass --request FILE")
    held = []
    for _ in range(_ROUNDS):
        until = time.monotonic() + conversation.serving.limits.memory_round
        for _ in range(_ROUND_REQUESTS):
            conversation.invoke(request.body, request.content_type)
            if time.monotonic() > until:
                break
        held.append(conversation.server.memory_bytes())
    if not all(held):
        return MEMORY.skipped("the engine does not say what the container holds")
    growth = [after - before for before, after in itertools.pairwise(held)]
    seen = "after each round of the same requests it holds " + ", ".join(f"{one / 1e6:.1f}" for one in held) + " MB"
    return MEMORY.judged(seen, is_met=min(growth) < _ALLOWED_BYTES)


def check_restart(conversation: Conversation) -> Result:
    """Start the container again that `check_stop` has stopped."""
    server = conversation.server
    if server.exit_code() is None:
        return RESTART.skipped("it has not ended: see serve-sigterm")
    startup = server.start_again(conversation.serving.limits)
    return RESTART.judged(
        f"ready again after {startup.seconds:.1f} s" if startup.is_ready else str(startup), is_met=startup.is_ready
    )
