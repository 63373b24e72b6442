"""Where on this machine a program is started: in a container, or as a process."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from lgbm_sm.config.environment import LocalBackend
from lgbm_sm.errors import ConfigError, EngineError, ImageError
from lgbm_sm.record.entries import Place


class EngineView(Protocol):
    """What the choice asks of an engine; each may raise EngineError."""

    @property
    def platform(self) -> str:
        """Which images run on it without emulation, such as linux/amd64."""

    def has_image(self, tag: str) -> bool:
        """Whether it holds an image of this name."""


@dataclass(frozen=True)
class Choice:
    """A place, why, and the image that a container is started from."""

    place: Place
    because: str
    image: str = ""


def choose(wanted: LocalBackend, engine: EngineView, tag_of: Callable[[str], str]) -> Choice:
    """Where to start; `tag_of` gives the tag of the image that would be started, for the engine's platform.

    `auto` takes a container only where an engine answers and holds that image; `docker` never takes anything else.

    Raises:
        EngineError: `docker` is wanted, and no engine answers.
        ImageError: `docker` is wanted, and the image is not there.
        ConfigError: `docker` is wanted, and there can be no such image.
    """
    if wanted is LocalBackend.PROCESS:
        return Choice(Place.PROCESS, "local.backend is process")
    try:
        tag = tag_of(engine.platform)
        found = engine.has_image(tag)
    except (EngineError, ConfigError) as error:
        if wanted is LocalBackend.DOCKER:
            raise
        return Choice(Place.PROCESS, f"local.backend is auto, and {error.message}")
    if found:
        because = "local.backend is docker" if wanted is LocalBackend.DOCKER else "local.backend is auto"
        return Choice(Place.DOCKER, f"{because}, and the image is there: {tag}", tag)
    if wanted is LocalBackend.DOCKER:
        raise ImageError(
            f"local.backend: docker: the image is not there: {tag}",
            "run `lgbm-sm build` first, with the same container section; or set local.backend: auto",
        )
    return Choice(
        Place.PROCESS,
        f"local.backend is auto, and the image is not there: {tag} (`lgbm-sm build` makes it)",
    )
