"""What a server answers: each request for one thing."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

from lgbm_sm.invocation.single_requests import Reply
from lgbm_sm.verify.checks import Check, Result
from lgbm_sm.verify.checks.serving import (
    CLIENT_ERRORS,
    CONCURRENCY,
    CONTENT_TYPE,
    EMPTY_BODY,
    EXECUTION_PARAMETERS,
    HOSTILE_BODY,
    INVOCATIONS,
    ONE_ROW,
    REQUESTS,
    SIX_MEGABYTES,
    TODAYS_LIMIT,
    WRONG_METHOD,
)
from lgbm_sm.verify.checks.startup import Serving
from lgbm_sm.verify.server import INVOCATIONS_PATH, Server
from lgbm_sm.verify.subject import LARGEST_PAYLOAD, LARGEST_PAYLOAD_TODAY, SampleRequest

_CLIENTS = 8
_PING_PAUSE_SECONDS = 0.1
_RETRY_SECONDS = 5.0
_ENDING_SECONDS = 1.0  # until the engine knows that a container has ended
# each with the content type that it is sent as; no model can predict from any of them
_HOSTILE: tuple[tuple[str, bytes, str], ...] = (
    ("bytes that are no text", bytes(range(256)) * 4, ""),
    ("JSON that breaks off", b'{"instances": [[1, 2', "application/json"),
    ("a type that nobody knows", b"1,2,3\n", "application/x-lgbm-sm-unknown"),
)


@dataclass
class Conversation:
    """A server that is replaced where a request has ended it.

    `ping_seconds`: what a ping may take, which is more than the platform's limit where that is known to be missed.
    """

    serving: Serving
    server: Server
    request: SampleRequest | None
    ping_seconds: float = 2.0
    large_is_ok: bool = True

    @property
    def seconds(self) -> float:
        return self.serving.limits.answer

    def ask(self, method: str, path: str, body: bytes | None = None, content_type: str = "") -> Reply:
        return self.server.ask(method, path, body, content_type, seconds=self.seconds)

    def invoke(self, body: bytes, content_type: str) -> Reply:
        return self.ask("POST", INVOCATIONS_PATH, body, content_type)

    def survives(self) -> str:
        """Empty where the server still answers pings; else what became of it. It is then replaced."""
        ping = self.server.ping(self.ping_seconds)
        if ping.status == 200:
            return ""
        code = self.server.started.wait(_ENDING_SECONDS)
        said = f"the container ended with exit code {code}" if code is not None else f"/ping then answers {ping}"
        self.server.started.remove()
        self.server = self.serving.start()
        self.server.wait_until_ready(self.serving.limits)
        return said


def check_requests(conversation: Conversation) -> Iterator[Result]:
    """All but the ping's truth, which has been looked at before."""
    request = conversation.request
    yield _check_method(conversation)
    yield _check_execution_parameters(conversation)
    yield from _check_bad_bodies(conversation, request.content_type if request else "text/csv")
    if request is None:
        for check in (ONE_ROW, CONTENT_TYPE, SIX_MEGABYTES, TODAYS_LIMIT, CONCURRENCY):
            yield check.skipped("there is no request that the model can answer: pass --request FILE")
        return
    answer = conversation.invoke(request.body, request.content_type)
    yield _check_one_row(conversation, request)
    yield _check_parameters(conversation, request, answer)
    yield _check_size(conversation, request, SIX_MEGABYTES, LARGEST_PAYLOAD)
    if conversation.large_is_ok:
        yield _check_size(conversation, request, TODAYS_LIMIT, LARGEST_PAYLOAD_TODAY)
    else:
        yield TODAYS_LIMIT.skipped(f"less is refused already: see {SIX_MEGABYTES.name}")
    yield _check_concurrency(conversation, request)


def check_invocations(conversation: Conversation, first: Reply | None) -> Result:
    """`first`: the answer to the first request, sent right after the first ping."""
    request = conversation.request
    if first is None or request is None:
        return INVOCATIONS.skipped("there is no request that the model can answer: pass --request FILE")
    reply, until = first, time.monotonic() + _RETRY_SECONDS
    while not reply.is_ok and time.monotonic() < until and reply.status != 404:
        time.sleep(_PING_PAUSE_SECONDS)
        reply = conversation.invoke(request.body, request.content_type)
    if reply.is_ok and not reply.body.strip():
        return INVOCATIONS.broken(f"{reply.status} with an empty body")
    size = f"{reply.status}, {len(reply.body)} bytes after {reply.seconds:.3f} s"
    return INVOCATIONS.judged(size if reply.is_ok else str(reply), is_met=reply.is_ok)


def skip_requests(reason: str, *, without: tuple[Check, ...] = ()) -> Iterator[Result]:
    for check in REQUESTS:
        if check not in without:
            yield check.skipped(reason)


