"""The folder `code` of a model artifact, and the environment variables of the server."""

import filecmp
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from lgbm_sm import contract
from lgbm_sm.config.sections import Config, Pattern
from lgbm_sm.config.values import XGBOOST_PYTHON_VERSIONS
from lgbm_sm.model.artifact import UNCHECKED_VARIABLE
from lgbm_sm.model.inference_source import (
    DEFAULT_ENTRY_POINT,
    REQUIREMENTS,
    InferenceSource,
    check_as_process,
    check_free_names,
    check_in_byoc_image,
    check_syntax,
    find_source,
    merged_requirements,
    pinned_versions,
)
from lgbm_sm.shipped import containers_path as shipped_containers_path

MODEL_FILE = "lightgbm-regression-model.txt"
_PROGRAM = "lgbm_runtime"
_CORE = f"{_PROGRAM}/core"  # the only part of the program that is added to a model
# the name of our entry point if the user's file already has our usual name
_OUR_ENTRY_POINT_BESIDE_THE_USERS = "lgbm_sm_inference.py"
# The image turns the folder into a Python package and installs it. It writes files of these names into the folder.
_IMAGES_OWN = ("setup.py", "setup.cfg", "MANIFEST.in", "pyproject.toml")
_BAKE_LIGHTGBM = "BAKE_LIGHTGBM"
# In these images, each worker installs the code at its first request. Two workers that install at the same time break
# each other's installation.
_INSTALL_IN_WORKERS = ("1.5-1", "1.7-1")


@dataclass(frozen=True)
class ModelCode:
    """The code that is added to a model.

    `files` maps each name below `code` to the path of a file to copy, or to a text. `environment` has the environment
    variables of the server.
    """

    files: Mapping[str, Path | str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_unchecked(self) -> bool:
        """Whether the server skips the comparison of the model's files with the manifest."""
        return self.environment.get(UNCHECKED_VARIABLE) == "1"

    def unchecked(self) -> "ModelCode":
        """Return the same code, but with an environment in which the server skips that check."""
        return replace(self, environment={**self.environment, UNCHECKED_VARIABLE: "1"})


def model_code(config: Config, folder: Path, containers_path: Path, *, in_container: bool) -> ModelCode:
    """Return the code to add to a model, for the pattern in `config`.

    Relative paths start at `folder`. `in_container` states whether the server runs in a container or in a process.

    Raises:
        ConfigError: the user's code is missing, or it cannot work in this kind of server.
    """
    source = find_source(config.endpoint, folder)
    if source:
        check_free_names(source, (_PROGRAM,), "the program")
    if not in_container:
        if source:
            check_as_process(source)
        return _users_code(source)
    match config.container.pattern:
        case Pattern.BYOC:
            if source:
                check_in_byoc_image(source, pinned_versions(_text(containers_path / "byoc" / REQUIREMENTS)))
            return _users_code(source)
        case Pattern.INFERENCE_TOOLKIT:
            if config.container.build_args.get(_BAKE_LIGHTGBM) != "0":
                return _users_code(source)
            lightgbm = _text(containers_path / "inference_toolkit" / "requirements-lightgbm.in")
            code = _users_code(source)
            return ModelCode({**code.files, REQUIREMENTS: merged_requirements(lightgbm, source)}, code.environment)
        case Pattern.SCRIPT_MODE:
            return _script_mode(config.container.xgboost_version, source, containers_path)


def is_our_code(model_path: Path, containers_path: Path) -> bool:
    """Return whether an endpoint with the model at `model_path` runs only lgbm-sm's own code.

    Returns False if this is not certain. Examples: the model is not in the folder, a file in `code` is not lgbm-sm's
    original file, or the files in the build context were changed.
    """
    shipped = shipped_containers_path()
    ours = {DEFAULT_ENTRY_POINT: shipped / "script_mode" / DEFAULT_ENTRY_POINT}
    ours |= {f"{_CORE}/{path.name}": path for path in (shipped / "runtime" / _CORE).glob("*.py")}
    code = {name: path for name, path in _files(model_path / "code").items() if name != REQUIREMENTS}
    return (
        (model_path / MODEL_FILE).is_file()
        and all(name in ours and filecmp.cmp(path, ours[name], shallow=False) for name, path in code.items())
        and (
            containers_path == shipped
            or all(
                (shipped / name).is_file() and filecmp.cmp(path, shipped / name, shallow=False)
                for name, path in _files(containers_path).items()
            )
        )
    )


def is_ours_alone(model_path: Path) -> bool:
    """Return whether the model at `model_path` has no inference code but lgbm-sm's own; see `is_our_code`."""
    return is_our_code(model_path, shipped_containers_path())


def _files(folder: Path) -> dict[str, Path]:
    """Map the relative path of each file below a folder to its path."""
    paths = (path for path in folder.rglob("*") if path.is_file() and path.parent.name != "__pycache__")
    return {path.relative_to(folder).as_posix(): path for path in paths}


def _users_code(source: InferenceSource | None) -> ModelCode:
    if source is None:
        return ModelCode()
    return ModelCode(dict(source.files), {contract.PROGRAM_VARIABLE: source.entry_point})


def _script_mode(version: str, source: InferenceSource | None, containers_path: Path) -> ModelCode:
    """Return the code for AWS's XGBoost image.

    The image runs lgbm-sm's file. That file runs the user's file, and it keeps the HTTP status of errors.
    """
    entry_point = _OUR_ENTRY_POINT_BESIDE_THE_USERS if source else DEFAULT_ENTRY_POINT
    environment = {contract.PROGRAM_VARIABLE: entry_point, contract.SUBMIT_DIRECTORY_VARIABLE: contract.CODE_PATH}
    if version in _INSTALL_IN_WORKERS:
        environment["SAGEMAKER_MODEL_SERVER_WORKERS"] = "1"
    if source:
        image = f"AWS's XGBoost image {version}"
        check_free_names(source, (entry_point, *_IMAGES_OWN), image)
        check_syntax(source, XGBOOST_PYTHON_VERSIONS[version], image)
        environment["LGBM_RUNTIME_PROGRAM"] = source.entry_point
    folder = containers_path / "script_mode"
    requirements = merged_requirements(_text(folder / f"requirements-{version}.txt"), source)
    return ModelCode(
        {
            **(source.files if source else {}),
            entry_point: folder / "inference.py",
            REQUIREMENTS: requirements,
            **{f"{_CORE}/{path.name}": path for path in sorted((containers_path / "runtime" / _CORE).glob("*.py"))},
        },
        environment,
    )


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")
