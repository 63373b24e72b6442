"""Send rows to an endpoint, and compute metrics if the labels are known."""

import csv
import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, TypedDict

from lgbm_sm import deploy
from lgbm_sm.as_trained import introduce, lineage_of, require_as_trained
from lgbm_sm.errors import DataError, UsageError
from lgbm_sm.invocation import invoke, metrics
from lgbm_sm.invocation.example_requests import (
    ExampleRequest,
    invented_row,
    prepared_row,
    requests_with_file,
    requests_with_row,
)
from lgbm_sm.invocation.input_tables import input_table
from lgbm_sm.invocation.invoke import InvocationRequest, InvocationSummary
from lgbm_sm.invocation.json_tables import one_row
from lgbm_sm.invocation.model_columns import READING_KEYS, ModelColumns
from lgbm_sm.invocation.model_table import model_table
from lgbm_sm.invocation.output_columns import OutputColumns, PredictionOutput
from lgbm_sm.invocation.retries import Retries
from lgbm_sm.invocation.rows import Rows, rows_of
from lgbm_sm.invocation.scoring import Scoring, is_scored, known_labels
from lgbm_sm.invocation.split_differences import split_warnings
from lgbm_sm.invocation.writers import writer_for
from lgbm_sm.leaks import require_unseen
from lgbm_sm.model.code import MODEL_FILE, is_our_code, is_ours_alone
from lgbm_sm.model.inference_source import find_source, functions_of
from lgbm_sm.model.lineage import Lineage
from lgbm_sm.preparation.schema import Schema, Split, file_sha256, load_schema, verify_split
from lgbm_sm.record.entries import Endpoint
from lgbm_sm.workspace import Workspace


def predict_test_split(
    workspace: Workspace,
    endpoint: Endpoint,
    *,
    accept: str,
    output: PredictionOutput,
    write: Callable[[bytes], None],
    header: bool = False,
) -> tuple[InvocationSummary, dict[str, float]]:
    """Send the test file that prepare-data wrote. Return the summary and the metrics.

    Raises:
        DataError: the test file is missing or changed, its columns differ from the model's columns, or it has rows that
            the model was trained on.
    """
    schema = load_schema(workspace.data_path)
    test_path = verify_split(workspace.data_path, schema, Split.TEST)
    metadata = invoke.read_model_metadata(endpoint)
    _require_same_columns(workspace, endpoint, metadata.get("schema"), schema)
    require_unseen(workspace, lineage_of(workspace, endpoint), schema)
    scored = is_scored(accept, output)
    labels = None
    if scored:
        labels_path = verify_split(workspace.data_path, schema, Split.TEST_TARGET)
        with labels_path.open(encoding="utf-8", newline="") as file:
            labels = [row[0] for row in csv.reader(file)]
    with test_path.open("rb") as stream:
        rows = Rows(stream, "text/csv", labels=labels, are_test_rows=True)
        return _invoke(workspace, endpoint, rows, accept=accept, output=output, header=header, write=write)


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


@dataclass(frozen=True)
class Prediction:
    """The arguments of `predict`. `file` is a path, `-` for stdin, or None for the test rows.

    `row` is one row as a JSON object, instead of a file. With `header`, the columns of the output have names. `keep`
    are columns of the file to put before the predictions. `score`: show metrics if the file has labels.
    """

    file: str | None
    content_type: str | None
    accept: str
    output: str
    row: str | None = None
    header: bool = False
    keep: tuple[str, ...] = ()
    score: bool = True


@dataclass(frozen=True)
class Predicted:
    """The result of `predict`. `model` is the model that the endpoint serves.

    `metrics` are the metrics of the test rows. They are empty for other rows.
    """

    summary: InvocationSummary
    metrics: dict[str, float]
    model: Lineage


