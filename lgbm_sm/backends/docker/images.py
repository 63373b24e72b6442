"""The images that `build` created: find them in the record or by label, and delete them."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from lgbm_sm.backends.docker.engine import (
    CONTEXT_LABEL,
    ID_LABEL,
    PATTERN_LABEL,
    PROJECT_LABEL,
    STAGE_LABEL,
    Engine,
    engine_errors,
)
from lgbm_sm.errors import ImageError
from lgbm_sm.names import IMAGE_TAG_LENGTH, script_mode_repository
from lgbm_sm.record.entries import Image, Place
from lgbm_sm.record.record import Record


def find_image(image: Image, engine: Engine) -> bool:
    """Return whether Docker has a recorded image.

    Another image may have the same name now. So check for the project's label, or for the id of the pulled image.
    """
    if not engine.has_image(image.name):
        return False
    with engine_errors(f"image {image.name} cannot be inspected", ImageError):
        found = engine.client.images.get(image.name)
    return found.labels.get(PROJECT_LABEL) == image.project or found.id == image.image_id


def find_unrecorded(project: str, record: Record, engine: Engine) -> list[Image]:
    """Find the project's images that the record does not contain.

    A label marks the project's images. Another label contains the digest that is also the tag. Other tags belong to
    the user. AWS's XGBoost image has no labels, but its local name is unique to the project.

    Raises:
        EngineError: Docker does not answer.
    """
    labelled, named = {"label": [f"{PROJECT_LABEL}={project}"]}, {"reference": [script_mode_repository(project)]}
    if not engine.may_hold_images(labelled, named):
        return []
    with engine_errors("images cannot be listed", ImageError):
        found = [*engine.client.api.images(filters=labelled), *engine.client.api.images(filters=named)]
    known = {image.name for image in record.images()}
    images = {
        tag: Image(
            name=tag,
            project=project,
            place=Place.DOCKER,
            created_at=datetime.fromtimestamp(one["Created"], UTC),
            pattern=_labels(one).get(PATTERN_LABEL, "script_mode"),
            image_id=one["Id"],
            adopted=_labels(one).get(ID_LABEL) != record.project_id,
        )
        for one in found
        for tag in one["RepoTags"] or ()
        if tag not in known and _is_our_tag(tag, project, _labels(one))
    }
    return list(images.values())


def _is_our_tag(tag: str, project: str, labels: dict[str, str]) -> bool:
    repository, _, version = tag.rpartition(":")
    return repository == script_mode_repository(project) or labels.get(CONTEXT_LABEL, "")[:IMAGE_TAG_LENGTH] == version


def _labels(listed: dict[str, Any]) -> dict[str, str]:
    return listed["Labels"] or {}


def delete_image(image: Image, record: Record, engine: Engine) -> list[str]:
    """Delete an image, then its entry in the record.

    If the image does not exist, or its name now belongs to another project, delete only the entry. Return the reasons
    if the image could not be deleted. The entry then stays in the record.
    """
    import docker.errors

    if find_image(image, engine):
        with engine_errors(f"image {image.name} cannot be removed", ImageError):
            try:
                engine.client.images.remove(image.name)
            except docker.errors.APIError as error:
                if error.status_code != 409:  # 409: a container uses the image
                    raise
                return [str(error.explanation)]
    remove_replaced(image, engine)
    _remove_stages(image, engine)
    record.remove(image)
    return []


def _remove_stages(image: Image, engine: Engine) -> None:
    """Remove the untagged build stages that Docker's classic builder keeps."""
    import docker.errors

    labels = [f"{PROJECT_LABEL}={image.project}", f"{STAGE_LABEL}={image.pattern}"]
    stages: dict[str, str | list[str] | bool] = {"dangling": True, "label": labels}
    with engine_errors(f"the stages of {image.name} cannot be removed", ImageError):
        for stage in engine.client.images.list(filters=stages):
            with suppress(docker.errors.APIError):  # another build uses the stage
                engine.client.images.remove(str(stage.id))


def remove_replaced(image: Image, engine: Engine) -> None:
    """Remove the image that had the same tag before a rebuild. Keep it if a container uses it."""
    import docker.errors

    context = image.name.rpartition(":")[2]
    ours: dict[str, str | list[str] | bool] = {"dangling": True, "label": f"{PROJECT_LABEL}={image.project}"}
    with engine_errors(f"the image that {image.name} has replaced cannot be removed", ImageError):
        for replaced in engine.client.images.list(filters=ours):
            if replaced.labels.get(CONTEXT_LABEL, "").startswith(context):
                with suppress(docker.errors.APIError):
                    engine.client.images.remove(str(replaced.id))
