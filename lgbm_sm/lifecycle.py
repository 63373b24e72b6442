"""The steps of the lifecycle, in the order in which `lgbm-sm run` runs them."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from msgspec import structs

from lgbm_sm import data, deploy, ecr, train
from lgbm_sm.backends.docker.build_context import ImageRecipe, image_recipe, image_tag
from lgbm_sm.config.sections import Config, Pattern
from lgbm_sm.ecr import PushResult
from lgbm_sm.errors import UsageError
from lgbm_sm.following import TrainedModel
from lgbm_sm.images import build, xgboost
from lgbm_sm.images.build import BuiltImage
from lgbm_sm.invocation import metrics
from lgbm_sm.invocation.output_columns import PredictionOutput
from lgbm_sm.predict import predict_test_split
from lgbm_sm.record.entries import Endpoint
from lgbm_sm.workspace import Workspace


def build_images(
    workspace: Workspace, *, base_image: str | None = None, image_name: str | None = None, no_cache: bool = False
) -> list[BuiltImage]:
    """Build the images that the configuration requires.

    The image of pattern byoc trains, and it also serves for byoc. For inference_toolkit, a second image serves. For
    script_mode, AWS's image serves. It is pulled, unless `image_name` names a local image.

    Raises:
        UsageError: `image_name` is given, but the pattern builds its own image.
        ConfigError: the CA bundle cannot be read, or AWS's image does not exist.
        ImageError: the disk is nearly full, or a build or a pull failed.
        EngineError: Docker does not answer.
        AwsError: AWS's image could not be pulled.
    """
    config = workspace.config
    pattern = config.container.pattern
    if image_name and pattern is not Pattern.SCRIPT_MODE:
        raise UsageError(
            f"--image {image_name}: pattern {pattern} builds its own image",
            f"omit it, or set container.pattern: {Pattern.SCRIPT_MODE}",
        )
    if base_image and base_image != config.container.base_image:
        config = structs.replace(config, container=structs.replace(config.container, base_image=base_image))
        configured = workspace.config.container.base_image or "of the Dockerfile"
        workspace.reporter.warn(
            f"train and deploy use the image with the base image {configured}; "
            f"to use the new image, set container.base_image: {base_image}"
        )
    workspace.warn_of_other_containers()
    built = [build.build(recipe, workspace, no_cache=no_cache) for recipe in _recipes(workspace, config)]
    if pattern is Pattern.SCRIPT_MODE:
        built.append(xgboost.provide(workspace, image=image_name, pull_again=no_cache))
    return built


def push_images(workspace: Workspace) -> list[PushResult]:
    """Push the images that `build_images` has built. AWS's image is not pushed.

    Raises:
        ImageError: an image is not built, or SageMaker does not accept the format of the image in ECR.
        AwsError: AWS refuses a call, or does not answer.
    """
    config = workspace.config
    if config.container.pattern is Pattern.SCRIPT_MODE:
        workspace.reporter.step("Pattern script_mode: AWS's own image serves; it needs no push")
        if config.training.is_local:
            return []
    return [ecr.push(image_tag(recipe), workspace) for recipe in _recipes(workspace, config)]


def _recipes(workspace: Workspace, config: Config) -> list[ImageRecipe]:
    return recipes(config, workspace.containers_path, workspace.engine.platform)


def recipes(config: Config, containers_path: Path, platform: str) -> list[ImageRecipe]:
    """Return the recipe of the image that trains, and of the image that serves.

    There is only one recipe if the same image trains and serves, or if AWS's image serves.
    """
    pattern = config.container.pattern
    patterns = dict.fromkeys((Pattern.BYOC, Pattern.BYOC if pattern is Pattern.SCRIPT_MODE else pattern))
    return [image_recipe(config, pattern, containers_path, platform) for pattern in patterns]


def prepare_data(workspace: Workspace) -> data.PreparedData:
    """Split the configured data set into channel files."""
    config = workspace.config
    return data.prepare_data(config.data, config.training.objective, base=workspace.folder, reporter=workspace.reporter)


@dataclass(frozen=True)
class RunSummary:
    """The result of `run`: the `seconds` of each step and the `metrics` of each split."""

    model: TrainedModel
    endpoint: Endpoint
    rows: int
    seconds: dict[str, float]
    metrics: dict[str, dict[str, float]]


def run(workspace: Workspace, *, keep: bool, accept: str, write: Callable[[bytes], None]) -> RunSummary:
    """Run prepare-data, train, deploy and predict, then delete the endpoint unless `keep`.

    If a step runs in a container, the images are built first. If a step runs on SageMaker, they are also pushed. The
    new endpoint replaces an older endpoint of the project only if `keep` is true.
    """
    seconds: dict[str, float] = {}
    with _timed(seconds, "prepare-data"):
        prepare_data(workspace)
    if workspace.config.requires_images:
        with _timed(seconds, "build"):
            build_images(workspace)
    if not workspace.config.is_local:
        with _timed(seconds, "push"):
            push_images(workspace)
    deploy.check_serving(workspace)  # do not train a model that cannot be served
    with _timed(seconds, "train"):
        model = train.train(workspace)
    with _timed(seconds, "deploy"):
        endpoint = _deploy(workspace, model.job_name, keep=keep)
    try:
        with _timed(seconds, "predict"):
            workspace.reporter.step("Predictions for the test rows")
            summary, test_metrics = predict_test_split(
                workspace, endpoint, accept=accept, output=PredictionOutput.PREDICTION, write=write
            )
    finally:
        if not keep:
            with _timed(seconds, "delete endpoint"):
                deploy.take_down(workspace, endpoint)
    by_split = {split: metrics.with_root_mean_squares(values) for split, values in model.metrics.items()}
    return RunSummary(model, endpoint, summary.rows, seconds, {**by_split, "test": test_metrics})


def _deploy(workspace: Workspace, job_name: str, *, keep: bool) -> Endpoint:
    """Deploy the model of the job.

    After an interrupt, a new endpoint on SageMaker is deleted, unless `keep` is true. That may take minutes, because
    SageMaker does not delete an endpoint that it is still creating.
    """
    before = {endpoint.name for endpoint in workspace.record.endpoints()}
    try:
        return deploy.deploy_model(workspace, job_name, replace=keep)
    except KeyboardInterrupt:
        for endpoint in workspace.record.endpoints():
            if not keep and not endpoint.is_local and endpoint.name not in before:
                workspace.reporter.step(
                    f"Interrupted: endpoint {endpoint.name} is billed; it is deleted as soon as SageMaker allows it"
                )
                deploy.take_down(workspace, endpoint)
        raise


@contextmanager
def _timed(seconds: dict[str, float], step: str) -> Iterator[None]:
    started_at = time.monotonic()
    try:
        yield
    finally:
        seconds[step] = time.monotonic() - started_at
