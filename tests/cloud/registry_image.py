"""A real registry (Debian's docker-registry) in a container on this machine."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import docker

from tests.contract.serving import wait_until
from tests.docker.named_images import named_image

DOCKERFILE = """
ARG BASE_IMAGE
FROM ${BASE_IMAGE}
RUN apt-get update && apt-get install -y --no-install-recommends docker-registry apache2-utils
RUN htpasswd -Bbn AWS secret >/etc/docker/registry/htpasswd
ENV REGISTRY_AUTH_HTPASSWD_PATH=/etc/docker/registry/htpasswd
CMD ["docker-registry", "serve", "/etc/docker/registry/config.yml"]
"""
LOGIN = {"username": "AWS", "password": "secret"}


@contextmanager
def running_registry(engine: docker.DockerClient, base_image: str, session: str) -> Iterator[str]:
    """Run a registry that requires a password. Yield its host and port."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        member = tarfile.TarInfo("Dockerfile")
        member.size = len(DOCKERFILE)
        tar.addfile(member, io.BytesIO(DOCKERFILE.encode()))
    archive.seek(0)
    image = named_image(engine, "lgbm-sm-test-registry", archive, "Dockerfile", {"BASE_IMAGE": base_image})
    # docker-py's stubs know no port that the engine chooses
    options: dict[str, Any] = {"ports": {"5000/tcp": ("127.0.0.1", None)}}
    container = engine.containers.create(image, labels={"lgbm-sm.test": session}, **options)
    try:
        container.start()
        wait_until(lambda: b"listening on" in container.logs())
        container.reload()
        yield f"127.0.0.1:{container.attrs['NetworkSettings']['Ports']['5000/tcp'][0]['HostPort']}"
    finally:
        container.remove(force=True, v=True)
