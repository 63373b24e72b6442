"""The commands' functions in the order of a model's life, and what joins one to the next."""

import csv
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from lgbm_sm import data, deploy, image, invocation, metrics, training, xgboost_image
from lgbm_sm.backends import Backend
from lgbm_sm.backends.choice import Choice, choose
from lgbm_sm.backends.deletion import delete
from lgbm_sm.backends.docker import ContainerSettings, DockerBackend
from lgbm_sm.backends.docker_engine import Engine
from lgbm_sm.backends.process import ProcessBackend
from lgbm_sm.build_context import image_recipe, image_tag
from lgbm_sm.config import LOCAL, Config, LoadedConfig, LocalBackend, Pattern
from lgbm_sm.deploy import ServingPlan
from lgbm_sm.errors import ConfigError, DataError, TrainingError, UsageError
from lgbm_sm.image import BuiltImage
from lgbm_sm.inventory import Backends
from lgbm_sm.invocation import InvocationRequest, InvocationSummary, PredictionOutput
from lgbm_sm.model_code import model_code
from lgbm_sm.progress import Reporter
from lgbm_sm.record import Endpoint, Place, Record, TrainingJob
from lgbm_sm.schema import Split, load_schema, training_channels, verify_split
from lgbm_sm.training import TrainedModel


@dataclass(frozen=True)
class Workspace:
    """What every command works with: the effective configuration, and the parts assembled from it."""

    config: Config
    folder: Path
    containers_path: Path
    record: Record
    backends: Backends
    engine: Engine
    reporter: Reporter

    @property
    def data_path(self) -> Path:
        return self.folder / self.config.data.folder

    @property
    def ca_bundle_path(self) -> Path | None:
        path = self.config.container.ca_bundle
        return self.folder / path if path else None


def open_workspace(
    loaded: LoadedConfig, *, containers_path: Path, environment: Mapping[str, str], reporter: Reporter
) -> Workspace:
    """Assemble a workspace; the work folder `.lgbm-sm` lies beside config.yaml.

    `containers_path` is the build context of the images, which holds the program too.
    """
    folder = loaded.folder.resolve()
    engine = Engine(environment)
    local = loaded.config.local
    settings = ContainerSettings(local.environment, local.memory, local.cpus, local.network)
    backends: dict[Place, Backend] = {
        Place.PROCESS: ProcessBackend(runtime_path=containers_path / "runtime", environment=environment),
        Place.DOCKER: DockerBackend(engine, settings),
    }
    record = Record(folder / ".lgbm-sm")
    return Workspace(loaded.config, folder, containers_path, record, backends, engine, reporter)


def build_images(
    workspace: Workspace, *, base_image: str | None = None, image_name: str | None = None, no_cache: bool = False
) -> list[BuiltImage]:
    """Build the images that the configuration needs: the one that trains, and the one that serves where it differs.

    Under script_mode the one that serves is AWS's, which is pulled, or `image_name`, which the engine holds.

    Raises:
        UsageError: an image is named for a pattern that has its own.
        ConfigError: the CA bundle cannot be read, or AWS's image is nowhere.
        ImageError: no engine answers, the disk is nearly full, or a build or a pull failed.
        AwsError: AWS's image cannot be had.
    """
    config = workspace.config
    pattern = config.container.pattern
    if image_name and pattern is not Pattern.SCRIPT_MODE:
        raise UsageError(
            f"--image {image_name}: pattern {pattern} builds its own image",
            f"leave it out, or set container.pattern: {Pattern.SCRIPT_MODE}",
        )
    if base_image and base_image != config.container.base_image:
        config = config.model_copy(update={"container": config.container.model_copy(update={"base_image": base_image})})
        workspace.reporter.warn(
            f"train and deploy look for an image on {workspace.config.container.base_image or 'the default base'}: "
            f"set container.base_image: {base_image} for them to take this one"
        )
    patterns = dict.fromkeys((Pattern.BYOC, Pattern.BYOC if pattern is Pattern.SCRIPT_MODE else pattern))
    recipes = [
        image_recipe(config, pattern, workspace.containers_path, workspace.engine.platform) for pattern in patterns
    ]
    built = [
        image.build(
            recipe,
            project=config.project.name,
            ca_bundle_path=workspace.ca_bundle_path,
            no_cache=no_cache,
            record=workspace.record,
            engine=workspace.engine,
            reporter=workspace.reporter,
            now=datetime.now(UTC),
        )
        for recipe in recipes
    ]
    if pattern is Pattern.SCRIPT_MODE:
        provided = xgboost_image.provide(
            config,
            image=image_name,
            pull_again=no_cache,
            record=workspace.record,
            engine=workspace.engine,
            reporter=workspace.reporter,
            now=datetime.now(UTC),
        )
        built.append(provided)
    return built


