"""Send rows to an endpoint, and compute metrics if the labels are known."""

import csv
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from lgbm_sm import deploy
from lgbm_sm.as_trained import introduce, lineage_of, require_as_trained
from lgbm_sm.errors import DataError, UsageError
from lgbm_sm.invocation import invoke, metrics
from lgbm_sm.invocation.invoke import InvocationRequest, InvocationSummary, PredictionOutput
from lgbm_sm.invocation.retries import Retries
from lgbm_sm.invocation.split_differences import split_warnings
from lgbm_sm.leaks import require_unseen
from lgbm_sm.model.code import is_our_code
from lgbm_sm.model.lineage import Lineage
from lgbm_sm.preparation.schema import Schema, Split, load_schema, verify_split
from lgbm_sm.record.entries import Endpoint
from lgbm_sm.workspace import Workspace


def predict_test_split(
    workspace: Workspace,
    endpoint: Endpoint,
    *,
    accept: str,
    output: PredictionOutput,
    write: Callable[[bytes], None],
) -> tuple[InvocationSummary, dict[str, float]]:
    """Send the test file that prepare-data wrote. Return the summary and the metrics.

    Raises:
        DataError: the test file is missing or changed, has other columns than the model, or rows that the model was
            trained on.
    """
    schema = load_schema(workspace.data_path)
    test_path = verify_split(workspace.data_path, schema, Split.TEST)
    metadata = invoke.read_model_metadata(endpoint)
    _require_same_columns(workspace, endpoint, metadata.get("schema"), schema)
    require_unseen(workspace, lineage_of(workspace, endpoint), schema)
    scored = output is PredictionOutput.PREDICTION and accept in ("text/csv", "application/json")
    answers: list[bytes] = []

    def keep_and_write(chunk: bytes) -> None:
        if scored:
            answers.append(chunk)
        write(chunk)

    request = InvocationRequest("text/csv", accept, output)
    with test_path.open("rb") as stream:
        summary = _invoke(workspace, endpoint, stream, request, keep_and_write)
    if not scored:
        return summary, {}
    labels_path = verify_split(workspace.data_path, schema, Split.TEST_TARGET)
    with labels_path.open(encoding="utf-8", newline="") as file:
        labels = [row[0] for row in csv.reader(file)]
    numbers = _numbers(b"".join(answers), accept)
    given_splits = workspace.config.data.files is not None
    for warning in split_warnings(metadata, numbers, labels, given_splits=given_splits):
        workspace.reporter.warn(warning)
    return summary, metrics.prediction_metrics(metadata, numbers, labels)


def _require_same_columns(workspace: Workspace, endpoint: Endpoint, trained: Any, schema: Schema) -> None:
    """Compare the columns of the test rows with those of the model, if it has a schema."""
    if not trained:
        return
    now = schema.document
    classes = [set(target["classes"] or ()) for target in (trained["target"], now["target"])]
    is_same_target = trained["target"]["name"] == now["target"]["name"] and bool(classes[0]) == bool(classes[1])
    for what, is_same in (
        ("features", trained["features"] == now["features"]),
        ("target", is_same_target and classes[1] <= classes[0]),
    ):
        if not is_same:
            raise DataError(
                f"the data in {workspace.data_path} does not have the same {what} as the "
                f"model of {endpoint.training_job}",
                "run `lgbm-sm train` and `lgbm-sm deploy` again, or pass a file",
            )


def _numbers(answer: bytes, accept: str) -> list[list[float]]:
    """Return the numbers of each row: one prediction, or one probability per class."""
    if accept == "text/csv":
        return [[float(cell) for cell in line.split(b",")] for line in answer.splitlines()]
    predictions = json.loads(answer)["predictions"]
    return [row if isinstance(row, list) else [row] for row in predictions]


@dataclass(frozen=True)
class Prediction:
    """The arguments of `predict`. `file` is a path, `-` for stdin, or None for the test rows."""

    file: str | None
    content_type: str | None
    accept: str
    output: str


@dataclass(frozen=True)
class Predicted:
    """The result of `predict`: `metrics` are those of test rows, `model` is the one that the endpoint serves."""

    summary: InvocationSummary
    metrics: dict[str, float]
    model: Lineage


def predict(workspace: Workspace, wanted: Prediction, *, write: Callable[[bytes], None]) -> Predicted:
    """Send a file or the test rows through the project's endpoint.

    Raises:
        UsageError: the output does not exist.
        ConfigError: `--set` differs from what the model was trained with.
        DataError: the file cannot be read or cut into rows, or see `predict_test_split`.
        EndpointError: there is no endpoint in service.
        InvocationError: the endpoint refused rows, or did not answer.
    """
    if wanted.output not in set(PredictionOutput):
        raise UsageError(f"--give {wanted.output}: unknown output", f"the outputs are {', '.join(PredictionOutput)}")
    output = PredictionOutput(wanted.output)
    endpoint = deploy.get_endpoint(workspace)
    model = lineage_of(workspace, endpoint)
    require_as_trained(workspace, model, "`lgbm-sm train` and `lgbm-sm deploy`")
    introduce(workspace, model)
    if wanted.file is None:
        if wanted.content_type:
            raise UsageError("--content-type requires a FILE", "the test rows are text/csv")
        scored = predict_test_split(workspace, endpoint, accept=wanted.accept, output=output, write=write)
        return Predicted(*scored, model)
    from_stdin = wanted.file == "-"
    content_type = wanted.content_type or ("text/csv" if from_stdin else invoke.content_type_of(wanted.file))
    request = InvocationRequest(content_type, wanted.accept, output)
    with _open_input(wanted.file) as stream:
        return Predicted(_invoke(workspace, endpoint, stream, request, write), {}, model)


def _invoke(
    workspace: Workspace,
    endpoint: Endpoint,
    stream: IO[bytes],
    request: InvocationRequest,
    write: Callable[[bytes], None],
) -> InvocationSummary:
    headers = invoke.headers_of(request)
    sender = workspace.backend_of(endpoint).open_sender(endpoint, headers, invoke.PARALLEL_REQUESTS)
    model_path = endpoint.root_path / "model"

    def answers_our_code() -> bool:
        # another folder may have built the image of an adopted endpoint from other files
        return not endpoint.adopted and is_our_code(model_path, workspace.containers_path)

    retries = Retries(sender, answers_our_code, workspace.reporter.detail)
    summary = invoke.invoke(endpoint, retries, stream, request, write=write, reporter=workspace.reporter)
    if request.output is PredictionOutput.PREDICTION and (meaning := _meaning(endpoint)):
        workspace.reporter.detail(meaning)
    return summary


def _meaning(endpoint: Endpoint) -> str:
    """Return a line that explains the numbers of a prediction.

    The line is empty for a regression, and if the user's code may have answered.
    """
    schema = invoke.read_model_metadata(endpoint).get("schema")
    classes = schema["target"]["classes"] if schema else None
    if classes is None or (endpoint.root_path / "model" / "code").exists():
        return ""
    if len(classes) == 2:
        return f"each number is the probability of {classes[1]}; `--give label` gives the class"
    names = ", ".join(map(str, classes))
    return f"each row has the probabilities of {names}, in this order; `--give label` gives the class"


@contextmanager
def _open_input(file: str) -> Iterator[IO[bytes]]:
    if file == "-":
        yield sys.stdin.buffer
        return
    try:
        with Path(file).open("rb") as stream:
            yield stream
    except OSError as error:
        if error.filename != file:  # the error is about another file
            raise
        raise DataError(f"{file} cannot be read: {error.strerror}", "check the path") from error
