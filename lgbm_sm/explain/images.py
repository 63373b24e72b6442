"""The image that a step takes, as the engine knows it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lgbm_sm.backends.docker.engine import engine_errors
from lgbm_sm.config.sections import Pattern
from lgbm_sm.errors import ConfigError, EngineError, ImageError
from lgbm_sm.explain.noted_engine import NotingEngine
from lgbm_sm.explain.sections import Section, aligned, section
from lgbm_sm.workspace import Workspace, tag_of


@dataclass(frozen=True)
class ImageFacts:
    """An image by its tag; `attributes` are the engine's, none where it does not hold it, and `missing` says why."""

    tag: str
    attributes: Mapping[str, Any]
    missing: str = ""

    @property
    def config(self) -> Mapping[str, Any]:
        """What a container of it is started with, unless it is told otherwise."""
        found: Mapping[str, Any] = self.attributes.get("Config") or {}
        return found


def look_at_image(workspace: Workspace, pattern: Pattern) -> ImageFacts:
    """The image of a pattern, under the configuration."""
    try:
        tag = tag_of(workspace, pattern, NotingEngine(workspace.engine).platform)
    except ConfigError as refused:
        return ImageFacts("<image>", {}, refused.message)
    try:
        if not workspace.engine.has_image(tag):
            made = (
                "fetched yet: `lgbm-sm build` does it"
                if pattern is Pattern.SCRIPT_MODE
                else "built yet: `lgbm-sm build` makes it"
            )
            return ImageFacts(tag, {}, f"it is not {made}")
    except EngineError as error:
        return ImageFacts(tag, {}, f"whether it is built is not known: {error.message}")
    with engine_errors(f"image {tag} cannot be looked at", ImageError):
        return ImageFacts(tag, workspace.engine.client.images.get(tag).attrs)


def image_section(facts: ImageFacts) -> Section:
    """What there is to know of it before it is started."""
    if facts.missing:
        return section("The image", facts.tag, facts.missing)
    attributes, config = facts.attributes, facts.config
    digests = attributes.get("RepoDigests") or []
    labels = [f"{name}={value}" for name, value in (config.get("Labels") or {}).items() if "sagemaker" in name]
    return section(
        "The image",
        aligned(
            [
                ("tag", facts.tag),
                ("entry point", _words(config.get("Entrypoint"))),
                ("command", f"{_words(config.get('Cmd'))}; the platform puts train or serve in its place"),
                ("user", config.get("User") or "root"),
                ("platform", f"{attributes['Os']}/{attributes['Architecture']}"),
                ("size", f"{attributes['Size'] / 1e6:.0f} MB in {len(attributes['RootFS']['Layers'])} layers"),
                ("id", attributes["Id"]),
                ("digest", ", ".join(digests) or "none: a registry gives one when it is pushed"),
                ("ports", ", ".join(config.get("ExposedPorts") or {}) or "none"),
                ("for SageMaker", ", ".join(labels) or "no labels"),
            ]
        ),
    )


def environment_lines(facts: ImageFacts) -> list[str]:
    """The variables that the image itself sets."""
    return list(facts.config.get("Env") or ["(the image is not here to be asked)"])


def _words(words: list[str] | None) -> str:
    return "none" if not words else " ".join(words)
