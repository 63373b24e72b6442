"""`lgbm-sm build` with Docker, and small Dockerfiles in the test's own build context."""

from __future__ import annotations

import os
import shutil
import signal
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import docker
import pytest
from msgspec import structs

import lgbm_sm
from lgbm_sm.backends.docker.build_context import ImageRecipe
from lgbm_sm.backends.docker.engine import Engine
from lgbm_sm.backends.docker.images import delete_image, find_image
from lgbm_sm.config.sections import Config, ContainerSection, Pattern, ProjectSection
from lgbm_sm.errors import ConfigError, ExitCode, ImageError
from lgbm_sm.images.build import BuiltImage, build
from lgbm_sm.record.record import Record
from tests.cli.conftest import CommandLine
from tests.contract.serving import wait_until
from tests.workspaces import make_workspace

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(900)]

CERTIFICATE = "-----BEGIN CERTIFICATE-----\nZm9yIGEgdGVzdA==\n-----END CERTIFICATE-----\n"


@dataclass
class Said:
    """A reporter that stores the messages."""

    lines: list[str] = field(default_factory=list)

    def step(self, text: str) -> None:
        self.lines.append(text)

    detail = warn = status = trace = step

    def log(self, line: str) -> None:
        self.lines.append(f"| {line}")

    def progress(self, what: str, done: int, total: int) -> None:
        self.lines.append(f"{what} {done} of {total}")


@dataclass
class Builder:
    """Builds the Dockerfile in its build context, for its own project."""

    folder: Path
    base_image: str
    session: str
    project: str
    engine: Engine = field(default_factory=lambda: Engine(os.environ))
    said: Said = field(default_factory=Said)

    @property
    def record(self) -> Record:
        return Record(self.folder / ".lgbm-sm")

    def write(self, *instructions: str, name: str = "Dockerfile") -> None:
        path = self.folder / "containers/byoc" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = (
            ["ARG BASE_IMAGE=missing", "FROM ${BASE_IMAGE}", *instructions] if name == "Dockerfile" else instructions
        )
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def __call__(self, *, no_cache: bool = False, ca_bundle_path: Path | None = None, **build_args: str) -> BuiltImage:
        context_path = self.folder / "containers"
        platform = self.engine.platform
        recipe = ImageRecipe(context_path, Pattern.BYOC, self.project, platform, self.base_image, build_args)
        config = Config(project=ProjectSection(name=self.project), container=ContainerSection(ca_bundle=ca_bundle_path))
        workspace = make_workspace(self.folder, config, record=self.record, engine=self.engine, reporter=self.said)
        return build(recipe, workspace, no_cache=no_cache)


@pytest.fixture
def builder(engine: docker.DockerClient, base_image: str, docker_session: str, tmp_path: Path) -> Iterator[Builder]:
    builder = Builder(tmp_path, base_image, docker_session, f"test-{docker_session}-{uuid.uuid4().hex[:6]}")
    yield builder
    for image in builder.record.images():
        assert delete_image(image, builder.record, builder.engine) == []
    assert engine.images.list(filters={"label": f"lgbm-sm.project={builder.project}"}) == []
    for stage in engine.images.list(filters={"dangling": True, "label": f"lgbm-sm.test={docker_session}"}):
        engine.images.remove(str(stage.id))
    builder.engine.client.close()


def output_of(engine: docker.DockerClient, builder: Builder, image: BuiltImage, *command: str) -> str:
    labels = {"lgbm-sm.test": builder.session}
    output = engine.containers.run(image.tag, list(command), remove=True, network_mode="none", labels=labels)
    return bytes(output).decode()


def test_an_unchanged_context_is_not_built_again(builder: Builder) -> None:
    builder.write("COPY byoc/greeting /")
    builder.write("good day", name="greeting")
    first, second = builder(), builder()
    assert (first.unchanged, second.unchanged) == (False, True)
    assert (first.tag, first.image_id) == (second.tag, second.image_id)
    assert first.tag == f"{builder.project}:{first.context[:12]}"
    builder.write("good evening", name="greeting")
    third = builder()
    assert not third.unchanged
    assert third.tag != first.tag
    assert builder(no_cache=True).unchanged is False
    assert [image.name for image in builder.record.images()] == [first.tag, third.tag]


def test_the_image_is_labelled_and_of_the_engines_platform(engine: docker.DockerClient, builder: Builder) -> None:
    builder.write("LABEL own=yes")
    image = builder()
    labels = {
        "own": "yes",
        "lgbm-sm.project": builder.project,
        "lgbm-sm.pattern": "byoc",
        "lgbm-sm.context": image.context,
    }
    assert engine.images.get(image.tag).labels.items() >= labels.items()
    assert image.platform == builder.engine.platform
    assert image.size_bytes == engine.images.get(image.tag).attrs["Size"]


def test_steps_are_reported_as_they_come_and_arguments_reach_them(
    engine: docker.DockerClient, builder: Builder
) -> None:
    builder.write("ARG GREETING", "RUN echo $GREETING >/greeting && echo said so")
    assert output_of(engine, builder, builder(GREETING="good day"), "cat", "/greeting") == "good day\n"
    assert any(line.startswith("| Step 4/") for line in builder.said.lines)
    assert "said so" in builder.said.lines


