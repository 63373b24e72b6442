"""SageMaker's timeouts and limits for a step, and the values that lgbm-sm uses."""

from lgbm_sm.config.sections import Config
from lgbm_sm.contract import (
    ACCEPT_SECONDS,
    ANSWER_SECONDS,
    FAILURE_PATH,
    FAILURE_REASON_CHARACTERS,
    HYPERPARAMETER_KEY_CHARACTERS,
    HYPERPARAMETER_VALUE_CHARACTERS,
    LONGEST_STARTUP_SECONDS,
    MEGABYTE,
    MODEL_PATH,
    MOST_HYPERPARAMETERS,
    OLDER_REQUEST_BYTES,
    PING_SECONDS,
    REQUEST_BYTES,
    SERVERLESS_REQUEST_BYTES,
    SHORTEST_STARTUP_SECONDS,
    STARTUP_SECONDS,
    STOP_SERVING_SECONDS,
    STOP_TRAINING_SECONDS,
)
from lgbm_sm.explain.sections import Section, aligned, section
from lgbm_sm.invocation.batches import BATCH_BYTES
from lgbm_sm.invocation.transport import READ_SECONDS

_TITLE = "Time-outs and limits"


def training_limits(config: Config) -> Section:
    """Return the limits of a training job."""
    return section(
        _TITLE,
        aligned(
            [
                (
                    "hyperparameters",
                    (
                        f"at most {MOST_HYPERPARAMETERS}; names: at most {HYPERPARAMETER_KEY_CHARACTERS} characters, "
                        f"values: at most {HYPERPARAMETER_VALUE_CHARACTERS:,}; every value is a string"
                    ),
                ),
                (
                    "run time",
                    (
                        f"on SageMaker, a job is stopped after {config.training.max_runtime_seconds} s "
                        "(training.max_runtime_seconds); on this machine there is no limit"
                    ),
                ),
                (
                    "stop",
                    (f"SIGTERM, then SIGKILL {STOP_TRAINING_SECONDS:.0f} s later; the files in {MODEL_PATH} are kept"),
                ),
                (
                    "failure",
                    (
                        f"exit code other than 0; the first {FAILURE_REASON_CHARACTERS:,} characters of {FAILURE_PATH} "
                        "become FailureReason, as `AlgorithmError: <text>, exit code: N`"
                    ),
                ),
            ]
        ),
        "sources: SageMaker developer guide, Containers with custom training algorithms; botocore's API model",
    )


def serving_limits(config: Config) -> Section:
    """Return the limits of an endpoint's container."""
    return section(
        _TITLE,
        aligned(
            [
                ("GET /ping", f"must answer 200 within {PING_SECONDS:.0f} s, but not before the model can predict"),
                (
                    "start-up",
                    (
                        f"at most {STARTUP_SECONDS // 60} minutes until the first 200; "
                        f"endpoint.startup_timeout_seconds: {SHORTEST_STARTUP_SECONDS} to {LONGEST_STARTUP_SECONDS:,} "
                        f"s (now {config.endpoint.startup_timeout_seconds})"
                    ),
                ),
                ("connection", f"must be accepted within {ACCEPT_SECONDS * 1000:.0f} ms"),
                (
                    "POST /invocations",
                    f"must answer within {ANSWER_SECONDS:.0f} s; `lgbm-sm predict` gives up after {READ_SECONDS:.0f} s",
                ),
                (
                    "request body",
                    (
                        f"at most {REQUEST_BYTES // MEGABYTE} MB, otherwise 413 (serverless endpoints: "
                        f"{SERVERLESS_REQUEST_BYTES // MEGABYTE} MB; botocore and older pages: {OLDER_REQUEST_BYTES:,} "
                        f"bytes); `lgbm-sm predict` sends at most {BATCH_BYTES:,} bytes at once"
                    ),
                ),
                (
                    "stop",
                    f"SIGTERM, then SIGKILL {STOP_SERVING_SECONDS:.0f} s later; open requests are answered first",
                ),
                (MODEL_PATH, "read-only"),
            ]
        ),
        "sources: SageMaker developer guide, Custom Inference Code with Hosting Services; Model Hosting FAQs",
    )
