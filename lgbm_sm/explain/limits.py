"""The platform's time-outs and limits, as AWS's developer guide and API give them, and what keeps to them here."""

from lgbm_sm import contract
from lgbm_sm.config.sections import Config
from lgbm_sm.contract import (
    FAILURE_REASON_CHARACTERS,
    MOST_HYPERPARAMETERS,
    STOP_SERVING_SECONDS,
    STOP_TRAINING_SECONDS,
)
from lgbm_sm.explain.sections import Section, aligned, section
from lgbm_sm.invocation.batches import BATCH_BYTES
from lgbm_sm.invocation.transport import READ_SECONDS

_GUIDE = "Amazon SageMaker developer guide"
_TRAINING_PAGE = f"{_GUIDE}, Containers with custom training algorithms"
_HOSTING_PAGE = f"{_GUIDE}, Custom Inference Code with Hosting Services"
_HOSTING_FAQ = f"{_GUIDE}, Model Hosting FAQs"

_PING, _ANSWER = int(contract.PING_SECONDS), int(contract.ANSWER_SECONDS)
_ACCEPT_MILLISECONDS = int(contract.ACCEPT_SECONDS * 1000)
_FIRST_PING_MINUTES = contract.STARTUP_SECONDS // 60
_SHORTEST, _LONGEST = contract.SHORTEST_STARTUP_SECONDS, contract.LONGEST_STARTUP_SECONDS
_REQUEST_MEGABYTES = contract.REQUEST_BYTES // contract.MEGABYTE
_SERVERLESS_MEGABYTES = contract.SERVERLESS_REQUEST_BYTES // contract.MEGABYTE
_OLDER_BYTES = contract.OLDER_REQUEST_BYTES
_KEY, _VALUE = contract.HYPERPARAMETER_KEY_CHARACTERS, contract.HYPERPARAMETER_VALUE_CHARACTERS


def training_limits(config: Config) -> Section:
    """What holds for a training job."""
    return section(
        "Time-outs and limits",
        aligned(
            [
                (
                    "hyperparameters",
                    (
                        f"at most {MOST_HYPERPARAMETERS}, names of {_KEY} and values of {_VALUE:,} "
                        "characters, all of them text"
                    ),
                ),
                (
                    "the longest run",
                    (
                        f"training.max_runtime_seconds: {config.training.max_runtime_seconds} s on SageMaker, then as "
                        "if it were stopped; none on this machine"
                    ),
                ),
                (
                    "stopped",
                    f"SIGTERM, {STOP_TRAINING_SECONDS:.0f} s later SIGKILL; what lies in /opt/ml/model by then is kept",
                ),
                (
                    "failed",
                    (
                        f"any exit code but 0; the first {FAILURE_REASON_CHARACTERS:,} characters of "
                        "/opt/ml/output/failure become FailureReason, as `AlgorithmError: <text>, exit code: N`"
                    ),
                ),
            ]
        ),
        f"source: {_TRAINING_PAGE}; the API model that botocore ships",
    )


def serving_limits(config: Config) -> Section:
    """What holds for an endpoint's container."""
    wanted = config.endpoint.startup_timeout_seconds
    return section(
        "Time-outs and limits",
        aligned(
            [
                ("GET /ping", f"200 within {_PING} s, and only once the model can answer"),
                (
                    "the first 200",
                    (
                        f"within {_FIRST_PING_MINUTES} minutes of the start; endpoint.startup_timeout_seconds "
                        f"(here {wanted}) sets {_SHORTEST} to {_LONGEST:,} s instead"
                    ),
                ),
                ("a connection", f"is accepted within {_ACCEPT_MILLISECONDS} ms"),
                (
                    "POST /invocations",
                    f"is answered within {_ANSWER} s; `lgbm-sm predict` gives up after {READ_SECONDS:.0f} s",
                ),
                (
                    "a body",
                    (
                        f"at most {_REQUEST_MEGABYTES} MB, else 413; older pages and botocore's model say "
                        f"{_OLDER_BYTES:,} bytes, serverless endpoints take {_SERVERLESS_MEGABYTES} MB; "
                        f"`lgbm-sm predict` sends at most {BATCH_BYTES:,} bytes at once"
                    ),
                ),
                (
                    "the end",
                    f"SIGTERM, {STOP_SERVING_SECONDS:.0f} s later SIGKILL; requests in flight are answered first",
                ),
                (contract.MODEL_PATH, "is read-only"),
            ]
        ),
        f"sources: {_HOSTING_PAGE}; {_HOSTING_FAQ}",
    )
