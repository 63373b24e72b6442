"""Names and labels of containers and networks."""

from collections.abc import Mapping
from pathlib import Path

from lgbm_sm.backends.docker.engine import FOLDER_LABEL, ID_LABEL, KIND_LABEL, NAME_LABEL, PROJECT_LABEL
from lgbm_sm.record.entries import Entry
from lgbm_sm.record.work_folder import ENDPOINTS, JOBS, has_marker_of


def _work_path(entry: Entry) -> Path:
    return entry.folder.parent.parent


def labels_of(entry: Entry, project_id: str) -> dict[str, str]:
    """Return the labels of the entry's containers and networks."""
    return {
        PROJECT_LABEL: entry.project,
        KIND_LABEL: entry.kind,
        NAME_LABEL: entry.name,
        ID_LABEL: project_id,
        FOLDER_LABEL: str(_work_path(entry)),
    }


def is_of(labels: Mapping[str, str], entry: Entry, project_id: str) -> bool:
    """Return whether a container or network with these labels was created for the entry."""
    return labels.get(NAME_LABEL) == entry.name and is_of_project(labels, _work_path(entry), project_id)


def is_of_project(labels: Mapping[str, str], work_path: Path, project_id: str) -> bool:
    """Return whether a container or network with these labels belongs to the project with this id.

    An older lgbm-sm set no id. If the id differs, the user may have deleted the record. The container then belongs to
    the project if the project has no record now, or if the folder of the job or endpoint still has the old id.
    """
    name, owner, folder = labels.get(NAME_LABEL, ""), labels.get(ID_LABEL, ""), Path(labels.get(FOLDER_LABEL, ""))
    if owner and owner == project_id:
        return True
    own_folders = (work_path / JOBS / name, work_path / ENDPOINTS / name)
    if not owner:
        # if the user has moved the project, the old folder does not exist, but the same name exists here
        return folder == work_path or (not folder.exists() and any(own.is_dir() for own in own_folders))
    return folder == work_path and (not project_id or any(has_marker_of(own, owner) for own in own_folders))


def unique_name(entry: Entry, project_id: str) -> str:
    """Return a name that is unique in Docker: the name of the entry, and a part of the project's id."""
    import hashlib

    return f"{entry.name}-{project_id[:6] or hashlib.sha256(str(entry.folder).encode()).hexdigest()[:6]}"
