"""What the container's environment asks for, and what of it Multi Model Server is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lgbm_runtime.cpu import available_cpus, workers_and_threads

PORT_VARIABLE = "SAGEMAKER_BIND_TO_PORT"
WORKERS_VARIABLE = "SAGEMAKER_MODEL_SERVER_WORKERS"
SECONDS_VARIABLE = "SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS"
MINUTES_VARIABLE = "SAGEMAKER_MODEL_SERVER_TIMEOUT"
JVM_VARIABLE = "SAGEMAKER_MODEL_SERVER_VMARGS"
ACCEPT_VARIABLE = "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT"
THREADS_VARIABLE = "OMP_NUM_THREADS"

# Exit codes of the verification: none that user code, a signal or Python itself would give the process by chance.
PROVEN = 42
CANNOT_SERVE = 43

_PORT = 8080
_MANAGEMENT_PORT = 8081
# "Custom Inference Code with Hosting Services" in AWS's developer guide: an answer must come within 60 s.
_ANSWER_SECONDS = 60
# Of requests and of answers. 25 MB are let through, see lgbm_runtime.core.decoding; the rest is for what the server
# counts as well as the body, and for refusals to be worded by the program rather than by the server.
_SERVER_LIMIT_BYTES = 26 * 1024 * 1024
# A JVM without memory would live on and answer nothing. It reads the container's limits itself, unlike with the
# toolkit's default, -XX:-UseContainerSupport.
_JVM_OPTIONS = "-XX:+ExitOnOutOfMemoryError"
_MOST_WORKERS = 256
_MOST_SECONDS = 24 * 3600


class SettingsError(Exception):
    """A variable says what cannot be done; the message names it."""


@dataclass(frozen=True)
class Settings:
    """`threads` are LightGBM's in each of the `workers`."""

    port: int
    management_port: int
    workers: int
    threads: int
    answer_seconds: int
    jvm_options: str

    @staticmethod
    def of(environment: Mapping[str, str]) -> Settings:
        """Raises SettingsError. What the variables leave open follows from the container's share of processors."""
        if environment.get("CA_REPOSITORY_ARN"):
            raise SettingsError("CA_REPOSITORY_ARN is not supported here; give pip its index by PIP_INDEX_URL")
        if environment.get("SAGEMAKER_MULTI_MODEL", "").lower() == "true":
            raise SettingsError("SAGEMAKER_MULTI_MODEL is not supported here; this container serves one model")
        workers, threads = workers_and_threads(
            available_cpus(), _number(environment, WORKERS_VARIABLE, 1, _MOST_WORKERS)
        )
        port = _number(environment, PORT_VARIABLE, 1, 65535) or _PORT
        minutes = _number(environment, MINUTES_VARIABLE, 1, _MOST_SECONDS // 60)
        seconds = _number(environment, SECONDS_VARIABLE, 1, _MOST_SECONDS)
        return Settings(
            port=port,
            management_port=_MANAGEMENT_PORT if port != _MANAGEMENT_PORT else _MANAGEMENT_PORT + 1,
            workers=workers,
            threads=_number(environment, THREADS_VARIABLE, 1, _MOST_WORKERS) or threads,
            answer_seconds=seconds or (minutes * 60 if minutes else _ANSWER_SECONDS),
            jvm_options=environment.get(JVM_VARIABLE) or _JVM_OPTIONS,
        )

    def server_properties(self, handler_service: str) -> str:
        """Multi Model Server's configuration file.

        Source: its docs/configuration.md. A variable MMS_<NAME> overrides a property.
        """
        properties = {
            "enable_envvars_config": "true",
            # bodies come as bytes, whatever their content type
            "decode_input_request": "false",
            "load_models": "ALL",
            "inference_address": f"http://0.0.0.0:{self.port}",
            # by default on the inference port, for everybody
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
    """LightGBM's threads, as the entry point has set them for the processes that it starts."""
    return _number(environment, THREADS_VARIABLE, 1, _MOST_WORKERS)


def _number(environment: Mapping[str, str], name: str, least: int, most: int) -> int | None:
    value = environment.get(name, "").strip()
    if not value:
        return None
    if not (value.isascii() and value.isdigit() and least <= int(value) <= most):
        raise SettingsError(f"{name} is {value!r}, not a number from {least} to {most}")
    return int(value)
