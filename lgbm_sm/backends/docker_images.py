"""The images that `build` has put on record: whether they are there, and how they are taken away."""

from contextlib import suppress

from lgbm_sm.backends.docker_engine import CONTEXT_LABEL, PROJECT_LABEL, STAGE_LABEL, Engine, engine_errors
from lgbm_sm.entries import Image
from lgbm_sm.errors import ImageError
from lgbm_sm.record import Record


def find_image(image: Image, engine: Engine) -> bool:
    """Whether the engine holds the image on record: it carries this project's label, or is the one that was pulled."""
    if not engine.has_image(image.name):
        return False
    with engine_errors(f"image {image.name} cannot be looked at", ImageError):
        found = engine.client.images.get(image.name)
    return found.labels.get(PROJECT_LABEL) == image.project or found.id == image.image_id


def delete_image(image: Image, record: Record, engine: Engine) -> list[str]:
    """Remove the image from the engine, then its entry; harmless when it is gone, or is another project's by now.

    Returns what keeps it there; the entry then stays on record.
    """
    import docker.errors

    if find_image(image, engine):
        with engine_errors(f"image {image.name} cannot be removed", ImageError):
            try:
                engine.client.images.remove(image.name)
            except docker.errors.APIError as error:
                if error.status_code != 409:  # a container uses it
                    raise
                return [str(error.explanation)]
    remove_replaced(image, engine)
    _remove_stages(image, engine)
    record.remove(image)
    return []


def _remove_stages(image: Image, engine: Engine) -> None:
    """Remove the stages that the classic builder keeps, without a name, of this project's images of that pattern."""
    import docker.errors

    labels = [f"{PROJECT_LABEL}={image.project}", f"{STAGE_LABEL}={image.pattern}"]
    stages: dict[str, str | list[str] | bool] = {"dangling": True, "label": labels}
    with engine_errors(f"what {image.name} was built from cannot be removed", ImageError):
        for stage in engine.client.images.list(filters=stages):
            with suppress(docker.errors.APIError):  # another build is using it
                engine.client.images.remove(str(stage.id))


def remove_replaced(image: Image, engine: Engine) -> None:
    """Remove what bore the tag before the image was built anew; harmless where it is none, or a container uses it."""
    import docker.errors

    context = image.name.rpartition(":")[2]
    ours: dict[str, str | list[str] | bool] = {"dangling": True, "label": f"{PROJECT_LABEL}={image.project}"}
    with engine_errors(f"what {image.name} has replaced cannot be removed", ImageError):
        for replaced in engine.client.images.list(filters=ours):
            if replaced.labels.get(CONTEXT_LABEL, "").startswith(context):
                with suppress(docker.errors.APIError):
                    engine.client.images.remove(str(replaced.id))