def _check_method(conversation: Conversation) -> Result:
    reply = conversation.ask("GET", INVOCATIONS_PATH)
    return WRONG_METHOD.judged(f"GET {INVOCATIONS_PATH}: {reply}", is_met=reply.is_client_error)


def _check_execution_parameters(conversation: Conversation) -> Result:
    reply = conversation.ask("GET", "/execution-parameters")
    return EXECUTION_PARAMETERS.judged(
        f"GET /execution-parameters: {reply.status or reply}", is_met=reply.is_ok or reply.is_client_error
    )


def _check_bad_bodies(conversation: Conversation, content_type: str) -> Iterator[Result]:
    empty = conversation.invoke(b"", content_type)
    yield _survived(conversation, EMPTY_BODY, {"an empty body": empty})
    hostile = {name: conversation.invoke(body, kind or content_type) for name, body, kind in _HOSTILE}
    yield _survived(conversation, HOSTILE_BODY, hostile)
    replies = {"an empty body": empty, **hostile}
    wrong = {name: reply for name, reply in replies.items() if reply.status is not None and not reply.is_client_error}
    named = ", ".join(f"{name}: {reply}" for name, reply in (wrong or replies).items())
    yield CLIENT_ERRORS.judged(named, is_met=not wrong)


def _survived(conversation: Conversation, check: Check, replies: dict[str, Reply]) -> Result:
    after = conversation.survives()
    unanswered = {name: reply for name, reply in replies.items() if reply.status is None}
    seen = ", ".join(f"{name}: {reply.status or reply}" for name, reply in (unanswered or replies).items())
    return check.judged(f"{seen}; {after}" if after else seen, is_met=not unanswered and not after)


def _check_one_row(conversation: Conversation, request: SampleRequest) -> Result:
    row = request.first_row
    if row is None:
        return ONE_ROW.skipped(f"rows of {request.content_type} cannot be told apart here")
    reply = conversation.invoke(row, request.content_type)
    return ONE_ROW.judged(str(reply), is_met=reply.is_ok and bool(reply.body.strip()))


def _check_parameters(conversation: Conversation, request: SampleRequest, answer: Reply) -> Result:
    if ";" in request.content_type:
        return CONTENT_TYPE.skipped("the request's own content type has parameters")
    content_type = f"{request.content_type}; charset=utf-8"
    reply = conversation.invoke(request.body, content_type)
    if reply.is_ok and reply.body != answer.body:
        return CONTENT_TYPE.broken(f"{content_type}: another answer than to {request.content_type}")
    return CONTENT_TYPE.judged(f"{content_type}: {reply}", is_met=reply.is_ok)


def _check_size(conversation: Conversation, request: SampleRequest, check: Check, most_bytes: int) -> Result:
    body = request.of_size(most_bytes)
    if body is None:
        return check.skipped(f"a request of {request.content_type} is not made larger here")
    reply = conversation.invoke(body, request.content_type)
    after = conversation.survives()
    conversation.large_is_ok = reply.is_ok and not after
    seen = f"{len(body) / 1e6:.1f} MB: {reply} after {reply.seconds:.1f} s"
    return check.judged(f"{seen}; {after}" if after else seen, is_met=reply.is_ok and not after)


def _check_concurrency(conversation: Conversation, request: SampleRequest) -> Result:
    """Pings while several clients wait for answers."""
    limits = conversation.serving.limits
    replies: list[Reply] = []
    clients = [
        threading.Thread(
            target=lambda: replies.append(conversation.invoke(request.body, request.content_type)), daemon=True
        )
        for _ in range(_CLIENTS)
    ]
    for client in clients:
        client.start()
    pings = [conversation.server.ping(conversation.ping_seconds)]
    while any(client.is_alive() for client in clients):
        time.sleep(_PING_PAUSE_SECONDS)
        pings.append(conversation.server.ping(conversation.ping_seconds))
    failed = [reply for reply in replies if not reply.is_ok]
    late = [ping for ping in pings if ping.status != 200]
    connect = max(reply.connect_seconds for reply in (*replies, *pings))
    if failed:
        result = CONCURRENCY.broken(f"{len(failed)} of {_CLIENTS} requests at once failed: {failed[0]}")
    elif late:
        result = CONCURRENCY.broken(f"{len(late)} of {len(pings)} pings meanwhile failed: {late[0]}")
    elif connect > limits.connect:
        result = CONCURRENCY.broken(f"a connection was accepted after {connect:.3f} s")
    else:
        slowest = max(reply.seconds for reply in replies)
        result = CONCURRENCY.passed(
            f"{_CLIENTS} requests at once, the last answered after {slowest:.3f} s; "
            f"pings within {max(ping.seconds for ping in pings):.3f} s"
        )
    return result
