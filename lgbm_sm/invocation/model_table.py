"""Convert a table to the rows that a model expects: its features in their order, with cells read as in training."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lgbm_sm.errors import DataError
from lgbm_sm.invocation.model_cells import ReadingProblems, category_cells, date_parts, label_cells, number_cells
from lgbm_sm.invocation.model_columns import ModelColumns
from lgbm_sm.preparation.tables import Table
from lgbm_sm.progress import Reporter
from lgbm_sm.wording import counted, did_you_mean, shortened_list

if TYPE_CHECKING:
    import pyarrow as pa

_SHOWN_NAMES = 30


@dataclass(frozen=True)
class ModelTable:
    """The features of a table, the columns to keep, and the label of each row if it has labels (None if missing)."""

    features: "pa.Table"
    kept: "pa.Table | None"
    labels: Sequence[str | None] | None


def model_table(table: Table, columns: ModelColumns, keep: Sequence[str], reporter: Reporter) -> ModelTable:
    """Return the rows of a table for a model.

    Raises:
        DataError: a column of the model or a column to keep is missing or occurs twice, or a cell is not a number.
    """
    import pyarrow as pa

    table = _named(table, columns)
    names = table.columns.column_names
    wanted = [*columns.features, *columns.dates]
    _require_columns(table, columns, keep)
    unknown = [name for name in names if name not in (*wanted, columns.target, *columns.section.drop, *keep)]
    if unknown:
        which = "a column that the model does not know" if len(unknown) == 1 else "columns that the model does not know"
        reporter.warn(f"{table.path.name}: {which}, ignored: {shortened_list(unknown, _SHOWN_NAMES)}")
    for note in table.notes:
        reporter.detail(note)
    read = [name for name in names if name in (*wanted, columns.target)]
    settings = columns.settings(read, table.doubtful)
    problems = ReadingProblems(columns.section)
    cells: dict[str, Any] = {}
    for name in read:
        column = table.columns.column(name)
        feature = columns.features.get(name)
        if name in columns.dates and feature is None:
            cells.update(date_parts(name, column, settings[name], problems, reporter))
        elif feature is not None and feature["type"] == "categorical":
            cells[name] = category_cells(column, settings[name])
        elif feature is not None:
            cells[name] = number_cells(name, column, settings[name], problems, reporter)
    labels = None
    if columns.target in names and columns.target not in columns.features:
        labels = label_cells(table.columns.column(columns.target), columns, settings[columns.target], problems)
    problems.raise_if_any()
    features = pa.table([cells[name] for name in columns.features], names=list(columns.features))
    return ModelTable(features, table.columns.select(list(keep)) if keep else None, labels)


def _named(table: Table, columns: ModelColumns) -> Table:
    """Return the table with the names of the features, if it has no names."""
    if table.named:
        return table
    width, names = table.columns.num_columns, list(columns.features)
    if width != len(names):
        raise DataError(
            f"{table.path} has {counted(width, 'column')} without names, but the model has "
            f"{counted(len(names), 'feature')}: {shortened_list(names, _SHOWN_NAMES)}",
            "add a first line with the names of the columns",
        )
    return replace(table, columns=table.columns.rename_columns(names), named=True)


def _require_columns(table: Table, columns: ModelColumns, keep: Sequence[str]) -> None:
    names = table.columns.column_names
    made = columns.made_of(names)
    needed = [name for name in columns.features if name not in made]
    others = [name for name in names if name not in needed]
    if missing := [name for name in needed if name not in names]:
        sentence = "a column of the model is" if len(missing) == 1 else "columns of the model are"
        listed = ", ".join(f"{name}{did_you_mean(name, others)}" for name in missing[:_SHOWN_NAMES])
        raise DataError(
            f"{table.path}: {sentence} missing: {listed}",
            "name the column so in the first line; if its values are unknown, leave its cells empty",
        )
    if unknown := [name for name in keep if name not in names]:
        raise DataError(
            f"--keep {unknown[0]}: {table.path} has no such column{did_you_mean(unknown[0], names)}",
            f"its columns are {shortened_list(names, _SHOWN_NAMES)}",
        )
    for name in (*needed, *keep, columns.target):
        if names.count(name) > 1:
            raise DataError(
                f"{table.path}: {names.count(name)} columns are named {name!r}", "give each column its own name"
            )
