"""`lgbm-sm verify`, and the checks before each deployment."""

import itertools
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from msgspec import structs

from lgbm_sm import contract
from lgbm_sm.backends import TrainingInputs
from lgbm_sm.backends.docker.build_context import image_recipe, image_tag, xgboost_tag
from lgbm_sm.backends.docker.engine import PATTERN_LABEL, Engine
from lgbm_sm.config.instance_types import platform_of
from lgbm_sm.config.lightgbm_parameters import as_strings
from lgbm_sm.config.sections import Pattern
from lgbm_sm.data import prepare_data
from lgbm_sm.errors import DataError, ImageError, UsageError
from lgbm_sm.invocation.invoke import content_type_of
from lgbm_sm.model.code import ModelCode, model_code
from lgbm_sm.preparation.schema import Split, load_schema, schema_path, training_channels, verify_split
from lgbm_sm.verify.checks import Report, Result, Verdict
from lgbm_sm.verify.checks.image import COMMANDS
from lgbm_sm.verify.limits import Limits
from lgbm_sm.verify.subject import SampleRequest, Subject
from lgbm_sm.verify.verifier import Verification, attributes_of
from lgbm_sm.workspace import Workspace

_ROWS = 100  # the sample request has this many rows of the test split


@dataclass(frozen=True)
class VerifyOptions:
    """The options of `verify`. Without an `image`, the project's own images are checked."""

    image: str | None = None
    model_path: Path | None = None
    request_path: Path | None = None
    content_type: str | None = None
    channels_path: Path | None = None
    only: str = ""
    network: bool = False
    full: bool = False


@dataclass(frozen=True)
class _Material:
    """The inputs of the images: training data, and a sample request."""

    inputs: TrainingInputs
    request: SampleRequest | None


def verify_images(workspace: Workspace, wanted: VerifyOptions, tell: Callable[[Result], None]) -> list[Report]:
    """Return a report for each image. `tell` gets each result as soon as it is known.

    If no data is prepared, prepare the configured data set in a temporary folder.

    Raises:
        UsageError: an option has a wrong value, a file does not exist, or an image that only serves has no model.
        EngineError: Docker does not answer.
        ImageError: an image does not exist.
        DataError: there is no data to train on, or the content type of the request is unknown.
    """
    _refuse(wanted)
    limits = Limits(startup=float(workspace.config.endpoint.startup_timeout_seconds))
    with tempfile.TemporaryDirectory(prefix="lgbm-sm-verify-") as folder:
        subjects = _subjects(workspace, wanted, Path(folder))
        if wanted.model_path is None and subjects and subjects[0].only == contract.SERVE_COMMAND:
            raise UsageError(
                f"image {subjects[0].image} only serves, and there is no model for it",
                "pass --model FILE; `lgbm-sm status` shows the models of this project's jobs",
            )
        models_path = Path(folder) / "models"
        models_path.mkdir()
        verification = Verification(workspace.engine, limits, wanted.full, models_path, tell)
        reports = []
        for subject in subjects:
            workspace.reporter.step(f"Image {subject.image}")
            if subject.only != contract.TRAIN_COMMAND:
                workspace.reporter.detail(
                    f"Like SageMaker, verify waits up to {limits.startup:.0f} s for the server to answer "
                    "(endpoint.startup_timeout_seconds)"
                )
            reports.append(verification.verify(subject))
        return reports


def verify_before_deploy(
    image: str,
    model_path: Path,
    code: ModelCode,
    *,
    engine: Engine,
    request: SampleRequest | None,
    platform: str | None,
    limits: Limits,
    tell: Callable[[Result], None],
) -> Report:
    """Run the checks before a deployment: of the image, of the archive with its `code`, and of the server.

    `platform` is the platform of the instance type, such as linux/amd64. The checks take 10 to 20 seconds.

    Raises:
        EngineError: Docker does not answer.
        ImageError: Docker does not have the image, or the image breaks a rule.
    """
    with tempfile.TemporaryDirectory(prefix="lgbm-sm-verify-") as folder:
        subject = Subject(
            image,
            model_path=model_path,
            request=request,
            environment=code.environment,
            code=code.files,
            platform=platform,
            needs_network=installs_at_start(code, {}),
            only=contract.SERVE_COMMAND,
        )
        report = Verification(engine, limits, False, Path(folder), tell).verify(subject)  # noqa: FBT003
    failed = report.of(Verdict.FAIL)
    if failed:
        said = "".join(f"\n  {result.check.name}: {result.seen}" for result in failed)
        raise ImageError(
            f"image {image} breaks a rule for SageMaker containers, and its endpoint would fail:{said}",
            failed[0].check.fix,
        )
    return report


def installs_at_start(code: ModelCode, environment: Mapping[str, str]) -> bool:
    """Return whether the container installs packages at its start. It then needs a network."""
    return "requirements.txt" in code.files and "PIP_NO_INDEX" not in {**code.environment, **environment}