def test_the_ca_bundle_is_there_while_building_and_not_afterwards(
    engine: docker.DockerClient, builder: Builder, tmp_path: Path
) -> None:
    (tmp_path / "proxy.pem").write_text(CERTIFICATE)
    builder.write(
        f"LABEL lgbm-sm.test={builder.session}",  # the stage stays, without a name
        "COPY ca-bundle.pem /tmp/ca-bundle.pem",
        "RUN wc -c </tmp/ca-bundle.pem >/size",
        "FROM ${BASE_IMAGE}",
        "COPY --from=0 /size /size",
    )
    image = builder(ca_bundle_path=tmp_path / "proxy.pem")
    assert int(output_of(engine, builder, image, "cat", "/size")) == len(CERTIFICATE)
    assert "ca-bundle" not in str(engine.images.get(image.tag).history())
    assert output_of(engine, builder, image, "find", "/", "-xdev", "-name", "ca-bundle.pem") == ""
    without = builder(no_cache=True)
    assert without.tag == image.tag
    assert int(output_of(engine, builder, without, "cat", "/size")) == 0


def test_a_ca_bundle_is_refused_when_it_holds_no_certificate(builder: Builder, tmp_path: Path) -> None:
    builder.write()
    (tmp_path / "proxy.pem").write_text("hello")
    with pytest.raises(ConfigError, match="contains no certificate in PEM form"):
        builder(ca_bundle_path=tmp_path / "proxy.pem")
    with pytest.raises(ConfigError, match="cannot be read"):
        builder(ca_bundle_path=tmp_path / "missing.pem")
    assert builder.record.images() == ()


@pytest.mark.parametrize(
    ("instruction", "said"),
    [
        ("RUN echo the cause stands here && exit 3", "returned a non-zero code: 3"),
        ("COPY byoc/missing /", "byoc/missing"),
        ("NONSENSE", "NONSENSE"),
    ],
)
def test_the_engines_words_are_given_when_a_build_fails(builder: Builder, instruction: str, said: str) -> None:
    builder.write(instruction)
    with pytest.raises(ImageError) as caught:
        builder()
    assert caught.value.exit_code is ExitCode.IMAGE
    assert said in caught.value.message
    assert ("\n  the cause stands here" in caught.value.message) == ("the cause" in instruction)
    [image] = builder.record.images()
    assert (image.image_id, find_image(image, builder.engine)) == ("", False)


def test_an_image_stays_when_it_is_another_projects_by_now(engine: docker.DockerClient, builder: Builder) -> None:
    builder.write()
    tag = builder().tag
    [image] = builder.record.images()
    other = structs.replace(image, project="another", image_id="sha256:another")
    assert delete_image(other, builder.record, builder.engine) == []
    assert engine.images.get(tag).tags == [tag]
    builder.record.add(image)


def test_an_image_is_left_and_said_so_when_a_container_of_somebody_uses_it(
    engine: docker.DockerClient, builder: Builder
) -> None:
    builder.write()
    container = engine.containers.create(builder().tag, ["true"], labels={"lgbm-sm.test": builder.session})
    try:
        [image] = builder.record.images()
        [reason] = delete_image(image, builder.record, builder.engine)
        assert str(container.short_id) in reason
        assert builder.record.images() == (image,)
    finally:
        container.remove()


@pytest.fixture
def slow_build(builder: Builder) -> CommandLine:
    """An installed command line, with a build context whose build takes minutes."""
    package = Path(lgbm_sm.__file__).parent
    shutil.copytree(package, builder.folder / "lgbm_sm", ignore=shutil.ignore_patterns("__pycache__"))
    (builder.folder / "containers/runtime").mkdir(parents=True)
    builder.write(f"RUN : {builder.project} && sleep 300")
    environment = {"LGBM_SM_PROJECT__NAME": builder.project, "LGBM_SM_CONTAINER__BASE_IMAGE": builder.base_image}
    return CommandLine(builder.folder, environment)


def building(engine: docker.DockerClient, builder: Builder) -> bool:
    found = engine.containers.list(all=True, ignore_removed=True)
    return any(builder.project in " ".join(container.attrs["Config"]["Cmd"] or ()) for container in found)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_runs_on_when_a_build_is_interrupted_or_killed(
    engine: docker.DockerClient, builder: Builder, slow_build: CommandLine, number: signal.Signals
) -> None:
    command = slow_build.start("build")
    wait_until(lambda: building(engine, builder))
    command.send_signal(number)
    _, conversation = command.communicate(timeout=30)
    assert command.returncode == (-number if number == signal.SIGKILL else 130)
    assert ("nothing is still running" in conversation) == (number != signal.SIGKILL)
    wait_until(lambda: not building(engine, builder))
    assert len(builder.record.images()) == 1
    assert slow_build("cleanup", "--yes").stdout == "nothing left\n"
    assert builder.record.images() == ()


def test_build_says_what_to_do_when_no_engine_answers(builder: Builder, slow_build: CommandLine) -> None:
    slow_build.environment["DOCKER_HOST"] = "unix:///no/such/engine.sock"
    started_at = time.monotonic()
    refused = slow_build("build", exit_code=5)
    assert "Docker does not answer: /no/such/engine.sock does not exist" in refused.stderr
    assert "hint: start Docker" in refused.stderr
    assert time.monotonic() - started_at < 10
    assert builder.record.images() == ()