def example_requests(workspace: Workspace, endpoint: Endpoint) -> list[ExampleRequest]:
    """Return requests to copy, with the first test row, or else with values that the model knows.

    If the rows of the model are not known, or if the user's code reads them, the request has a file of the user.
    """
    schema = invoke.read_model_metadata(endpoint).get("schema")
    if not schema or _reads_its_own_rows(workspace, endpoint):
        return requests_with_file(endpoint)
    row, values = prepared_row(workspace.data_path, schema["features"]), "the first test row"
    if row is None:
        row, values = invented_row(endpoint.root_path / "model" / MODEL_FILE, schema["features"]), "made-up values"
    requests = requests_with_row(endpoint, row)
    if not requests:
        return requests_with_file(endpoint)
    workspace.reporter.detail(f"example requests with {values}:")
    return requests


def _reads_its_own_rows(workspace: Workspace, endpoint: Endpoint) -> bool:
    """Return whether the user's inference code reads the rows, or might do so."""
    if is_ours_alone(endpoint.root_path / "model"):
        return False
    source = find_source(workspace.config.endpoint, workspace.folder)
    functions = functions_of(source) if source else ()
    return not functions or not {"input_fn", "transform_fn"}.isdisjoint(functions)


def predict(workspace: Workspace, wanted: Prediction, *, write: Callable[[bytes], None]) -> Predicted:
    """Send a file or the test rows through the project's endpoint.

    Raises:
        UsageError: the requested output is not a known output.
        ConfigError: `--set` differs from the settings that the model was trained with.
        DataError: the file cannot be read or split into rows. `predict_test_split` lists more reasons.
        EndpointError: there is no endpoint in service.
        InvocationError: the endpoint refused rows, or did not answer.
    """
    if wanted.output not in set(PredictionOutput):
        raise UsageError(f"--give {wanted.output}: unknown output", f"the outputs are {', '.join(PredictionOutput)}")
    output = PredictionOutput(wanted.output)
    endpoint = deploy.get_endpoint(workspace)
    model = lineage_of(workspace, endpoint)
    free = READING_KEYS if wanted.file or wanted.row else ()
    require_as_trained(workspace, model, "`lgbm-sm train` and `lgbm-sm deploy`", free=free)
    introduce(workspace, model)
    how: _How = {"accept": wanted.accept, "output": output, "header": wanted.header, "write": write}
    if wanted.file is None and wanted.row is None:
        if wanted.content_type:
            raise UsageError("--content-type requires a FILE", "the test rows are text/csv")
        if wanted.keep:
            raise UsageError("--keep requires a FILE", "the test rows have only the features")
        return Predicted(*predict_test_split(workspace, endpoint, **how), model)
    with _rows(workspace, endpoint, model, wanted) as rows:
        return Predicted(*_invoke(workspace, endpoint, rows, **how), model)


class _How(TypedDict):
    accept: str
    output: PredictionOutput
    header: bool
    write: Callable[[bytes], None]


@contextmanager
def _rows(workspace: Workspace, endpoint: Endpoint, model: Lineage, wanted: Prediction) -> Iterator[Rows]:
    """Open the rows that the user names."""
    columns = _columns_of(workspace, endpoint, model)
    if wanted.row is not None:
        if wanted.file is not None:
            raise UsageError(f"--json and {wanted.file} exclude each other", "remove one of them")
        if columns is None:
            yield Rows(io.BytesIO(wanted.row.encode()), "application/json")
            return
        table = one_row(wanted.row, columns, workspace.reporter)
        yield rows_of(model_table(table, columns, (), workspace.reporter))
        return
    file = wanted.file or "-"
    if columns is not None and file != "-" and not wanted.content_type:
        found = input_table(Path(file), columns, wanted.keep)
        if found is not None:
            yield _scored(
                workspace, rows_of(model_table(found, columns, wanted.keep, workspace.reporter)), wanted, model
            )
            return
    if wanted.keep:
        if columns is None:
            raise UsageError(*_no_columns(endpoint))
        raise UsageError("--keep needs a FILE that is a table", "name one, without --content-type")
    content_type = wanted.content_type or ("text/csv" if file == "-" else invoke.content_type_of(file))
    with _open_input(file) as stream:
        yield Rows(stream, content_type)


