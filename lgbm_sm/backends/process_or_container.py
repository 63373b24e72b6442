"""Choose whether a program on this machine runs in a container or as a process."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from lgbm_sm.config.backend_sections import BackendChoice
from lgbm_sm.errors import ConfigError, EngineError, ImageError


class EngineView(Protocol):
    """The part of a container engine that the choice needs; each member may raise EngineError."""

    @property
    def platform(self) -> str:
        """The platform whose images run without emulation, such as linux/amd64."""

    def has_image(self, tag: str) -> bool:
        """Return whether the engine has an image of this name."""


class Choice(NamedTuple):
    """The image of the container to start, empty for a process, and the reason for the choice."""

    because: str
    image: str = ""


def choose(wanted: BackendChoice, engine: EngineView, tag_of: Callable[[str], str]) -> Choice:
    """Choose a container or a process.

    `tag_of` returns the tag of the image for the engine's platform. `auto` chooses a container only if Docker answers
    and has that image. `docker` accepts nothing else.

    Raises:
        EngineError: the choice is `docker`, and Docker does not answer.
        ImageError: the choice is `docker`, and the image does not exist.
        ConfigError: the choice is `docker`, and the configuration allows no such image.
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
        return Choice(f"{because}, and the image is there: {tag}", tag)
    if wanted is BackendChoice.DOCKER:
        raise ImageError(
            f"local.backend: docker: the image is not there: {tag}",
            "run `lgbm-sm build` first, with the same container section; or set local.backend: auto",
        )
    return Choice(f"local.backend is auto, and the image is not there: {tag} (`lgbm-sm build` makes it)")
