"""What is asked of `serve`, and by whom."""

from lgbm_sm.verify.checks import (
    DEVELOPER_GUIDE_BATCH,
    DEVELOPER_GUIDE_HOSTING,
    HOSTING_FAQ,
    Area,
    Binding,
    Check,
)


def _rule(name: str, why: str, mend: str, source: str = DEVELOPER_GUIDE_HOSTING) -> Check:
    return Check(name, Area.SERVING, Binding.RULE, why, mend, source)


def _advice(name: str, why: str, mend: str, source: str) -> Check:
    return Check(name, Area.SERVING, Binding.ADVICE, why, mend, source)


STARTS = _rule(
    "serve-starts",
    "The platform runs `docker run IMAGE serve`, and the program must go on until it is stopped.",
    "run the container with `serve` and look at its log; an image that only trains: --only train",
)
READ_ONLY_MODEL = _rule(
    "serve-read-only-model",
    "/opt/ml/model is read-only: a server that writes there (caches, compiled files, unpacked parts) does not come up.",
    "write to /tmp, and set PYTHONDONTWRITEBYTECODE=1",
)
NETWORK = _rule(
    "serve-network",
    "With EnableNetworkIsolation, and in a VPC without a way out, a container reaches nothing and has no credentials.",
    "install everything when the image is built; --network where no endpoint is ever isolated",
    'AWS developer guide, "Run Training and Inference Containers in Internet-Free Mode"',
)
PORT = _rule(
    "serve-port",
    "The platform asks on port 8080, and on no other.",
    "listen on port 8080",
)
INTERFACES = _rule(
    "serve-interfaces",
    "Requests come from outside of the container, which 127.0.0.1 does not answer.",
    "listen on 0.0.0.0:8080",
)
FIRST_PING = _rule(
    "serve-first-ping",
    "An endpoint whose /ping does not answer 200 within 8 minutes of the start (or "
    'ContainerStartupHealthCheckTimeoutInSeconds) fails: "did not pass the ping health check".',
    "answer GET /ping with 200 and an empty body as soon as the model can predict",
)
PING_TIME = _rule(
    "serve-ping-time",
    "The platform waits 2 s for an answer to /ping.",
    "answer /ping from memory; no prediction, no loading, no calls to others in it",
)
PING_TRUTH = _rule(
    "serve-ping-truth",
    "200 says that the container accepts requests: traffic is sent from then on, and an old version taken down.",
    "answer /ping with another status than 200 until the model is loaded, and where it cannot be loaded",
)
INVOCATIONS = _rule(
    "serve-invocations",
    "POST /invocations is the one way in; what is not 2xx reaches the caller as ModelError.",
    "answer POST /invocations with 200 and the predictions",
)
ONE_ROW = _rule(
    "serve-one-row",
    "Real-time callers mostly send a single row, which some decoders turn into a vector.",
    "decode one row into a matrix of one row",
)
CONTENT_TYPE = _rule(
    "serve-content-type-parameters",
    "ContentType is passed on as the caller wrote it, and may carry parameters (text/csv; charset=utf-8).",
    "compare the media type without what follows the semicolon",
    "RFC 9110, 8.3.1; aws/sagemaker-inference-toolkit#72",
)
WRONG_METHOD = _advice(
    "serve-wrong-method",
    "A GET that is answered like a prediction hides a client's mistake.",
    "answer other methods than POST on /invocations with 405",
    "RFC 9110, 15.5.6",
)
EXECUTION_PARAMETERS = _rule(
    "serve-execution-parameters",
    "Batch transform first asks GET /execution-parameters, and goes on with 404.",
    "answer it with 404, or with MaxConcurrentTransforms, BatchStrategy and MaxPayloadInMB as JSON",
    DEVELOPER_GUIDE_BATCH,
)
EMPTY_BODY = _rule(
    "serve-empty-body",
    "One caller's empty body must not end the server that all of them share.",
    "answer it with 400, and go on",
)
HOSTILE_BODY = _rule(
    "serve-hostile-body",
    "Whatever one caller sends, the server must answer, and go on for the others.",
    "catch what decoding raises in each request",
)
CLIENT_ERRORS = _advice(
    "serve-client-errors",
    "5xx counts as the model's own failure: alarms, automatic rollbacks and retries follow from a caller's mistake.",
    "answer what the caller must mend with 4xx (400 bad body, 415 unknown type), and 5xx for failures of your own",
    'RFC 9110, 15.5; AWS developer guide, "Amazon SageMaker AI metrics in Amazon CloudWatch": Invocation5XXErrors',
)
SIX_MEGABYTES = _rule(
    "serve-6-mb",
    "Requests may have 6,291,456 bytes; servers and proxies often stop at 1 or 5 MB.",
    "raise the limit of the body (nginx: client_max_body_size 0; gunicorn has none; "
    "Multi Model Server: MMS_MAX_REQUEST_SIZE)",
    "botocore's model of InvokeEndpoint: BodyBlob",
)
TODAYS_LIMIT = _advice(
    "serve-25-mb",
    "Real-time endpoints take 25 MB today.",
    "raise the limit of the body to 25 MB",
    HOSTING_FAQ,
)
CONCURRENCY = _rule(
    "serve-concurrent-requests",
    "Many callers share an instance: connections must be accepted within 250 ms, and /ping answered within 2 s, while "
    "requests are worked on.",
    "serve with several workers or threads, and keep /ping apart from the work",
)
DRAIN = _rule(
    "serve-drain",
    "On update and scale-in SIGTERM comes while requests are worked on; what is dropped is an error at a caller.",
    "at SIGTERM stop accepting, answer what has begun, then end",
)
SIGTERM = _rule(
    "serve-sigterm",
    "SIGKILL follows SIGTERM after 30 s.",
    "have the entry point in exec form, and handle SIGTERM: process 1 ignores it otherwise",
)
RESTART = _advice(
    "serve-restart",
    "A container that is started again finds the files of its first life: sockets, locks, ids of processes.",
    "remove what is left of an earlier start before the server comes up",
    "Docker, `docker restart`",
)
MEMORY = _advice(
    "serve-memory",
    "An endpoint runs for months: what each request leaves behind ends with the container killed for lack of memory.",
    "look for caches without a bound, and for data frames kept in globals",
    'AWS developer guide, "Amazon SageMaker AI metrics in Amazon CloudWatch": MemoryUtilization',
)
# in the order in which they are decided
STARTUP = (STARTS, READ_ONLY_MODEL, NETWORK, PORT, INTERFACES, FIRST_PING, PING_TIME)
REQUESTS = (
    PING_TRUTH,
    INVOCATIONS,
    ONE_ROW,
    CONTENT_TYPE,
    WRONG_METHOD,
    EXECUTION_PARAMETERS,
    EMPTY_BODY,
    HOSTILE_BODY,
    CLIENT_ERRORS,
    SIX_MEGABYTES,
    TODAYS_LIMIT,
    CONCURRENCY,
)
ENDING = (DRAIN, SIGTERM)
FULL = (MEMORY, RESTART)
CHECKS = (*STARTUP, *REQUESTS, *ENDING, *FULL)
