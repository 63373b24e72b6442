"""The Docker engine, the images that the configuration asks for, and the space that they need."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lgbm_sm import __version__
from lgbm_sm.backends.docker.engine import Engine, engine_errors
from lgbm_sm.config.sections import Config, Pattern
from lgbm_sm.doctor.findings import Area, Check, Finding, Status, within
from lgbm_sm.errors import ConfigError, EngineError, ImageError, LgbmSmError
from lgbm_sm.images.build import check_disk, free_bytes
from lgbm_sm.images.build_context import image_recipe, image_tag
from lgbm_sm.images.xgboost import PLATFORM as XGBOOST_PLATFORM
from lgbm_sm.images.xgboost import xgboost_tag

PROGRAM = Check("containers", Area.CONFIGURATION)
ENGINE = Check("docker engine", Area.IMAGE)
IMAGE = Check("image", Area.IMAGE)
DISK = Check("disk", Area.IMAGE)
FOLDER_DISK = Check("disk", Area.CONFIGURATION)

_ENGINE_SECONDS = 12  # more than the engine's own limit for an answer
_FOLDER_SECONDS = 5  # a folder of another machine's may not answer at all
_LEAST_FREE_BYTES = 1000**3  # of the work folder: data, artifacts, logs


@dataclass(frozen=True)
class EngineState:
    """What an engine says of itself; `free_bytes` is None where its data are not on this machine."""

    version: str
    platform: str
    image_store: str
    free_bytes: int | None


def examine_containers(
    config: Config | None, *, engine: Engine, containers_path: Path, folder: Path
) -> Iterator[Finding]:
    """Without a configuration the images are not looked for."""
    version_path = containers_path / "runtime" / "lgbm_runtime" / "__init__.py"
    yield PROGRAM.look(_FOLDER_SECONDS, lambda: examine_program(containers_path, version_path.read_text("utf-8")))
    # where nothing is said, programs run as processes until there is an image: an engine is then good to have
    missing = Status.PROBLEM if config and wants_containers(config) else Status.WARNING
    state = None
    try:
        state = within(_ENGINE_SECONDS, ENGINE.name, lambda: look_at(engine))
    except LgbmSmError as error:
        without = "" if missing is Status.PROBLEM else "; programs run as processes without one"
        yield ENGINE.finding(missing, error.message + without, error.hint)
    else:
        yield ENGINE.ok(f"{state.version}, {state.platform}, image store {state.image_store}")
    if config is None:
        yield IMAGE.not_checked("it follows from the configuration")
    elif state is None:
        yield IMAGE.not_checked("only a Docker engine knows")
    else:
        for pattern in wanted_patterns(config):
            yield _examine_image(config, pattern, engine, state, containers_path)
    if state is not None:
        yield examine_engine_disk(state.free_bytes, missing)
    yield FOLDER_DISK.look(_FOLDER_SECONDS, lambda: examine_folder_disk(folder, shutil.disk_usage(folder).free))


def examine_program(containers_path: Path, source: str) -> Finding:
    """Whether the program in the images is of this version: a project's own copy stays as it is when lgbm-sm changes.

    `source` is the text of the program's `__init__.py`.
    """
    found = re.search(r'^__version__ = "([^"]*)"', source, re.MULTILINE)
    version = found[1] if found else "unknown"
    if version == __version__:
        return PROGRAM.ok(f"lgbm_runtime {version} in {containers_path}")
    return PROGRAM.warning(
        f"{containers_path} holds lgbm_runtime {version}, and lgbm-sm is {__version__}: they are made for each other",
        "take over what `lgbm-sm init` now makes in an empty folder, or install the lgbm-sm of requirements.txt",
    )


def wants_containers(config: Config) -> bool:
    """Whether a command would fail without an image."""
    return config.requires_images


def wanted_patterns(config: Config) -> list[Pattern]:
    """Whose images are used: byoc's trains, whichever serves."""
    return list(dict.fromkeys((Pattern.BYOC, config.container.pattern)))


def look_at(engine: Engine) -> EngineState:
    """What the engine says of itself.

    Raises:
        EngineError: no engine answers, or it refuses this user.
    """
    with engine_errors("the Docker engine does not answer", EngineError):
        info = engine.client.info()
    # as `docker info` shows it: the driver alone says nothing of the store
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
                return Check(IMAGE.name, Area.CONFIGURATION).problem(error.message, error.hint)
            tag, platform = image_tag(recipe), recipe.platform
        return judge_image(
            tag, platform, state.platform, is_built=engine.has_image(tag), is_needed=wants_containers(config)
        )

    return IMAGE.look(_ENGINE_SECONDS, ask)


def judge_image(tag: str, platform: str, engine_platform: str, *, is_built: bool, is_needed: bool) -> Finding:
    """`platform` is the image's. One that is not there is no problem: building it is the next step."""
    if is_built:
        return IMAGE.ok(f"{tag} is built")
    if platform != engine_platform:
        return IMAGE.warning(
            f"{tag} is not built, and {platform} needs emulation on this engine, which is {engine_platform}",
            "docker run --privileged --rm tonistiigi/binfmt --install all && lgbm-sm build",
        )
    if is_needed:
        return IMAGE.warning(f"{tag} is not built", "lgbm-sm build")
    return IMAGE.ok(f"{tag} is not built: programs run as processes until `lgbm-sm build` has made it")


def examine_engine_disk(free: int | None, missing: Status) -> Finding:
    """Whether a build has the space; `missing` is what a lack of it means."""
    try:
        check_disk(free)
    except ImageError as error:
        return DISK.finding(missing, error.message, error.hint)
    if free is None:
        return DISK.ok("the engine keeps its data where it cannot be seen from here")
    return DISK.ok(f"{free / 1e9:.1f} GB free where the Docker engine keeps its data")


def examine_folder_disk(folder: Path, free: int) -> Finding:
    """Whether data, artifacts and logs have the space; in bytes."""
    said = f"{free / 1e9:.1f} GB free in {folder}"
    if free < _LEAST_FREE_BYTES:
        return FOLDER_DISK.problem(said, "`lgbm-sm cleanup` deletes this project's jobs with their logs and artifacts")
    return FOLDER_DISK.ok(said)