def _choose(workspace: Workspace, pattern: Pattern) -> tuple[Choice, Backends]:
    """Where a pattern's program is started, and the places with the image that it takes there."""

    def tag_of(platform: str) -> str:
        if pattern is Pattern.SCRIPT_MODE:
            return xgboost_image.xgboost_tag(workspace.config)
        return image_tag(image_recipe(workspace.config, pattern, workspace.containers_path, platform))

    choice = choose(workspace.config.local.backend, workspace.engine, tag_of)
    docker = workspace.backends[Place.DOCKER]
    if choice.place is not Place.DOCKER or not isinstance(docker, DockerBackend):
        return choice, workspace.backends
    # the other patterns install requirements when their server starts
    ca_bundle_path = None if pattern is Pattern.BYOC else workspace.ca_bundle_path
    settings = replace(docker.settings, ca_bundle_path=ca_bundle_path)
    return choice, {**workspace.backends, Place.DOCKER: replace(docker, settings=settings, image=choice.image)}


def prepare_data(workspace: Workspace) -> data.PreparedData:
    """Split the configured dataset into channel files."""
    config = workspace.config
    objective = str(config.training.hyperparameters.get("objective", "regression"))
    return data.prepare_data(config.data, objective, base=workspace.folder, reporter=workspace.reporter)


def train(workspace: Workspace) -> TrainedModel:
    """Run a training job on the prepared channels."""
    _require_local(workspace.config.training.instance_type, "training")
    choice, backends = _choose(workspace, Pattern.BYOC)
    return training.train(
        workspace.config,
        training_channels(workspace.data_path),
        record=workspace.record,
        backend=backends[choice.place],
        because=choice.because,
        reporter=workspace.reporter,
        now=datetime.now(UTC),
    )


def deploy_model(workspace: Workspace, job: TrainingJob | None = None, *, replace: bool = True) -> Endpoint:
    """Bring up an endpoint for a job's model, by default the project's last completed job."""
    project = workspace.config.project.name
    job = job or training.find_completed_job(workspace.record, project)
    if job is None:
        raise TrainingError(f"project {project} has no completed training job on record", "run `lgbm-sm train` first")
    plan, backends = _plan_serving(workspace)
    return deploy.deploy(
        workspace.config,
        job,
        record=workspace.record,
        backends=backends,
        plan=plan,
        reporter=workspace.reporter,
        now=datetime.now(UTC),
        replace=replace,
    )


def _plan_serving(workspace: Workspace) -> tuple[ServingPlan, Backends]:
    """How a model would be served, and the places; refuses what cannot be served there."""
    _require_local(workspace.config.endpoint.instance_type, "endpoint")
    choice, backends = _choose(workspace, workspace.config.container.pattern)
    code = model_code(workspace.config, choice.place, workspace.folder, workspace.containers_path)
    return ServingPlan(choice, code), backends


def _require_local(instance_type: str, section: str) -> None:
    if instance_type != LOCAL:
        raise ConfigError(
            f"{section}.instance_type: {instance_type}: this version runs on this machine only",
            f"set {section}.instance_type: {LOCAL}",
        )


def predict_test_split(
    workspace: Workspace,
    endpoint: Endpoint,
    *,
    accept: str,
    output: PredictionOutput,
    write: Callable[[bytes], None],
) -> tuple[InvocationSummary, dict[str, float]]:
    """Send the test file that prepare-data wrote; also gives the metrics where predictions meet the labels.

    Raises:
        DataError: the test file is missing or changed, or its schema is not the one that the model was trained on.
    """
    schema = load_schema(workspace.data_path)
    test_path = verify_split(workspace.data_path, schema, Split.TEST)
    metadata = invocation.read_model_metadata(endpoint)
    trained_on = metadata["schema"]
    if trained_on and trained_on["features"] != schema.document["features"]:
        raise DataError(
            f"the data in {workspace.data_path} has other features than the model of {endpoint.training_job}",
            "run `lgbm-sm train` and `lgbm-sm deploy` again, or pass a file",
        )
    scored = output is PredictionOutput.PREDICTION and accept in ("text/csv", "application/json")
    answers: list[bytes] = []

    def keep_and_write(chunk: bytes) -> None:
        if scored:
            answers.append(chunk)
        write(chunk)

    request = InvocationRequest("text/csv", accept, output)
    with test_path.open("rb") as stream:
        summary = invocation.invoke(endpoint, stream, request, write=keep_and_write, reporter=workspace.reporter)
    if not scored:
        return summary, {}
    labels_path = verify_split(workspace.data_path, schema, Split.TEST_TARGET)
    with labels_path.open(encoding="utf-8", newline="") as file:
        labels = [row[0] for row in csv.reader(file)]
    return summary, metrics.prediction_metrics(metadata, _numbers(b"".join(answers), accept), labels)


