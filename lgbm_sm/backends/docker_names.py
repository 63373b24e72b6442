"""What the containers and networks of a job or an endpoint are called and labelled."""

from pathlib import Path

from lgbm_sm.backends.docker_engine import FOLDER_LABEL, KIND_LABEL, NAME_LABEL, PROJECT_LABEL
from lgbm_sm.entries import Entry


def _work_path(entry: Entry) -> Path:
    return entry.folder.parent.parent


def labels_of(entry: Entry) -> dict[str, str]:
    return {
        PROJECT_LABEL: entry.project,
        KIND_LABEL: entry.kind,
        NAME_LABEL: entry.name,
        FOLDER_LABEL: str(_work_path(entry)),
    }


def labels_to_find(entry: Entry) -> list[str]:
    return [f"{FOLDER_LABEL}={_work_path(entry)}", f"{NAME_LABEL}={entry.name}"]


def unique_name(entry: Entry) -> str:
    """The entry's name and a few characters of its folder: names are unique in an engine, entries in a folder."""
    import hashlib

    return f"{entry.name}-{hashlib.sha256(str(entry.folder).encode()).hexdigest()[:6]}"
