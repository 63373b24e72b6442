"""The build context of an image: the files of the build, and their archive for Docker.

The tag of the image is a digest of the content of these files. So an unchanged image is not built again.
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lgbm_sm.config.instance_types import platform_of
from lgbm_sm.config.sections import Config, Pattern
from lgbm_sm.errors import ConfigError
from lgbm_sm.names import IMAGE_TAG_LENGTH, script_mode_repository
from lgbm_sm.shipped import COPIED_VERSION

CA_BUNDLE_NAME = "ca-bundle.pem"
BASE_IMAGE_ARGUMENT = "BASE_IMAGE"
# tools leave these files in any folder; .dockerignore lists the other ignored files
_LEFT_BEHIND = ("**/__pycache__", "**/*.py[cod]", "**/.*_cache", "**/.DS_Store")
# 2 January 1980: the zip archives that pip creates cannot contain an earlier time
_MODIFIED_AT = 315_619_200


@dataclass(frozen=True)
class ImageRecipe:
    """The inputs of an image build.

    The build uses only the pattern's files below `context_path`. `platform` is a text such as linux/amd64. The default
    of `base_image` is the base image in the Dockerfile.
    """

    context_path: Path
    pattern: Pattern
    repository: str
    platform: str
    base_image: str | None = None
    build_args: Mapping[str, str] = field(default_factory=dict)

    @property
    def dockerfile(self) -> str:
        return f"{self.pattern}/Dockerfile"

    @property
    def all_arguments(self) -> dict[str, str]:
        """The build arguments, including the base image."""
        base = {BASE_IMAGE_ARGUMENT: self.base_image} if self.base_image else {}
        return {**self.build_args, **base}


def image_recipe(config: Config, pattern: Pattern, context_path: Path, engine_platform: str) -> ImageRecipe:
    """Return the recipe of a pattern's image.

    The instance types in `config` determine the platform. If all of them are local, it is the platform of Docker.

    Raises:
        ConfigError: the pattern has no Dockerfile, or the instance types need images for two platforms.
    """
    repository = config.repository_of(pattern)
    if repository is None or not (context_path / pattern / "Dockerfile").is_file():
        raise ConfigError(
            f"container.pattern: {pattern}: this version does not have its image yet",
            f"set container.pattern: {Pattern.BYOC}, or local.backend: process",
        )
    serves = pattern is config.container.pattern
    types = {"training": config.training.instance_type} if pattern is Pattern.BYOC else {}
    types |= {"endpoint": config.endpoint.instance_type} if serves else {}
    platforms = {section: platform for section, name in types.items() if (platform := platform_of(name))}
    if len(set(platforms.values())) > 1:
        described = " and ".join(
            f"{section}.instance_type: {types[section]} ({platform})" for section, platform in platforms.items()
        )
        raise ConfigError(f"{described} need two images", "choose instance types of the same platform")
    platform = next(iter(platforms.values()), engine_platform)
    container = config.container
    return ImageRecipe(context_path, pattern, repository, platform, container.base_image, container.build_args)


def context_digest(recipe: ImageRecipe) -> str:
    """Return the SHA-256 of the inputs of the build.

    The inputs are files with their modes, build arguments, platform and base image. The CA bundle is no input, because
    the image does not contain it.
    """
    document = {
        "dockerfile": recipe.dockerfile,
        "files": [_described(path, name) for name, path in image_files(recipe)],
        "build_args": dict(recipe.build_args),
        "base_image": recipe.base_image,
        "platform": recipe.platform,
    }
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def image_tag(recipe: ImageRecipe) -> str:
    """Return `<repository>:<first 12 characters of the digest>`."""
    return f"{recipe.repository}:{context_digest(recipe)[:IMAGE_TAG_LENGTH]}"


def xgboost_tag(config: Config) -> str:
    """Return the tag that the project gives to AWS's XGBoost image."""
    return f"{script_mode_repository(config.project.name)}:{config.container.xgboost_version}"


def pattern_tag(config: Config, pattern: Pattern, context_path: Path, engine_platform: str) -> str:
    """Return the tag of a pattern's image.

    Raises:
        ConfigError: the pattern has no Dockerfile, or the instance types need images for two platforms.
    """
    if pattern is Pattern.SCRIPT_MODE:
        return xgboost_tag(config)
    return image_tag(image_recipe(config, pattern, context_path, engine_platform))


def context_archive(recipe: ImageRecipe, ca_bundle: bytes) -> io.BytesIO:
    """Return an uncompressed tar archive of the image's files and the CA bundle.

    The CA bundle may be empty. The same content always gives the same bytes: owners and times are fixed, and modes are
    0644 or 0755.
    """
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        folders: set[str] = set()
        for name, path in image_files(recipe):
            for folder in reversed(Path(name).parents[:-1]):
                if str(folder) not in folders:
                    folders.add(str(folder))
                    archive.addfile(_member(str(folder), tarfile.DIRTYPE, mode=0o755))
            if path.is_symlink():
                link = _member(name, tarfile.SYMTYPE)
                link.linkname = str(path.readlink())
                archive.addfile(link)
            else:
                _add_file(archive, name, path.read_bytes(), _mode(path))
        _add_file(archive, CA_BUNDLE_NAME, ca_bundle, 0o644)
    buffer.seek(0)
    return buffer


def _add_file(archive: tarfile.TarFile, name: str, content: bytes, mode: int) -> None:
    member = _member(name, tarfile.REGTYPE, mode=mode)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def _member(name: str, kind: bytes, mode: int = 0o644) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.mode, member.mtime = kind, mode, _MODIFIED_AT
    return member


def _described(path: Path, name: str) -> list[str]:
    if path.is_symlink():
        return [name, "link", str(path.readlink())]
    return [name, f"{_mode(path):o}", hashlib.sha256(path.read_bytes()).hexdigest()]


def _mode(path: Path) -> int:
    # git stores only this part of a file mode; the rest depends on the umask of the checkout
    return 0o755 if path.stat().st_mode & 0o100 else 0o644


def image_files(recipe: ImageRecipe) -> list[tuple[str, Path]]:
    """Return the name in the build context and the path of each file of an image."""
    from docker.utils.build import PatternMatcher  # reads .dockerignore as the Docker client does

    context_path = recipe.context_path
    others = [str(other) for other in Pattern if other is not recipe.pattern]
    no_part = (*_LEFT_BEHIND, *others, ".dockerignore", CA_BUNDLE_NAME, COPIED_VERSION)
    matcher = PatternMatcher([*_ignored(context_path), *no_part])
    names = sorted(name for name in matcher.walk(str(context_path)) if name != ".dockerignore")
    found = ((name, context_path / name) for name in names)
    return [(name, path) for name, path in found if path.is_symlink() or path.is_file()]


def _ignored(context_path: Path) -> list[str]:
    path = context_path / ".dockerignore"
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]