def _numbers(answer: bytes, accept: str) -> list[list[float]]:
    """Predictions as rows of numbers: one a row, or one for each class."""
    if accept == "text/csv":
        return [[float(cell) for cell in line.split(b",")] for line in answer.splitlines()]
    predictions = json.loads(answer)["predictions"]
    return [row if isinstance(row, list) else [row] for row in predictions]


@dataclass(frozen=True)
class Prediction:
    """What `predict` was asked for: `file` is a path, `-` for stdin, or None for the test rows."""

    file: str | None
    content_type: str | None
    accept: str
    output: str


def predict(
    workspace: Workspace, wanted: Prediction, *, write: Callable[[bytes], None]
) -> tuple[InvocationSummary, dict[str, float]]:
    """Send a file or the test rows through the project's endpoint; metrics where the labels are known.

    Raises:
        UsageError: no such output.
        DataError: the file cannot be read or cut into rows.
        EndpointError: there is no endpoint in service.
        InvocationError: the endpoint refused rows, or did not answer.
    """
    if wanted.output not in set(PredictionOutput):
        raise UsageError(f"--give {wanted.output}: no such output", f"the outputs are {', '.join(PredictionOutput)}")
    output = PredictionOutput(wanted.output)
    endpoint = deploy.get_endpoint(workspace.record, workspace.config.project.name, workspace.backends)
    if wanted.file is None:
        if wanted.content_type:
            raise UsageError("--content-type goes with a FILE", "the test rows are text/csv")
        return predict_test_split(workspace, endpoint, accept=wanted.accept, output=output, write=write)
    from_stdin = wanted.file == "-"
    content_type = wanted.content_type or ("text/csv" if from_stdin else invocation.content_type_of(wanted.file))
    request = InvocationRequest(content_type, wanted.accept, output)
    with _open_input(wanted.file) as stream:
        return invocation.invoke(endpoint, stream, request, write=write, reporter=workspace.reporter), {}


@contextmanager
def _open_input(file: str) -> Iterator[IO[bytes]]:
    if file == "-":
        yield sys.stdin.buffer
        return
    try:
        with Path(file).open("rb") as stream:
            yield stream
    except OSError as error:
        if error.filename != file:  # not about the input
            raise
        raise DataError(f"{file} cannot be read: {error.strerror}", "check the path") from error


@dataclass(frozen=True)
class RunSummary:
    """What `run` did: `seconds` by step, `metrics` by split."""

    model: TrainedModel
    endpoint: Endpoint
    rows: int
    seconds: dict[str, float]
    metrics: dict[str, dict[str, float]]


def run(workspace: Workspace, *, keep: bool, accept: str, write: Callable[[bytes], None]) -> RunSummary:
    """prepare-data, train, deploy, predict. The endpoint is deleted again unless `keep`.

    Where containers are wanted, the image is built first. An endpoint that the project already has is replaced only
    where the new one is kept.
    """
    seconds: dict[str, float] = {}
    with _timed(seconds, "prepare-data"):
        prepare_data(workspace)
    if workspace.config.local.backend is LocalBackend.DOCKER:
        with _timed(seconds, "build"):
            build_images(workspace)
    _plan_serving(workspace)  # what is refused, is refused before there is a model to serve
    with _timed(seconds, "train"):
        model = train(workspace)
    job = next(job for job in workspace.record.training_jobs() if job.name == model.job_name)
    with _timed(seconds, "deploy"):
        endpoint = deploy_model(workspace, job, replace=keep)
    try:
        with _timed(seconds, "predict"):
            workspace.reporter.step("Predictions for the test rows")
            summary, test_metrics = predict_test_split(
                workspace, endpoint, accept=accept, output=PredictionOutput.PREDICTION, write=write
            )
    finally:
        if not keep:
            with _timed(seconds, "delete endpoint"):
                delete(endpoint, workspace.record, workspace.backends[endpoint.place])
    by_split = {split: metrics.with_root_mean_squares(values) for split, values in model.metrics.items()}
    return RunSummary(model, endpoint, summary.rows, seconds, {**by_split, "test": test_metrics})


@contextmanager
def _timed(seconds: dict[str, float], step: str) -> Iterator[None]:
    started_at = time.monotonic()
    try:
        yield
    finally:
        seconds[step] = time.monotonic() - started_at
