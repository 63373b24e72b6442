"""The images that `build` has put on record: whether they are there, and how they are taken away."""

from lgbm_sm.backends.docker_engine import PROJECT_LABEL, Engine, engine_errors
from lgbm_sm.errors import ImageError
from lgbm_sm.record import Image, Record


def find_image(image: Image, engine: Engine) -> bool:
    """Whether the engine holds the image on record, and it carries this project's label."""
    if not engine.has_image(image.name):
        return False
    with engine_errors(f"image {image.name} cannot be looked at", ImageError):
        labels = engine.client.images.get(image.name).labels
    return labels.get(PROJECT_LABEL) == image.project


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
    record.remove(image)
    return []
