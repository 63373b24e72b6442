"""Docker, the images that the configuration needs, and disk space."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lgbm_sm import __version__
from lgbm_sm.backends.docker.build_context import image_recipe, image_tag, xgboost_tag
from lgbm_sm.backends.docker.engine import Engine, engine_errors
from lgbm_sm.config.sections import Config, Pattern
from lgbm_sm.doctor.findings import DoctorArea, DoctorCheck, Finding, Status, within
from lgbm_sm.errors import ConfigError, EngineError, ImageError, LgbmSmError
from lgbm_sm.images.build import check_disk, free_bytes
from lgbm_sm.images.xgboost import PLATFORM as XGBOOST_PLATFORM

PROGRAM = DoctorCheck("containers", DoctorArea.CONFIGURATION)
ENGINE = DoctorCheck("docker engine", DoctorArea.IMAGE)
IMAGE = DoctorCheck("image", DoctorArea.IMAGE)
DISK = DoctorCheck("disk", DoctorArea.IMAGE)
FOLDER_DISK = DoctorCheck("disk", DoctorArea.CONFIGURATION)

_ENGINE_SECONDS = 12  # more than the time limit of a single request to Docker
_FOLDER_SECONDS = 5  # a folder on the network may never answer
_LEAST_FREE_BYTES = 1000**3  # the space that the work folder needs for data, artifacts and logs


@dataclass(frozen=True)
class EngineState:
    """Facts about Docker. `free_bytes` is None if Docker's data is not on this machine."""

    version: str
    platform: str
    image_store: str
    free_bytes: int | None


def examine_containers(
    config: Config | None, *, engine: Engine, containers_path: Path, folder: Path
) -> Iterator[Finding]:
    """Yield the findings about Docker, images and disk space.

    Without a configuration, images are not checked.
    """
    version_path = containers_path / "runtime" / "lgbm_runtime" / "__init__.py"
    yield PROGRAM.look(_FOLDER_SECONDS, lambda: examine_program(containers_path, version_path.read_text("utf-8")))
    # by default, programs run as processes if no image exists, so a missing Docker is only a warning
    missing = Status.PROBLEM if config and config.requires_images else Status.WARNING
    state = None
    try:
        state = within(_ENGINE_SECONDS, ENGINE.name, lambda: look_at(engine))
    except LgbmSmError as error:
        without = "" if missing is Status.PROBLEM else "; programs run as processes instead"
        yield ENGINE.finding(missing, error.message + without, error.hint)
    else:
        yield ENGINE.ok(f"{state.version}, {state.platform}, image store {state.image_store}")
    if config is None:
        yield IMAGE.not_checked("fix the configuration first")
    elif state is None:
        yield IMAGE.not_checked("Docker does not answer")
    else:
        for pattern in wanted_patterns(config):
            yield _examine_image(config, pattern, engine, state, containers_path)
    if state is not None:
        yield examine_engine_disk(state.free_bytes, missing)
    yield FOLDER_DISK.look(_FOLDER_SECONDS, lambda: examine_folder_disk(folder, shutil.disk_usage(folder).free))


def examine_program(containers_path: Path, source: str) -> Finding:
    """Check that the project's copy of `lgbm_runtime` has the same version as lgbm-sm.

    An upgrade of lgbm-sm does not change this copy. `source` is the text of the copy's `__init__.py`.
    """
    found = re.search(r'^__version__ = "([^"]*)"', source, re.MULTILINE)
    version = found[1] if found else "unknown"
    if version == __version__:
        return PROGRAM.ok(f"lgbm_runtime {version} in {containers_path}")
    return PROGRAM.warning(
        f"{containers_path} has lgbm_runtime {version}, but lgbm-sm is {__version__}: they must be the same version",
        "move it away to use lgbm-sm's own files; `lgbm-sm init --containers` then makes a new copy",
    )


def wanted_patterns(config: Config) -> list[Pattern]:
    """Return the patterns whose images are needed.

    The image of the pattern byoc always runs the training.
    """
    return list(dict.fromkeys((Pattern.BYOC, config.container.pattern)))


def look_at(engine: Engine) -> EngineState:
    """Return facts about Docker.

    Raises:
        EngineError: Docker does not answer, or this user has no permission to use Docker.
    """
    with engine_errors("Docker does not answer", EngineError):
        info = engine.client.info()
    # the name of the driver does not show whether containerd stores the images
    in_containerd = any("io.containerd.snapshotter" in str(pair) for pair in info.get("DriverStatus") or ())
    store = f"{'containerd, ' if in_containerd else ''}{info.get('Driver')}"
    return EngineState(str(info.get("ServerVersion")), engine.platform, store, free_bytes(engine))


def _examine_image(
    config: Config, pattern: Pattern, engine: Engine, state: EngineState, containers_path: Path
) -> Finding:
    def ask() -> Finding:
        if pattern is Pattern.SCRIPT_MODE:
            tag, platform = xgboost_tag(config), XGBOOST_PLATFORM
        else:
            try:
                recipe = image_recipe(config, pattern, containers_path, state.platform)
            except ConfigError as error:
                return DoctorCheck(IMAGE.name, DoctorArea.CONFIGURATION).problem(error.message, error.hint)
            tag, platform = image_tag(recipe), recipe.platform
        return judge_image(
            tag, platform, state.platform, is_built=engine.has_image(tag), is_needed=config.requires_images
        )

    return IMAGE.look(_ENGINE_SECONDS, ask)


def judge_image(tag: str, platform: str, engine_platform: str, *, is_built: bool, is_needed: bool) -> Finding:
    """Judge an image. A missing image is not a problem, because the next step is to build it."""
    if is_built:
        return IMAGE.ok(f"{tag} is built")
    if platform != engine_platform:
        return IMAGE.warning(
            f"{tag} is not built, and {platform} needs emulation on {engine_platform}",
            "docker run --privileged --rm tonistiigi/binfmt --install all && lgbm-sm build",
        )
    if is_needed:
        return IMAGE.warning(f"{tag} is not built", "lgbm-sm build")
    return IMAGE.ok(f"{tag} is not built: programs run as processes until you run `lgbm-sm build`")


def examine_engine_disk(free: int | None, missing: Status) -> Finding:
    """Check the disk space for a build.

    `missing` is the status of the finding if there is too little space.
    """
    try:
        check_disk(free)
    except ImageError as error:
        return DISK.finding(missing, error.message, error.hint)
    if free is None:
        return DISK.ok("unknown: Docker keeps its data on another machine")
    return DISK.ok(f"{free / 1e9:.1f} GB free for Docker's data")


def examine_folder_disk(folder: Path, free: int) -> Finding:
    """Check the disk space for data, artifacts and logs. `free` is in bytes."""
    said = f"{free / 1e9:.1f} GB free in {folder}"
    if free < _LEAST_FREE_BYTES:
        return FOLDER_DISK.problem(said, "`lgbm-sm cleanup` deletes this project's jobs with their logs and artifacts")
    return FOLDER_DISK.ok(said)
