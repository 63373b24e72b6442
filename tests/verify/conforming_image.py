"""A small image that keeps the contract, and a similar image for each violation."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker

from tests.cloud.emulator.containers import archive
from tests.docker.named_images import named_image

START = Path(__file__).parent / "start.pl"
REPOSITORY = "lgbm-sm-test-verification"
_DOCKERFILE = """
ARG BASE_IMAGE
FROM ${BASE_IMAGE}
COPY start /opt/program/start
RUN chmod 755 /opt/program/start
ENTRYPOINT ["/opt/program/start"]
"""


def conforming_image(engine: docker.DockerClient, base_image: str) -> str:
    """Build the image if Docker does not have it. Return its name."""
    context = archive({"Dockerfile": _DOCKERFILE.encode(), "start": START.read_bytes()}, at=0)
    return named_image(engine, REPOSITORY, io.BytesIO(context), "Dockerfile", {"BASE_IMAGE": base_image})


def broken_image(engine: docker.DockerClient, conforming: str, name: str, lines: str, label: str) -> str:
    """Build the conforming image with more lines in its Dockerfile. The caller removes it."""
    tag = f"{REPOSITORY}-broken-{label}:{name}"
    context = archive({"Dockerfile": f"FROM {conforming}\n{lines}\n".encode()}, at=0)
    engine.images.build(
        fileobj=io.BytesIO(context), custom_context=True, tag=tag, labels={"lgbm-sm.test": label}, rm=True, forcerm=True
    )
    return tag


@contextmanager
def needed_server(engine: docker.DockerClient, base_image: str, label: str) -> Iterator[str]:
    """Run a server on port 7070 that only a container with a network can reach.

    Yield its address.
    """
    program = "use IO::Socket::INET; my $s = IO::Socket::INET->new(LocalPort => 7070, Listen => 9); 1 while $s->accept"
    container = engine.containers.run(
        base_image, ["perl", "-e", program], detach=True, labels={"lgbm-sm.test": label}, init=True
    )
    try:
        container.reload()
        address: str = container.attrs["NetworkSettings"]["IPAddress"]
        yield address
    finally:
        container.remove(force=True)


def image_of_another_platform(engine: docker.DockerClient, conforming: str, label: str) -> str:
    """Create an image with the same layers for the platform arm64."""
    tag = f"{REPOSITORY}-broken-{label}:platform"
    changed = io.BytesIO()
    saved = io.BytesIO(b"".join(engine.images.get(conforming).save(named=False)))
    with tarfile.open(fileobj=saved) as given, tarfile.open(fileobj=changed, mode="w") as made:
        [manifest] = json.loads(_content(given, "manifest.json"))
        config = json.loads(_content(given, manifest["Config"]))
        config["architecture"] = "arm64"
        config["config"]["Labels"] = {"lgbm-sm.test": label}
        for member in given:
            content: io.BufferedIOBase | None = given.extractfile(member) if member.isfile() else None  # type: ignore[assignment]
            if member.name == manifest["Config"]:
                content = _replace(member, json.dumps(config).encode())
            elif member.name == "manifest.json":
                content = _replace(member, json.dumps([{**manifest, "RepoTags": [tag]}]).encode())
            if member.name != "repositories":
                made.addfile(member, content)
    engine.images.load(changed.getvalue())
    return tag


def _content(given: tarfile.TarFile, name: str) -> bytes:
    file = given.extractfile(name)
    assert file is not None
    return file.read()


def _replace(member: tarfile.TarInfo, content: bytes) -> io.BytesIO:
    member.size = len(content)
    return io.BytesIO(content)
