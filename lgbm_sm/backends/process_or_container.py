"""Choose whether a program on this machine runs in a container or as a process."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from lgbm_sm.config.backend_sections import BackendChoice
from lgbm_sm.errors import ConfigError, EngineError, ImageError


class EngineView(Protocol):
    """The part of a container engine that `choose` needs. Each member may raise EngineError."""

    @property
    def platform(self) -> str:
        """The platform of the engine, such as linux/amd64. Images for this platform run without emulation."""

    def has_image(self, tag: str) -> bool:
        """Return whether the engine has an image of this name."""


class Choice(NamedTuple):
    """The result of `choose`. `image` is the image of the container to start. It is empty for a process."""

    because: str
    image: str = ""


def choose(wanted: BackendChoice, engine: EngineView, tag_of: Callable[[str], str]) -> Choice:
    """Choose a container or a process.

    `tag_of` returns the tag of the image for the engine's platform. `auto` chooses a container if Docker answers and
    has that image. Otherwise it chooses a process. `docker` always chooses a container.

    Raises:
        EngineError: `wanted` is `docker`, but Docker does not answer.
        ImageError: `wanted` is `docker`, but the image does not exist.
        ConfigError: `wanted` is `docker`, but the configuration allows no image for the platform.
    """
    if wanted is BackendChoice.PROCESS:
        return Choice("local.backend is process")
    try:
        tag = tag_of(engine.platform)
        found = engine.has_image(tag)
    except (EngineError, ConfigError) as error:
        if wanted is BackendChoice.DOCKER:
            raise
        return Choice(f"local.backend is auto, and {error.message}")
    if found:
        because = "local.backend is docker" if wanted is BackendChoice.DOCKER else "local.backend is auto"
        return Choice(f"{because}, and the image exists: {tag}", tag)
    if wanted is BackendChoice.DOCKER:
        raise ImageError(
            f"local.backend: docker: the image does not exist: {tag}",
            "run `lgbm-sm build` first, with the same container section; or set local.backend: auto",
        )
    return Choice(f"local.backend is auto, and the image does not exist: {tag} (`lgbm-sm build` creates it)")
