"""Checks of a server's answers. Each check sends one kind of request."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from lgbm_sm import contract
from lgbm_sm.invocation.single_requests import Reply
from lgbm_sm.verify.checks import (
    DEVELOPER_GUIDE_BATCH,
    DEVELOPER_GUIDE_HOSTING,
    HOSTING_FAQ,
    Check,
    Result,
    advice,
    rule,
    skip,
)
from lgbm_sm.verify.checks.startup import Serving
from lgbm_sm.verify.server import CheckedServer
from lgbm_sm.verify.subject import SampleRequest

INVOCATIONS = rule(
    "serve-invocations",
    "Each prediction is a POST /invocations; if the status is not 2xx, the caller gets a ModelError.",
    "answer POST /invocations with 200 and the predictions",
    DEVELOPER_GUIDE_HOSTING,
)
WRONG_METHOD = advice(
    "serve-wrong-method",
    "If a server answers a GET with a prediction, the client does not notice its mistake.",
    "answer methods other than POST on /invocations with 405",
    "RFC 9110, 15.5.6",
)
EXECUTION_PARAMETERS = rule(
    "serve-execution-parameters",
    "Batch transform first sends GET /execution-parameters, and accepts 404.",
    "answer GET /execution-parameters with 404, or with MaxConcurrentTransforms, BatchStrategy and MaxPayloadInMB as "
    "JSON",
    DEVELOPER_GUIDE_BATCH,
)
EMPTY_BODY = rule(
    "serve-empty-body",
    "An empty body from one caller must not stop the server for all callers.",
    "answer an empty body with 400, and keep running",
    DEVELOPER_GUIDE_HOSTING,
)
HOSTILE_BODY = rule(
    "serve-hostile-body",
    "The server must answer every body, even a broken one, and keep running for other callers.",
    "catch decoding errors in each request",
    DEVELOPER_GUIDE_HOSTING,
)
CLIENT_ERRORS = advice(
    "serve-client-errors",
    "A 5xx counts as a failure of the model, and can start alarms, rollbacks and retries for a caller's mistake.",
    "answer a caller's mistakes with 4xx (400 bad body, 415 unknown type), and the server's own failures with 5xx",
    'RFC 9110, 15.5; AWS developer guide, "Amazon SageMaker AI metrics in Amazon CloudWatch": Invocation5XXErrors',
)
ONE_ROW = rule(
    "serve-one-row",
    "Callers often send a single row, and some servers decode it as a vector and fail.",
    "decode a single row as a matrix with one row",
    DEVELOPER_GUIDE_HOSTING,
)
CONTENT_TYPE = rule(
    "serve-content-type-parameters",
    "SageMaker does not change the caller's content type, which may have parameters (text/csv; charset=utf-8).",
    "ignore the part after the semicolon when you compare the media type",
    "RFC 9110, 8.3.1; aws/sagemaker-inference-toolkit#72",
)
SIX_MEGABYTES = rule(
    "serve-6-mb",
    f"Requests may have {contract.OLDER_REQUEST_BYTES:,} bytes, but many servers refuse more than 1 or 5 MB.",
    "raise the limit for the body (nginx: client_max_body_size 0; gunicorn has no limit; "
    "Multi Model Server: MMS_MAX_REQUEST_SIZE)",
    "botocore's model of InvokeEndpoint: BodyBlob",
)
TODAYS_LIMIT = advice(
    "serve-25-mb",
    f"Real-time endpoints now accept 25 MB ({contract.REQUEST_BYTES:,} bytes).",
    f"raise the limit for the body to {contract.REQUEST_BYTES:,} bytes",
    HOSTING_FAQ,
)
CONCURRENCY = rule(
    "serve-concurrent-requests",
    f"Many callers share an instance: during requests, the server must accept connections within "
    f"{contract.ACCEPT_SECONDS * 1000:.0f} ms and answer /ping within {contract.PING_SECONDS:.0f} s.",
    "serve with several workers or threads, and do not let requests delay /ping",
    DEVELOPER_GUIDE_HOSTING,
)

NO_REQUEST = "no request that the model can answer: pass --request FILE"
_CLIENTS = 8
_PING_PAUSE_SECONDS = 0.1
_RETRY_SECONDS = 5.0
_ENDING_SECONDS = 1.0  # Docker may need this time to notice that a container has ended
# name: body and content type; no model can predict from these bodies
# an empty content type means the content type of the sample request
_HOSTILE_BODIES: Mapping[str, tuple[bytes, str]] = {
    "bytes that are not text": (bytes(range(256)) * 4, ""),
    "truncated JSON": (b'{"instances": [[1, 2', "application/json"),
    "an unknown content type": (b"1,2,3\n", "application/x-lgbm-sm-unknown"),
}


@dataclass
class Conversation:
    """Requests to a server. If a request makes the server end, a new server replaces it.

    `ping_seconds` is the time limit of a ping. It is longer than SageMaker's limit if the server was late before.
    `bad_replies` contains the answers to malformed requests so far.
    """

    serving: Serving
    server: CheckedServer
    request: SampleRequest | None
    ping_seconds: float = contract.PING_SECONDS
    large_is_ok: bool = True
    bad_replies: dict[str, Reply] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        return self.serving.limits.answer

    @property
    def content_type(self) -> str:
        return self.request.content_type if self.request else "text/csv"

    def ask(self, method: str, path: str, body: bytes | None = None, content_type: str = "") -> Reply:
        return self.server.ask(method, path, body, content_type, seconds=self.seconds)

    def invoke(self, body: bytes, content_type: str) -> Reply:
        return self.ask("POST", contract.INVOCATIONS_PATH, body, content_type)

    def failure(self) -> str:
        """Return "" if the server still answers pings. Otherwise describe the failure, and start a new server."""
        ping = self.server.ping(self.ping_seconds)
        if ping.status == 200:
            return ""
        code = self.server.started.wait(_ENDING_SECONDS)
        said = f"the container ended with exit code {code}" if code is not None else f"/ping then answers {ping}"
        self.server.started.remove()
        self.server = self.serving.start()
        self.server.wait_until_ready(self.serving.limits)
        return said


def check_invocations(conversation: Conversation, first: Reply | None) -> Result:
    """Judge the answer to the sample request.

    `first` is the answer to the first request, which was sent immediately after the first good ping.
    """
    request = conversation.request
    if first is None or request is None:
        return INVOCATIONS.skipped(NO_REQUEST)
    reply, until = first, time.monotonic() + _RETRY_SECONDS
    while not reply.is_ok and time.monotonic() < until and reply.status != 404:
        time.sleep(_PING_PAUSE_SECONDS)
        reply = conversation.invoke(request.body, request.content_type)
    if reply.is_ok and not reply.body.strip():
        return INVOCATIONS.broken(f"{reply.status} with an empty body")
    size = f"{reply.status}, {len(reply.body)} bytes after {reply.seconds:.3f} s"
    return INVOCATIONS.judged(size if reply.is_ok else str(reply), is_met=reply.is_ok)


def check_requests(conversation: Conversation) -> Iterator[Result]:
    """Yield the results of all checks in this module except `serve-invocations`."""
    for judge in JUDGES.values():
        yield judge(conversation)
    if conversation.request is None:
        yield from skip(SAMPLE_JUDGES, NO_REQUEST)
        return
    for judge_sample in SAMPLE_JUDGES.values():
        yield judge_sample(conversation, conversation.request)


def _judge_method(conversation: Conversation) -> Result:
    reply = conversation.ask("GET", contract.INVOCATIONS_PATH)
    return WRONG_METHOD.judged(f"GET {contract.INVOCATIONS_PATH}: {reply}", is_met=reply.is_client_error)


def _judge_execution_parameters(conversation: Conversation) -> Result:
    reply = conversation.ask("GET", "/execution-parameters")
    return EXECUTION_PARAMETERS.judged(
        f"GET /execution-parameters: {reply.status or reply}", is_met=reply.is_ok or reply.is_client_error
    )


def _judge_empty_body(conversation: Conversation) -> Result:
    return _survived(conversation, EMPTY_BODY, {"an empty body": (b"", "")})


def _judge_hostile_bodies(conversation: Conversation) -> Result:
    return _survived(conversation, HOSTILE_BODY, _HOSTILE_BODIES)


def _survived(conversation: Conversation, check: Check, bodies: Mapping[str, tuple[bytes, str]]) -> Result:
    """Judge whether the server answers each body, and keeps running."""
    replies = {
        name: conversation.invoke(body, content_type or conversation.content_type)
        for name, (body, content_type) in bodies.items()
    }
    conversation.bad_replies |= replies
    after = conversation.failure()
    unanswered = {name: reply for name, reply in replies.items() if reply.status is None}
    seen = ", ".join(f"{name}: {reply.status or reply}" for name, reply in (unanswered or replies).items())
    return check.judged(f"{seen}; {after}" if after else seen, is_met=not unanswered and not after)


def _judge_client_errors(conversation: Conversation) -> Result:
    answered = {name: reply for name, reply in conversation.bad_replies.items() if reply.status is not None}
    wrong = {name: reply for name, reply in answered.items() if not reply.is_client_error}
    named = ", ".join(f"{name}: {reply}" for name, reply in (wrong or conversation.bad_replies).items())
    return CLIENT_ERRORS.judged(named, is_met=not wrong)


def _judge_one_row(conversation: Conversation, request: SampleRequest) -> Result:
    row = request.first_row
    if row is None:
        return ONE_ROW.skipped(f"verify cannot split {request.content_type} into rows")
    reply = conversation.invoke(row, request.content_type)
    return ONE_ROW.judged(str(reply), is_met=reply.is_ok and bool(reply.body.strip()))


def _judge_parameters(conversation: Conversation, request: SampleRequest) -> Result:
    if ";" in request.content_type:
        return CONTENT_TYPE.skipped("the sample request's content type already has parameters")
    plain = conversation.invoke(request.body, request.content_type)
    content_type = f"{request.content_type}; charset=utf-8"
    reply = conversation.invoke(request.body, content_type)
    if reply.is_ok and reply.body != plain.body:
        return CONTENT_TYPE.broken(f"{content_type}: the answer differs from that to {request.content_type}")
    return CONTENT_TYPE.judged(f"{content_type}: {reply}", is_met=reply.is_ok)


def _judge_six_megabytes(conversation: Conversation, request: SampleRequest) -> Result:
    return _judge_size(conversation, request, SIX_MEGABYTES, contract.OLDER_REQUEST_BYTES)


def _judge_todays_limit(conversation: Conversation, request: SampleRequest) -> Result:
    if not conversation.large_is_ok:
        return TODAYS_LIMIT.skipped(f"the server already refuses a smaller request: see {SIX_MEGABYTES.name}")
    return _judge_size(conversation, request, TODAYS_LIMIT, contract.REQUEST_BYTES)


def _judge_size(conversation: Conversation, request: SampleRequest, check: Check, most_bytes: int) -> Result:
    body = request.of_size(most_bytes)
    if body is None:
        return check.skipped(f"verify cannot enlarge a request of {request.content_type}")
    reply = conversation.invoke(body, request.content_type)
    after = conversation.failure()
    conversation.large_is_ok = reply.is_ok and not after
    seen = f"{len(body):,} bytes: {reply} after {reply.seconds:.1f} s"
    return check.judged(f"{seen}; {after}" if after else seen, is_met=reply.is_ok and not after)


def _judge_concurrency(conversation: Conversation, request: SampleRequest) -> Result:
    """Judge the answers to several simultaneous requests, and to pings at the same time."""
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
        return CONCURRENCY.broken(f"{len(failed)} of {_CLIENTS} simultaneous requests failed: {failed[0]}")
    if late:
        return CONCURRENCY.broken(f"{len(late)} of {len(pings)} pings during requests failed: {late[0]}")
    if connect > limits.connect:
        return CONCURRENCY.broken(f"a connection was accepted after {connect:.3f} s")
    return CONCURRENCY.passed(
        f"{_CLIENTS} simultaneous requests answered within {max(reply.seconds for reply in replies):.3f} s; "
        f"pings within {max(ping.seconds for ping in pings):.3f} s"
    )


# in the order of the report
JUDGES: Mapping[Check, Callable[[Conversation], Result]] = {
    WRONG_METHOD: _judge_method,
    EXECUTION_PARAMETERS: _judge_execution_parameters,
    EMPTY_BODY: _judge_empty_body,
    HOSTILE_BODY: _judge_hostile_bodies,
    CLIENT_ERRORS: _judge_client_errors,
}
# these checks change the sample request, in the order of the report
SAMPLE_JUDGES: Mapping[Check, Callable[[Conversation, SampleRequest], Result]] = {
    ONE_ROW: _judge_one_row,
    CONTENT_TYPE: _judge_parameters,
    SIX_MEGABYTES: _judge_six_megabytes,
    TODAYS_LIMIT: _judge_todays_limit,
    CONCURRENCY: _judge_concurrency,
}
CHECKS = (INVOCATIONS, *JUDGES, *SAMPLE_JUDGES)
