"""The choice of the backend on this machine, and the reason that is shown."""

from dataclasses import dataclass

import pytest

from lgbm_sm.backends.docker.engine import Engine
from lgbm_sm.backends.process_or_container import Choice, choose
from lgbm_sm.config.backend_sections import BackendChoice
from lgbm_sm.errors import ConfigError, EngineError, ExitCode, ImageError

NO_ENGINE = Engine({"DOCKER_HOST": "unix:///nonexistent/docker.sock"})


@dataclass
class HeldImages:
    """Docker, with these images."""

    tags: tuple[str, ...] = ()
    platform: str = "linux/amd64"

    def has_image(self, tag: str) -> bool:
        return tag in self.tags


def tag_of(platform: str) -> str:
    return f"demo:{platform.partition('/')[2]}"


def no_tag(platform: str) -> str:
    raise ConfigError("container.pattern: script_mode: this version does not have its image yet")


def test_a_process_is_taken_when_it_is_wanted_whatever_the_engine_holds() -> None:
    choice = choose(BackendChoice.PROCESS, HeldImages(("demo:amd64",)), tag_of)
    assert choice == Choice("local.backend is process")


@pytest.mark.parametrize("wanted", [BackendChoice.AUTO, BackendChoice.DOCKER])
def test_a_container_is_taken_when_the_present_image_is_there(wanted: BackendChoice) -> None:
    choice = choose(wanted, HeldImages(("demo:amd64",)), tag_of)
    assert choice.image == "demo:amd64"
    assert choice.because.startswith(f"local.backend is {wanted}, and the image")


def test_auto_takes_a_process_when_the_engine_holds_only_other_images() -> None:
    choice = choose(BackendChoice.AUTO, HeldImages(("demo:arm64", "demo:older")), tag_of)
    assert not choice.image
    assert "(`lgbm-sm build` creates it)" in choice.because


def test_auto_takes_a_process_when_no_engine_answers() -> None:
    choice = choose(BackendChoice.AUTO, NO_ENGINE, tag_of)
    assert not choice.image
    assert "Docker does not answer" in choice.because


def test_auto_takes_a_process_when_the_pattern_has_no_image() -> None:
    choice = choose(BackendChoice.AUTO, HeldImages(), no_tag)
    assert not choice.image
    assert "this version does not have its image yet" in choice.because


def test_docker_refuses_when_the_image_is_not_there() -> None:
    with pytest.raises(ImageError, match="demo:amd64") as caught:
        choose(BackendChoice.DOCKER, HeldImages(), tag_of)
    assert "`lgbm-sm build`" in caught.value.hint


def test_docker_refuses_when_no_engine_answers() -> None:
    with pytest.raises(
        EngineError, match=r"Docker does not answer: /nonexistent/docker\.sock does not exist"
    ) as caught:
        choose(BackendChoice.DOCKER, NO_ENGINE, tag_of)
    assert caught.value.exit_code is ExitCode.IMAGE
    assert "start Docker" in caught.value.hint


def test_docker_refuses_when_the_pattern_has_no_image() -> None:
    with pytest.raises(ConfigError, match="this version does not have its image yet"):
        choose(BackendChoice.DOCKER, HeldImages(), no_tag)
