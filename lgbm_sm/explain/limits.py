"""The platform's time-outs and limits, as AWS's developer guide and API give them, and what keeps to them here."""

from lgbm_sm.backends import STOP_SERVING_SECONDS, STOP_TRAINING_SECONDS
from lgbm_sm.backends.opt_ml import FAILURE_REASON_CHARACTERS
from lgbm_sm.config.sections import Config
from lgbm_sm.explain.sections import Section, aligned, section
from lgbm_sm.invocation.batches import BATCH_BYTES
from lgbm_sm.invocation.transport import READ_SECONDS

_GUIDE = "Amazon SageMaker developer guide"
_TRAINING_PAGE = f"{_GUIDE}, Containers with custom training algorithms"
_HOSTING_PAGE = f"{_GUIDE}, Custom Inference Code with Hosting Services"
_HOSTING_FAQ = f"{_GUIDE}, Model Hosting FAQs"

PING_SECONDS = 2
CONNECT_MILLISECONDS = 250
ANSWER_SECONDS = 60
FIRST_PING_MINUTES = 8
LARGEST_BODY_MEGABYTES = 25
SERVERLESS_MEGABYTES = 4
OLDER_BODY_BYTES = 6_291_456  # botocore's model of InvokeEndpoint
MOST_HYPERPARAMETERS, LONGEST_NAME, LONGEST_VALUE = 100, 256, 2500  # CreateTrainingJob


def training_limits(config: Config) -> Section:
    """What holds for a training job."""
    return section(
        "Time-outs and limits",
        aligned(
            [
                (
                    "hyperparameters",
                    (
                        f"at most {MOST_HYPERPARAMETERS}, names of {LONGEST_NAME} and values of {LONGEST_VALUE:,} "
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
                ("GET /ping", f"200 within {PING_SECONDS} s, and only once the model can answer"),
                (
                    "the first 200",
                    (
                        f"within {FIRST_PING_MINUTES} minutes of the start; endpoint.startup_timeout_seconds "
                        f"(here {wanted}) sets 60 to 3,600 s instead"
                    ),
                ),
                ("a connection", f"is accepted within {CONNECT_MILLISECONDS} ms"),
                (
                    "POST /invocations",
                    f"is answered within {ANSWER_SECONDS} s; `lgbm-sm predict` gives up after {READ_SECONDS:.0f} s",
                ),
                (
                    "a body",
                    (
                        f"at most {LARGEST_BODY_MEGABYTES} MB, else 413; older pages and botocore's model say "
                        f"{OLDER_BODY_BYTES:,} bytes, serverless endpoints take {SERVERLESS_MEGABYTES} MB; "
                        f"`lgbm-sm predict` sends at most {BATCH_BYTES:,} bytes at once"
                    ),
                ),
                (
                    "the end",
                    f"SIGTERM, {STOP_SERVING_SECONDS:.0f} s later SIGKILL; requests in flight are answered first",
                ),
                ("/opt/ml/model", "is read-only"),
            ]
        ),
        f"sources: {_HOSTING_PAGE}; {_HOSTING_FAQ}",
    )
