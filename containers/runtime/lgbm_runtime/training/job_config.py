"""Read SageMaker's description of the job: its hosts, and the settings of its channels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lgbm_runtime.training.failure import TrainingError

CSV_CONTENT_TYPES = frozenset({"text/csv", "csv", "text/plain", "application/csv"})
SCHEMA_CHANNEL = "schema"


def hosts_of(resource_config_path: Path) -> list[str]:
    """Return the hosts of the job from resourceconfig.json, or `localhost` without that file.

    Raises TrainingError if the job has several hosts.
    """
    hosts = [str(host) for host in _read_object(resource_config_path).get("hosts") or ["localhost"]]
    if len(hosts) > 1:
        raise TrainingError(
            f"training on several hosts is not supported yet: the job has {len(hosts)} ({', '.join(hosts)}); "
            "use an instance count of 1"
        )
    return hosts


def check_channels(input_data_config_path: Path) -> None:
    """Raise TrainingError if SageMaker does not provide a channel as plain CSV files."""
    for channel, settings in _read_object(input_data_config_path).items():
        if not isinstance(settings, dict):
            raise TrainingError(
                f"{input_data_config_path.name}: the settings of channel {channel} are not a JSON object"
            )
        mode = settings.get("TrainingInputMode") or "File"
        if mode not in ("File", "FastFile"):
            raise TrainingError(
                f"channel {channel} has the input mode {mode}, which is not supported: use File or FastFile"
            )
        wrapper = settings.get("RecordWrapperType") or "None"
        if wrapper != "None":
            raise TrainingError(
                f"channel {channel} has the record wrapper {wrapper}: only plain CSV files are supported"
            )
        content_type = str(settings.get("ContentType") or "").split(";")[0].strip().lower()
        if channel != SCHEMA_CHANNEL and content_type and content_type not in CSV_CONTENT_TYPES:
            raise TrainingError(f"channel {channel} has the content type {content_type}: only text/csv is supported")


def _read_object(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise TrainingError(f"{path.name} is not valid JSON: {error}") from error
    if not isinstance(content, dict):
        raise TrainingError(f"{path.name} must hold one JSON object")
    return content
