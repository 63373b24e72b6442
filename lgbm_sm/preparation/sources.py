"""Open the source of the rows: a built-in data set, the user's table, or three tables."""

import bisect
import itertools
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lgbm_sm.errors import DataError
from lgbm_sm.preparation.column_reading import read_column
from lgbm_sm.preparation.column_settings import columns_with_marks
from lgbm_sm.preparation.columns import Column, ColumnKind, kind_of
from lgbm_sm.preparation.missing_tokens import is_number_token
from lgbm_sm.preparation.problems import Problems
from lgbm_sm.preparation.row_counter import ReportStatus, no_status
from lgbm_sm.preparation.schema import Categories
from lgbm_sm.preparation.tables import Table, TableOptions, read_table
from lgbm_sm.wording import did_you_mean

if TYPE_CHECKING:
    import pyarrow as pa

    from lgbm_sm.config.sections import DataSection

HEADERLESS_TARGET = "target"
BOSTON = "boston"
BOSTON_WARNING = (
    "Boston housing prices: scikit-learn removed this data set in version 1.2 for an ethical problem: column B is "
    "computed from the share of Black residents. It is included for comparison with published results. To leave the "
    "column out, add --set 'data.drop=[B]'"
)


@dataclass(frozen=True)
class Source:
    """All rows as one table.

    If the data is already split, `part_rows` are the numbers of rows of train, validation and test, and `paths` are
    their files. `classes` are the classes of a text target, if the data set has its own order of classes. `doubtful`
    columns have numbers like 1.031 in a table with decimal commas. If rows were left out, `kept` are the positions of
    the remaining rows, and `read_rows` are the earlier values of `part_rows`.
    """

    columns: "pa.Table"
    named: bool
    paths: tuple[Path, ...] = ()
    target: str | int | None = None
    classes: Categories | None = None
    part_rows: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    doubtful: Collection[str] = ()
    kept: Sequence[int] = ()
    read_rows: tuple[int, ...] = ()

    def row_name(self, position: int) -> str:
        """Return the name of a row in messages: its number from 1 in its file, without header."""
        position = self.kept[position] if self.kept else position
        part_rows = self.read_rows or self.part_rows
        if not part_rows:
            return f"row {position + 1}"
        ends = list(itertools.accumulate(part_rows))
        part = bisect.bisect_right(ends, position)
        return f"row {position - ends[part] + part_rows[part] + 1} of {self.paths[part].name}"

    def keeping(self, positions: Sequence[int]) -> "Source":
        """Return the source with only these rows, in ascending order."""
        ends = list(itertools.accumulate(self.part_rows))
        counts = [bisect.bisect_left(positions, end) for end in ends]
        return replace(
            self,
            columns=self.columns.take(positions),
            part_rows=tuple(after - before for before, after in itertools.pairwise((0, *counts))),
            kept=positions,
            read_rows=self.part_rows,
        )


def open_source(section: "DataSection", base: Path, status: ReportStatus = no_status) -> Source:
    """Read the configured data. Relative paths start at `base`.

    `status` receives the number of rows so far.

    Raises:
        DataError: a file cannot be read, the three tables do not match, or the data set does not exist.
    """
    references = tuple(
        reference
        for reference in (section.target, *section.drop, *section.categorical, *section.numeric)
        if reference is not None
    )
    options = TableOptions(section.separator, section.encoding, lambda names: columns_with_marks(section, names))
    if section.file is not None:
        path = base / section.file
        source = _single(read_table(path, header=section.header, references=references, options=options, status=status))
    elif section.files is not None:
        files = section.files
        tables = [
            read_table(base / path, header=section.header, references=references, options=options, status=status)
            for path in (files.train, files.validation, files.test)
        ]
        source = _joined(tables)
    elif is_shipped(section.name):
        return _SHIPPED[section.name]()
    else:
        raise DataError(
            f"data set {section.name!r} does not exist{did_you_mean(section.name, _SHIPPED)}",
            f"use a built-in one ({', '.join(_SHIPPED)}), or set data.file or data.files to your own tables",
        )
    if is_shipped(section.name):
        warning = f"your files are named {section.name}_… like those of the built-in data set: set data.name"
        source = replace(source, warnings=(*source.warnings, warning))
    return source


