"""Convert the container's environment to Multi Model Server's configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lgbm_runtime.cpu import available_cpus, workers_and_threads
from lgbm_runtime.environment import DEFAULT_PORT, MOST_WORKERS, PORT_VARIABLE, number_in

WORKERS_VARIABLE = "SAGEMAKER_MODEL_SERVER_WORKERS"
SECONDS_VARIABLE = "SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS"
MINUTES_VARIABLE = "SAGEMAKER_MODEL_SERVER_TIMEOUT"
JVM_VARIABLE = "SAGEMAKER_MODEL_SERVER_VMARGS"
ACCEPT_VARIABLE = "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT"
THREADS_VARIABLE = "OMP_NUM_THREADS"

# Exit codes of verification.py. Neither Python nor a signal uses these numbers, and user code hardly does.
PROVEN = 42
CANNOT_SERVE = 43

_MANAGEMENT_PORT = 8081
# "Custom Inference Code with Hosting Services" in AWS's developer guide: an answer must come within 60 s.
_ANSWER_SECONDS = 60
# The server's limit for requests and for answers. A body may have 25 MB (lgbm_runtime.core.decoding). The server also
# counts the headers. With 26 MB here, this program refuses a body that is too large, with its own message.
_SERVER_LIMIT_BYTES = 26 * 1024 * 1024
# Without this option, a JVM that runs out of memory keeps running but answers nothing. The toolkit also sets
# -XX:-UseContainerSupport by default. That option is left out here, so that the JVM reads the container's limits.
_JVM_OPTIONS = "-XX:+ExitOnOutOfMemoryError"
_MOST_SECONDS = 24 * 3600


class SettingsError(Exception):
    """An environment variable requests something unsupported. The message names the variable."""


@dataclass(frozen=True)
class Settings:
    """The server's settings. Each of the `workers` runs LightGBM with `threads` threads."""

    port: int
    management_port: int
    workers: int
    threads: int
    answer_seconds: int
    jvm_options: str

    @staticmethod
    def of(environment: Mapping[str, str]) -> Settings:
        """Read the settings from environment variables. Raises SettingsError and VariableError."""
        if environment.get("CA_REPOSITORY_ARN"):
            raise SettingsError(
                "CA_REPOSITORY_ARN is not supported; set PIP_INDEX_URL to the address of pip's package index"
            )
        if environment.get("SAGEMAKER_MULTI_MODEL", "").lower() == "true":
            raise SettingsError("SAGEMAKER_MULTI_MODEL is not supported; this container serves one model")
        workers, threads = workers_and_threads(
            available_cpus(), number_in(environment, WORKERS_VARIABLE, 1, MOST_WORKERS)
        )
        port = number_in(environment, PORT_VARIABLE, 1, 65535) or DEFAULT_PORT
        minutes = number_in(environment, MINUTES_VARIABLE, 1, _MOST_SECONDS // 60)
        seconds = number_in(environment, SECONDS_VARIABLE, 1, _MOST_SECONDS)
        return Settings(
            port=port,
            management_port=_MANAGEMENT_PORT if port != _MANAGEMENT_PORT else _MANAGEMENT_PORT + 1,
            workers=workers,
            threads=number_in(environment, THREADS_VARIABLE, 1, MOST_WORKERS) or threads,
            answer_seconds=seconds or (minutes * 60 if minutes else _ANSWER_SECONDS),
            jvm_options=environment.get(JVM_VARIABLE) or _JVM_OPTIONS,
        )

    def server_properties(self, handler_service: str) -> str:
        """Return Multi Model Server's configuration file.

        The environment variable MMS_<NAME> overrides the property NAME. Source: Multi Model Server's
        docs/configuration.md.
        """
        properties = {
            "enable_envvars_config": "true",
            # with this, the body is bytes for every content type
            "decode_input_request": "false",
            "load_models": "ALL",
            "inference_address": f"http://0.0.0.0:{self.port}",
            # by default the management API is on the inference port, which every client can reach
            "management_address": f"http://127.0.0.1:{self.management_port}",
            "default_service_handler": handler_service,
            "default_workers_per_model": self.workers,
            "default_response_timeout_seconds": self.answer_seconds,
            "max_request_size": _SERVER_LIMIT_BYTES,
            "max_response_size": _SERVER_LIMIT_BYTES,
            "vmargs": self.jvm_options,
        }
        return "".join(f"{name}={value}\n" for name, value in properties.items())


def threads_of(environment: Mapping[str, str]) -> int | None:
    """Return the number of threads for LightGBM. The entry point sets it in the environment."""
    return number_in(environment, THREADS_VARIABLE, 1, MOST_WORKERS)
