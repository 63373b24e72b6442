"""Numbers in environment variables."""

from __future__ import annotations

from collections.abc import Mapping

PORT_VARIABLE = "SAGEMAKER_BIND_TO_PORT"
DEFAULT_PORT = 8080
MOST_WORKERS = 256


class VariableError(Exception):
    """An environment variable has an invalid value. The message has its name and value."""


def number_in(environment: Mapping[str, str], name: str, least: int, most: int) -> int | None:
    """Return the number in a variable, or None if the variable is not set or empty.

    Raises VariableError if the value is not a number from `least` to `most`.
    """
    value = environment.get(name, "").strip()
    if not value:
        return None
    if not (value.isascii() and value.isdigit() and least <= int(value) <= most):
        raise VariableError(f"{name} must be a number from {least} to {most}, got {value!r}")
    return int(value)
