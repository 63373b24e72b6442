"""Name the columns of predictions, and put columns of the input before them."""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from lgbm_sm.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa

_EXPECTED_VALUE = "expected_value"


class PredictionOutput(StrEnum):
    """The output for each row. The request has it as the custom attribute `output=…`."""

    PREDICTION = "prediction"
    RAW_SCORE = "raw_score"
    PROBABILITIES = "probabilities"
    LABEL = "label"
    LEAF_INDEX = "leaf_index"
    CONTRIBUTIONS = "contributions"


class OutputColumns:
    """The columns of the output.

    `kept` are columns of the input, with a row for each row that is sent. `schema` is the schema in the model's
    metadata.json. It is None if the user's inference code may answer with other values than `output` asks for.
    """

    def __init__(
        self, output: PredictionOutput, schema: Mapping[str, Any] | None, kept: "pa.Table | None" = None
    ) -> None:
        self._output = output
        self._schema = schema
        self._kept = kept
        self._written = 0

    def names(self, width: int) -> list[str]:
        """Return the names of the columns, for rows with this number of values.

        Raises:
            UsageError: a kept column has the name of another column of the output.
        """
        kept = self._kept.column_names if self._kept is not None else []
        names = output_names(self._output, self._schema, width)
        if both := [name for name in kept if name in names]:
            raise UsageError(
                f"--keep {both[0]}: the output has its own column of this name", "rename the column in the input"
            )
        return [*kept, *names]

    def rows(self, rows: Sequence[list[Any]]) -> Iterator[list[Any]]:
        """Yield the cells of the next rows: the kept ones, then the values."""
        if self._kept is None:
            yield from rows
            return
        part = self._kept.slice(self._written, len(rows))
        self._written += len(rows)
        cells = [column.to_pylist() for column in part.columns]
        for position, row in enumerate(rows):
            yield [*(column[position] for column in cells), *row]

    def records(self, rows: Sequence[list[Any]]) -> list[dict[str, Any]]:
        """Return the next rows as JSON objects."""
        names = self.names(len(rows[0]))
        return [dict(zip(names, map(_as_json, row), strict=True)) for row in self.rows(rows)]


def _as_json(value: Any) -> Any:
    return value if isinstance(value, str | int | float | list | None) else str(value)  # such as a date


def output_names(output: PredictionOutput, schema: Mapping[str, Any] | None, width: int) -> list[str]:
    """Return a name for each of the `width` values of a row."""
    classes = [str(value) for value in schema["target"]["classes"] or ()] if schema else []
    features = [one["name"] for one in schema["features"]] if schema else []
    if output is PredictionOutput.LEAF_INDEX:
        return [f"leaf_{tree}" for tree in range(width)]
    if output is PredictionOutput.CONTRIBUTIONS and features and width % (len(features) + 1) == 0:
        return _contribution_names(features, classes, width // (len(features) + 1))
    if output in (PredictionOutput.PREDICTION, PredictionOutput.PROBABILITIES) and width == len(classes) > 1:
        return [f"probability_{value}" for value in classes]
    if width == 1:
        return [str(output)]
    if width == len(classes):
        return [f"{output}_{value}" for value in classes]
    return [f"{output}_{position}" for position in range(width)]


def _contribution_names(features: list[str], classes: list[str], groups: int) -> list[str]:
    """Return the names of contributions; a model of several classes has a group of them for each."""
    ends = [f"_to_{value}" for value in classes] if groups == len(classes) else [""]
    if groups != len(ends):
        ends = [f"_{group}" for group in range(groups)]
    return [
        name
        for end in ends
        for name in (*(f"contribution_{feature}{end}" for feature in features), f"{_EXPECTED_VALUE}{end}")
    ]
