"""How a server ends, comes again, and lasts."""

import itertools
import threading
import time
from collections.abc import Iterator

from lgbm_sm.verification.checks import Result
from lgbm_sm.verification.client import Reply
from lgbm_sm.verification.serving_checks import DRAIN, MEMORY, RESTART, SIGTERM
from lgbm_sm.verification.serving_requests import Conversation
from lgbm_sm.verification.subject import LARGEST_PAYLOAD, LARGEST_PAYLOAD_TODAY, SampleRequest

_CLIENTS = 4
_UNDER_WAY_SECONDS = 0.1  # until the requests have reached the server
_ROUNDS = 3  # the first fills caches
_ROUND_REQUESTS = 1000
_ALLOWED_BYTES = 4 * 1024**2  # in a round; what an interpreter's own heap moves by


def check_stop(conversation: Conversation) -> Iterator[Result]:
    """SIGTERM while requests are worked on; the server has then ended, or is killed."""
    limits = conversation.serving.limits
    started = conversation.server.started
    work = _work(conversation)
    if isinstance(work, str):
        yield DRAIN.skipped(work)
        started.terminate()
        signalled_at = time.monotonic()
    else:
        signalled_at, result = _stop_under_way(conversation, work)
        yield result
    code = started.wait(max(0.0, limits.stop_serving - (time.monotonic() - signalled_at)))
    seconds = time.monotonic() - signalled_at
    if code is None:
        yield SIGTERM.broken(f"still running {seconds:.0f} s after SIGTERM; the platform then kills it")
    else:
        yield SIGTERM.passed(f"ended within {seconds:.1f} s of SIGTERM, exit code {code}")


def _work(conversation: Conversation) -> SampleRequest | str:
    """A request that takes long enough to be under way when a signal comes, or why there is none."""
    request = conversation.request
    if request is None:
        return "there is no request that the model can answer: pass --request FILE"
    bodies = [request.body, request.of_size(LARGEST_PAYLOAD)]
    if conversation.large_is_ok:
        bodies.append(request.of_size(LARGEST_PAYLOAD_TODAY))
    for body in filter(None, bodies):
        reply = conversation.invoke(body, request.content_type)
        if reply.is_ok and reply.seconds > 2 * _UNDER_WAY_SECONDS:
            return SampleRequest(body, request.content_type)
    return "no request takes long enough to be under way when SIGTERM comes"


def _stop_under_way(conversation: Conversation, work: SampleRequest) -> tuple[float, Result]:
    """When SIGTERM was sent, and what became of the requests that were under way."""
    replies: list[Reply] = []
    clients = [
        threading.Thread(target=lambda: replies.append(conversation.invoke(work.body, work.content_type)))
        for _ in range(_CLIENTS if conversation.concurrent_is_ok else 1)
    ]
    for client in clients:
        client.start()
    time.sleep(_UNDER_WAY_SECONDS)
    conversation.server.started.terminate()
    signalled_at = time.monotonic()
    for client in clients:
        client.join()
    lost = [reply for reply in replies if not reply.is_ok]
    under_way = sum(reply.ended_at > signalled_at or not reply.is_ok for reply in replies)
    if not under_way:
        return signalled_at, DRAIN.skipped("every request was answered before SIGTERM came")
    if lost:
        return signalled_at, DRAIN.broken(f"{len(lost)} of {under_way} requests under way were lost: {lost[0]}")
    return signalled_at, DRAIN.passed(f"{under_way} requests that were under way were answered")


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