def _no_columns(endpoint: Endpoint) -> tuple[str, str]:
    """Return why the columns of a file cannot be kept, and a hint."""
    if invoke.read_model_metadata(endpoint).get("schema"):
        return "--keep: the endpoint runs your own inference code, which gets the file unchanged", "remove --keep"
    return "--keep: the model has no schema, so the file is sent unchanged", "remove --keep"


def _scored(workspace: Workspace, rows: Rows, wanted: Prediction, model: Lineage) -> Rows:
    """Return the rows without their labels if they are not scored."""
    if rows.labels is None:
        return rows
    if not wanted.score or not is_scored(wanted.accept, PredictionOutput(wanted.output)):
        return replace(rows, labels=None)
    if model.origin and wanted.file and file_sha256(Path(wanted.file)) == model.origin.table_sha256:
        workspace.reporter.warn("the model was trained on rows of this table, so its metrics are too good")
    return rows


def _columns_of(workspace: Workspace, endpoint: Endpoint, model: Lineage) -> ModelColumns | None:
    """Return the columns of the model; None if they are not known, or if the user's code reads the rows."""
    schema = invoke.read_model_metadata(endpoint).get("schema")
    if not schema or not is_ours_alone(endpoint.root_path / "model"):
        return None
    trained = model.origin.settings if model.origin else {}
    given = {".".join(key.split(".")[:2]) for key in workspace.overridden}
    return ModelColumns.of(schema, trained, workspace.config.data, given)


def _invoke(
    workspace: Workspace,
    endpoint: Endpoint,
    rows: Rows,
    *,
    accept: str,
    output: PredictionOutput,
    header: bool,
    write: Callable[[bytes], None],
) -> tuple[InvocationSummary, dict[str, float]]:
    """Send the rows. Return the summary, and the metrics if the rows have labels."""
    request = InvocationRequest(rows.content_type, accept, output)
    headers = invoke.headers_of(request)
    sender = workspace.backend_of(endpoint).open_sender(endpoint, headers, invoke.PARALLEL_REQUESTS)
    model_path = endpoint.root_path / "model"

    def answers_our_code() -> bool:
        # another folder may have built the image of an adopted endpoint from other files
        return not endpoint.adopted and is_our_code(model_path, workspace.containers_path)

    metadata = invoke.read_model_metadata(endpoint)
    schema = metadata.get("schema") if is_ours_alone(model_path) else None
    columns = OutputColumns(output, schema, rows.kept) if header or rows.kept is not None else None
    writer = writer_for(accept, write, columns)
    classes = schema["target"]["classes"] or () if schema else ()
    labels = None if rows.labels is None else known_labels(rows.labels, classes, workspace.reporter)
    scoring = None if labels is None else Scoring(writer, accept)
    retries = Retries(sender, answers_our_code, workspace.reporter.detail)
    summary = invoke.invoke(
        endpoint, retries, rows.stream, request, writer=scoring or writer, reporter=workspace.reporter
    )
    if output is PredictionOutput.PREDICTION and not header and (meaning := _meaning(endpoint)):
        workspace.reporter.detail(meaning)
    if scoring is None or labels is None:
        return summary, {}
    predictions, known = scoring.compared(labels)
    if not known:
        return summary, {}
    if rows.are_test_rows:
        given_splits = workspace.config.data.files is not None
        for warning in split_warnings(metadata, predictions, known, given_splits=given_splits):
            workspace.reporter.warn(warning)
    return summary, metrics.prediction_metrics(metadata, predictions, known)


def _meaning(endpoint: Endpoint) -> str:
    """Return a line that explains the numbers of a prediction.

    The line is empty if the model is a regression, or if the user's code may have answered.
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