def is_shipped(name: str) -> bool:
    """Return whether `name` is the name of a built-in data set."""
    return name in _SHIPPED


def _single(table: Table) -> Source:
    return Source(
        columns=table.columns,
        named=table.named,
        paths=(table.path,),
        target=None if table.named else -1,  # without column names, the last column is the target
        notes=table.notes,
        doubtful=table.doubtful,
    )


def _joined(tables: list[Table]) -> Source:
    """Join three tables by their column names, or by position if no table has column names."""
    import pyarrow as pa

    problems = Problems()
    for table in tables[1:]:
        _compare(tables[0], table, problems)
    problems.raise_if_any()
    tables = _with_common_kinds(tables)
    first = tables[0]
    for table in tables[1:]:
        _compare_kinds(first, table, problems)
    problems.raise_if_any()
    parts = [table.columns for table in tables]
    if first.named and all(len(set(part.column_names)) == part.num_columns for part in parts):
        parts = [part.select(parts[0].column_names) for part in parts]
    names = parts[0].column_names
    # Arrow joins columns by name, so use positions as names: two columns may have the same name
    by_position = [part.rename_columns([str(position) for position in range(len(names))]) for part in parts]
    plain = [_without_dictionaries(part) for part in by_position]
    joined = pa.concat_tables(plain, promote_options="permissive")
    for position, field in enumerate(by_position[0].schema):
        if pa.types.is_dictionary(field.type):
            joined = joined.set_column(position, field.name, joined.column(position).dictionary_encode())
    return replace(
        _single(first),
        columns=joined.rename_columns(names),
        paths=tuple(table.path for table in tables),
        part_rows=tuple(part.num_rows for part in parts),
        notes=tuple(note for table in tables for note in table.notes),
        doubtful={name for table in tables for name in table.doubtful},
    )


def _compare(first: Table, other: Table, problems: Problems) -> None:
    """Add to `problems` the reasons why the columns of two tables do not match."""
    where = f"{other.path.name} and {first.path.name}"
    ours, theirs = first.columns.column_names, other.columns.column_names
    if first.named != other.named:
        named, unnamed = (first, other) if first.named else (other, first)
        problems.add(
            f"{where}: {named.path.name} has a header, {unnamed.path.name} does not",
            "give all three tables a header, or none",
        )
    elif first.named and sorted(ours) != sorted(theirs):
        problems.add(f"{where} have different columns: {_differences(first, other)}", _SAME_COLUMNS)
    elif len(ours) != len(theirs):
        problems.add(f"{where} have {len(theirs)} and {len(ours)} columns", _SAME_COLUMNS)
    elif first.named and ours != theirs and len(set(ours)) != len(ours):
        problems.add(
            f"{where}: some column names occur twice, and the order of the columns differs",
            "use the same order of columns in the three tables, or give each column its own name",
        )


def _differences(first: Table, other: Table) -> str:
    ours, theirs = first.columns.column_names, other.columns.column_names
    missing = [repr(name) for name in ours if name not in theirs]
    extra = [repr(name) for name in theirs if name not in ours]
    sentences = [f"{other.path.name} lacks {', '.join(missing)}"] if missing else []
    if extra:
        sentences.append(f"{other.path.name} also has {', '.join(extra)}")
    return "; ".join(sentences) or "a column occurs more often in one of them"