def sample_of(data_path: Path) -> SampleRequest:
    """Return a sample request: the first rows of the test split, as CSV.

    Raises:
        DataError: no data is prepared, or the data has changed since then.
    """
    path = verify_split(data_path, load_schema(data_path), Split.TEST)
    with path.open("rb") as file:
        return SampleRequest(b"".join(itertools.islice(file, _ROWS)), "text/csv")


def _refuse(wanted: VerifyOptions) -> None:
    if wanted.only and wanted.only not in COMMANDS:
        raise UsageError(f"--only {wanted.only}: images have no such command", f"use {' or '.join(COMMANDS)}")
    for option, path in (("--model", wanted.model_path), ("--request", wanted.request_path)):
        if path and not path.is_file():
            raise UsageError(f"{option} {path}: the file does not exist", "check the path")
    if wanted.channels_path and not wanted.channels_path.is_dir():
        raise UsageError(f"--channels {wanted.channels_path}: the folder does not exist", "check the path")


def _subjects(workspace: Workspace, wanted: VerifyOptions, folder: Path) -> list[Subject]:
    if wanted.image:
        return [_foreign(workspace, wanted, wanted.image, _material(workspace, wanted, folder))]
    found = _own(workspace, wanted, _material(workspace, wanted, folder))
    return [subject for subject in found if wanted.only in ("", subject.only or wanted.only)]


def _foreign(workspace: Workspace, wanted: VerifyOptions, image: str, material: _Material) -> Subject:
    config = workspace.config
    types = (config.training.instance_type, config.endpoint.instance_type)
    return Subject(
        image,
        material.inputs,
        wanted.model_path,
        material.request,
        config.local.environment,
        platform=next(filter(None, map(platform_of, types)), None),
        needs_network=wanted.network,
        only=wanted.only or _only_command(workspace.engine, image),
    )


def _only_command(engine: Engine, image: str) -> str:
    """Return "serve" for an image of the pattern inference_toolkit, which cannot train. Otherwise return ""."""
    labels = attributes_of(engine, image)["Config"].get("Labels") or {}
    pattern = labels.get(PATTERN_LABEL)
    return contract.SERVE_COMMAND if pattern == Pattern.INFERENCE_TOOLKIT else ""


def _own(workspace: Workspace, wanted: VerifyOptions, material: _Material) -> list[Subject]:
    """Return the project's images: the training image, if it is a separate image, then the serving image."""
    config, engine = workspace.config, workspace.engine
    pattern = config.container.pattern
    code = model_code(config, workspace.folder, workspace.containers_path, in_container=True)
    environment = {**code.environment, **config.local.environment}
    training_platform, serving_platform = map(
        platform_of, (config.training.instance_type, config.endpoint.instance_type)
    )

    def tag_of(one: Pattern) -> str:
        return image_tag(image_recipe(config, one, workspace.containers_path, engine.platform))

    serving = Subject(
        xgboost_tag(config) if pattern is Pattern.SCRIPT_MODE else tag_of(pattern),
        material.inputs,
        wanted.model_path,
        material.request,
        environment,
        code.files,
        serving_platform,
        wanted.network or installs_at_start(code, config.local.environment),
        contract.SERVE_COMMAND,
    )
    if pattern is Pattern.BYOC:
        return [replace(serving, only=wanted.only, platform=serving_platform or training_platform)]
    training = Subject(
        tag_of(Pattern.BYOC),
        material.inputs,
        environment=config.local.environment,
        platform=training_platform,
        needs_network=wanted.network,
        only=contract.TRAIN_COMMAND,
    )
    return [training, serving]


def _material(workspace: Workspace, wanted: VerifyOptions, folder: Path) -> _Material:
    hyperparameters = as_strings(workspace.config.training.hyperparameters, workspace.folder)
    if wanted.channels_path:
        channels = {path.name: path for path in sorted(wanted.channels_path.iterdir()) if path.is_dir()}
        if not channels:
            raise DataError(
                f"--channels {wanted.channels_path}: no sub-folders", "put each channel's files into a sub-folder"
            )
        return _Material(TrainingInputs(channels, hyperparameters), _given_request(wanted))
    data_path = workspace.data_path
    if not schema_path(data_path).exists():
        data_path = folder / "data"
        section = structs.replace(workspace.config.data, folder=data_path)
        prepare_data(section, workspace.config.training.objective, base=workspace.folder, reporter=workspace.reporter)
    request = _given_request(wanted) or sample_of(data_path)
    return _Material(TrainingInputs(training_channels(data_path), hyperparameters), request)


def _given_request(wanted: VerifyOptions) -> SampleRequest | None:
    path = wanted.request_path
    if path is None:
        return None
    return SampleRequest(path.read_bytes(), wanted.content_type or content_type_of(path.name))
