"""The image that a step uses, and Docker's information about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lgbm_sm.backends.docker.engine import Engine, engine_errors
from lgbm_sm.config.sections import Pattern
from lgbm_sm.errors import ConfigError, EngineError, ImageError
from lgbm_sm.explain.sections import Section, aligned, section
from lgbm_sm.workspace import Workspace, tag_of

_USUAL_PLATFORM = "linux/amd64"


@dataclass(frozen=True)
class ImageFacts:
    """The tag of an image, and Docker's attributes of the image.

    If Docker does not have the image, `attributes` is empty and `missing` is the reason.
    """

    tag: str
    attributes: Mapping[str, Any]
    missing: str = ""

    @property
    def config(self) -> Mapping[str, Any]:
        """The image's default settings for containers."""
        found: Mapping[str, Any] = self.attributes.get("Config") or {}
        return found


def platform_of_docker(engine: Engine) -> str:
    """Return Docker's platform. If Docker does not answer, return the platform of most SageMaker instances."""
    try:
        return engine.platform
    except EngineError:
        return _USUAL_PLATFORM


def look_at_image(workspace: Workspace, pattern: Pattern) -> ImageFacts:
    """Return the facts about the image of a pattern, for this configuration."""
    try:
        tag = tag_of(workspace, pattern, platform_of_docker(workspace.engine))
    except ConfigError as refused:
        return ImageFacts("<image>", {}, refused.message)
    try:
        if not workspace.engine.has_image(tag):
            state = "pulled" if pattern is Pattern.SCRIPT_MODE else "built"
            return ImageFacts(tag, {}, f"not {state} yet: run `lgbm-sm build`")
    except EngineError as error:
        return ImageFacts(tag, {}, f"cannot tell whether it is built: {error.message}")
    with engine_errors(f"could not inspect image {tag}", ImageError):
        return ImageFacts(tag, workspace.engine.client.images.get(tag).attrs)


def image_section(facts: ImageFacts) -> Section:
    """Return the section with the facts about an image."""
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
                ("command", f"{_words(config.get('Cmd'))}; SageMaker replaces it with train or serve"),
                ("user", config.get("User") or "root"),
                ("platform", f"{attributes['Os']}/{attributes['Architecture']}"),
                ("size", f"{attributes['Size'] / 1e6:.0f} MB in {len(attributes['RootFS']['Layers'])} layers"),
                ("id", attributes["Id"]),
                ("digest", ", ".join(digests) or "none until it is pushed"),
                ("ports", ", ".join(config.get("ExposedPorts") or {}) or "none"),
                ("for SageMaker", ", ".join(labels) or "no labels"),
            ]
        ),
    )


def environment_lines(given: Mapping[str, str], facts: ImageFacts) -> list[str]:
    """Return the environment variables for a container, and those of its image."""
    of_image = facts.config.get("Env") or ["unknown, because Docker does not have the image"]
    return [
        "given to the container:",
        *([f"  {name}={value}" for name, value in given.items()] or ["  none"]),
        "set by the image:",
        *(f"  {line}" for line in of_image),
    ]


def _words(words: list[str] | None) -> str:
    return "none" if not words else " ".join(words)