def _with_common_kinds(tables: list[Table]) -> list[Table]:
    """Convert a column to text in all tables if it is text in some tables only.

    `read_column` can then read the cells of all tables in the same way.
    """
    names = tables[0].columns.column_names
    if any(len(set(table.columns.column_names)) != len(names) for table in tables):
        return tables  # columns of the same name are refused later, unless they are dropped
    mixed = [name for name in names if _is_mixed([_kind(table, name) for table in tables])]
    return [table.with_texts(mixed) for table in tables] if mixed else tables


def _is_mixed(kinds: list[ColumnKind]) -> bool:
    return ColumnKind.TEXT in kinds and not {*kinds}.isdisjoint({ColumnKind.NUMBER, ColumnKind.DATE})


def _kind(table: Table, name: str) -> ColumnKind:
    return kind_of(table.columns.schema.field(name).type)


def _compare_kinds(first: Table, other: Table, problems: Problems) -> None:
    names = first.columns.column_names
    if len(set(names)) != len(names):
        return
    for name in names:
        cells = [table.columns.column(name) for table in (first, other)]
        kinds = [_kind(table, name) for table in (first, other)]
        if kinds == [ColumnKind.TEXT, ColumnKind.TEXT]:
            columns = [read_column(name, one) for one in cells]
            kinds = [_kind_of_text(one) for one in columns]
            if any(note.key == "numeric" for one in columns for note in one.notes):
                continue  # a cell has a leading zero, so the column is read as text in all tables
        if kinds[0] is not kinds[1] and ColumnKind.EMPTY not in kinds:
            problems.add(
                f"column {name!r} contains {kinds[0]} in {first.path.name}, but {kinds[1]} in {other.path.name}",
                "fix the cells that differ; the three tables need the same columns",
            )


def _kind_of_text(column: Column) -> ColumnKind:
    """Return the kind of a column in one of the three tables.

    The kind is EMPTY if all its texts would mean missing cells in a column of numbers.
    """
    if column.refusal is not None:
        return ColumnKind.NUMBER
    texts = set() if column.kind is not ColumnKind.TEXT else set(column.cells.drop_null().unique().to_pylist())
    are_tokens = bool(texts) and all(map(is_number_token, texts))
    return ColumnKind.EMPTY if are_tokens else column.kind


_SAME_COLUMNS = "train, validation and test need the same columns, including the target"


def _without_dictionaries(table: "pa.Table") -> "pa.Table":
    import pyarrow as pa

    fields = [
        pa.field(field.name, field.type.value_type) if pa.types.is_dictionary(field.type) else field
        for field in table.schema
    ]
    return table.cast(pa.schema(fields))


def _boston() -> Source:
    with resources.as_file(resources.files("lgbm_sm") / "datasets" / "boston.csv") as path:
        table = read_table(path, header=True)
    return Source(columns=table.columns, named=True, target="target", warnings=(BOSTON_WARNING,))


def _diabetes() -> Source:
    from sklearn.datasets import load_diabetes

    return _from_scikit_learn(load_diabetes())


def _breast_cancer() -> Source:
    from sklearn.datasets import load_breast_cancer

    return _from_scikit_learn(load_breast_cancer())


def _iris() -> Source:
    from sklearn.datasets import load_iris

    return _from_scikit_learn(load_iris())


def _from_scikit_learn(bunch: Any) -> Source:
    """Keep the column names, and name the classes in the data set's order."""
    import pyarrow as pa

    columns = {str(name): bunch.data[:, position] for position, name in enumerate(bunch.feature_names)}
    if "target_names" not in bunch:
        return Source(columns=pa.table({**columns, "target": bunch.target}), named=True, target="target")
    classes = tuple(str(name) for name in bunch.target_names)
    names = [classes[code] for code in bunch.target]
    return Source(columns=pa.table({**columns, "target": names}), named=True, target="target", classes=classes)


_SHIPPED: dict[str, Callable[[], Source]] = {
    BOSTON: _boston,
    "diabetes": _diabetes,
    "breast-cancer": _breast_cancer,
    "iris": _iris,
}
