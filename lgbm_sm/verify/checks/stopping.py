"""Checks of how a server stops and restarts, and of its memory."""

import itertools
import threading
import time
from collections.abc import Iterator

from lgbm_sm import contract
from lgbm_sm.invocation.single_requests import Reply
from lgbm_sm.verify.checks import DEVELOPER_GUIDE_HOSTING, Result, Verdict, advice, rule
from lgbm_sm.verify.checks.requests import NO_REQUEST, Conversation
from lgbm_sm.verify.subject import SampleRequest

DRAIN = rule(
    "serve-drain",
    "An update or a scale-in sends SIGTERM during requests; the caller of each dropped request gets an error.",
    "after SIGTERM, accept no more connections, answer the requests in progress, then exit",
    DEVELOPER_GUIDE_HOSTING,
)
SIGTERM = rule(
    "serve-sigterm",
    f"SageMaker sends SIGTERM, and SIGKILL {contract.STOP_SERVING_SECONDS:.0f} s later.",
    "write ENTRYPOINT in exec form, and handle SIGTERM: process 1 ignores SIGTERM by default",
    DEVELOPER_GUIDE_HOSTING,
)
MEMORY = advice(
    "serve-memory",
    "An endpoint may run for months: if each request leaks memory, the container finally has no memory and is killed.",
    "look for caches without a limit, and for data frames in global variables",
    'AWS developer guide, "Amazon SageMaker AI metrics in Amazon CloudWatch": MemoryUtilization',
)
RESTART = advice(
    "serve-restart",
    "A restarted container still has the files of its first run: sockets, locks, process ids.",
    "before the server starts, remove the files of an earlier run",
    "Docker, `docker restart`",
)
CHECKS = (DRAIN, SIGTERM, MEMORY, RESTART)

_SIZES = (1_000_000, 4_000_000, contract.OLDER_REQUEST_BYTES, contract.REQUEST_BYTES)
_SIGNAL_SECONDS = 0.05  # the time that Docker takes to send a signal
_LEAST_SECONDS = 2 * _SIGNAL_SECONDS
_ATTEMPTS = 10
_STOPS = 4  # if the request is answered before the signal arrives, try again, up to this many times
_ROUNDS = 3  # the first round only fills caches
_ROUND_REQUESTS = 1000
_ALLOWED_BYTES = 4 * 1024**2  # the memory may grow by this much in a round: the memory of a Python process varies so


def check_stop(conversation: Conversation) -> Iterator[Result]:
    """Send SIGTERM during a request. Judge the answer to the request and the end of the server."""
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
    """Stop the server once. Return the result for the request in progress, and the result for the server."""
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
        return drained, SIGTERM.broken(f"still running {seconds:.0f} s after SIGTERM; SageMaker then sends SIGKILL")
    return drained, SIGTERM.passed(f"ended within {seconds:.1f} s of SIGTERM, exit code {code}")


def _work(conversation: Conversation) -> tuple[SampleRequest, float] | str:
    """Return a request that takes long enough, and its time. If there is no such request, return the reason."""
    request = conversation.request
    if request is None:
        return NO_REQUEST
    sizes = _SIZES if conversation.large_is_ok else [size for size in _SIZES if size < contract.OLDER_REQUEST_BYTES]
    for body in filter(None, [request.body, *map(request.of_size, sizes)]):
        reply = conversation.invoke(body, request.content_type)
        if reply.is_ok and reply.seconds > _LEAST_SECONDS:
            return SampleRequest(body, request.content_type), reply.seconds
    return "no request takes long enough for SIGTERM to arrive during it"


def _stop_under_way(conversation: Conversation, work: SampleRequest, usual_seconds: float) -> tuple[float, Result]:
    """Send SIGTERM during a request. Return the time of the signal, and the result for the request.

    If the request ends before the signal is sent, send another request with a shorter pause. The machine may have been
    busy when `usual_seconds` was measured.
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
        return signalled_at, DRAIN.skipped("the request was answered before SIGTERM arrived")
    said = f"answered {reply.ended_at - signalled_at:.1f} s after SIGTERM" if reply.is_ok else f"lost: {reply}"
    seen = f"a request sent {wait:.2f} s before SIGTERM was {said}"
    return signalled_at, DRAIN.judged(seen, is_met=reply.is_ok)


def _before_signal(usual_seconds: float) -> float:
    """Return the pause before a signal, so that the signal arrives in the middle of a request."""
    return max(0.01, usual_seconds / 2 - _SIGNAL_SECONDS)


def check_memory(conversation: Conversation) -> Result:
    """Judge whether the memory grows in each round of identical requests."""
    request = conversation.request
    if request is None:
        return MEMORY.skipped(NO_REQUEST)
    held = []
    for _ in range(_ROUNDS):
        until = time.monotonic() + conversation.serving.limits.memory_round
        for _ in range(_ROUND_REQUESTS):
            conversation.invoke(request.body, request.content_type)
            if time.monotonic() > until:
                break
        held.append(conversation.server.started.memory_bytes() or 0)
    if not all(held):
        return MEMORY.skipped("Docker does not report the container's memory")
    growth = [after - before for before, after in itertools.pairwise(held)]
    seen = "memory after each round of identical requests: " + ", ".join(f"{one / 1e6:.1f}" for one in held) + " MB"
    return MEMORY.judged(seen, is_met=min(growth) < _ALLOWED_BYTES)


def check_restart(conversation: Conversation) -> Result:
    """Judge a restart of the container that `check_stop` has stopped."""
    server = conversation.server
    if server.exit_code() is None:
        return RESTART.skipped(f"still running: see {SIGTERM.name}")
    startup = server.start_again(conversation.serving.limits)
    return RESTART.judged(
        f"ready again after {startup.seconds:.1f} s" if startup.is_ready else str(startup), is_met=startup.is_ready
    )
