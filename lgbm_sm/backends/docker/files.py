"""Files that a container and this machine share: mounts, and the owner of the files."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lgbm_sm import contract
from lgbm_sm.backends.docker.engine import PATTERN_LABEL
from lgbm_sm.backends.docker.spec import BindMount
from lgbm_sm.errors import ConfigError

if TYPE_CHECKING:
    from docker import DockerClient


def bind(source: Path, target: str, *, read_only: bool = False) -> BindMount:
    """Return a mount of `source` at `target` in a container. `source` must exist."""
    return BindMount(source.resolve(), target, read_only)


def give_to_caller(
    folder: Path, client: "DockerClient", preferred_images: Iterable[str], labels: Mapping[str, str]
) -> None:
    """Make the caller the owner of all files below `folder`.

    Programs in containers run as root, as on SageMaker, so their files belong to root. A short-lived container, which
    also runs as root, changes the owner. Its image is one of `preferred_images`, or else any image that lgbm-sm has
    built.
    """
    user, group = os.getuid(), os.getgid()
    if not _holds_files_of_others(folder, user):
        return
    ours = client.images.list(filters={"label": PATTERN_LABEL})
    names = [name for image in ours for name in (*image.tags, str(image.id))]
    image = next((name for name in preferred_images if name in names), next(iter(names), None))
    if image is None:
        return
    container = client.containers.create(
        image,
        ["-R", "-h", f"{user}:{group}", contract.OPT_ML],
        entrypoint=["chown"],
        user="0:0",
        network_mode="none",
        labels=dict(labels),
        mounts=[bind(folder, contract.OPT_ML).mount()],
    )
    try:
        container.start()
        container.wait()
    finally:
        container.remove(force=True, v=True)


def _holds_files_of_others(folder: Path, user: int) -> bool:
    paths = (Path(parent) / name for parent, folders, files in os.walk(folder) for name in (".", *folders, *files))
    return any(path.lstat().st_uid != user for path in paths)


def with_public_authorities(ca_bundle_path: Path) -> bytes:
    """Return the CA bundle together with the public certificate authorities.

    pip uses the result for all connections, instead of its own list of authorities.
    """
    import certifi

    try:
        return Path(certifi.where()).read_bytes() + b"\n" + ca_bundle_path.read_bytes()
    except OSError as error:
        said = f"container.ca_bundle: {error.filename} cannot be read: {error.strerror}"
        raise ConfigError(said, "check the path") from error
