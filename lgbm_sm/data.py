"""`prepare-data`: write a table as channel files, with the schema that describes them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lgbm_sm.config.sections import DateReading
from lgbm_sm.preparation.channel_files import Description, PreparedFile, require_outside, write_data_folder
from lgbm_sm.preparation.column_notes import lines_of
from lgbm_sm.preparation.column_reading import read_column
from lgbm_sm.preparation.column_roles import choose_roles
from lgbm_sm.preparation.column_settings import settings_of_columns
from lgbm_sm.preparation.columns import Column, ColumnKind, describe_feature, is_inexact, positions_where
from lgbm_sm.preparation.date_columns import columns_of_dates
from lgbm_sm.preparation.origin import DataOrigin, data_settings, split_digest
from lgbm_sm.preparation.problems import Problems
from lgbm_sm.preparation.schema import Feature, Schema, Split, TargetColumn
from lgbm_sm.preparation.sources import HEADERLESS_TARGET, Source, open_source
from lgbm_sm.preparation.splits import Integers, require_classes_in_train, split_rows
from lgbm_sm.preparation.table_digest import digest_of_read, table_paths, table_states
from lgbm_sm.preparation.targets import class_codes, class_counts, describe_target, predicted_as
from lgbm_sm.progress import Reporter
from lgbm_sm.wording import counted

if TYPE_CHECKING:
    import pyarrow as pa

    from lgbm_sm.config.sections import DataSection


@dataclass(frozen=True)
class PreparedData:
    """The contents of the data folder.

    `files` are train, validation, test and test_target. `removed` are deleted files of an earlier data set. `notes` are
    the reported decisions and warnings.
    """

    folder: Path
    schema: Schema
    schema_changed: bool
    files: tuple[PreparedFile, ...]
    removed: tuple[Path, ...]
    notes: tuple[str, ...]

    @property
    def changed(self) -> bool:
        """Whether anything in the folder has changed."""
        return self.schema_changed or bool(self.removed) or any(file.changed for file in self.files)


@dataclass(frozen=True)
class _Columns:
    """The columns as they were read and as they will be written, and their description.

    The target is the last column. `rows` is the number of rows that were read. `source` has the rows that were kept.
    `dropped` are the columns of dates that were left out.
    """

    source: Source
    rows: int
    read: tuple[Column, ...]
    dropped: tuple[str, ...]
    features: tuple[Feature, ...]
    target: TargetColumn
    cells: "pa.Table"
    codes: "Integers | None"


def prepare_data(section: "DataSection", objective: str, *, base: Path, reporter: Reporter) -> PreparedData:
    """Read the configured data, split it, and write the channel files and schema/schema.json.

    The files are `<folder>/<data.name>_<folder>.csv`. `objective` is any of LightGBM's names for the objective.
    Relative paths start at `base`.

    Raises:
        DataError: the table cannot be read, a column or the target cannot be used, a split would be too small, or the
            data folder has unexpected files. The message has every problem, with fixes.
    """
    reporter.step(f"Data set {section.name}")
    folder = base / section.folder
    before = table_states(table_paths(section, base))
    source = open_source(section, base, reporter.status)
    require_outside(source.paths, folder)
    notes = _Notes(reporter)
    for note in source.notes:
        notes.detail(note)
    for warning in source.warnings:
        notes.warn(warning)
    columns = _read_columns(source, section, objective)
    _note_rows(columns, notes)
    _note_readings(columns, section, notes)
    _note_columns(columns.features, columns.read[:-1], notes)
    _note_target(columns, notes)
    rows = _split(section, columns)
    reporter.status(f"writing {columns.cells.num_rows:,} rows")
    in_table = _positions_in_table(columns.source, rows)
    table = digest_of_read(source.columns, source.paths, before)
    origin = DataOrigin(
        table_sha256=table.sha256,
        rows=source.columns.num_rows,
        settings=data_settings(section, predicted_as(objective)),
        split_sha256=split_digest([in_table[split] for split in (Split.TRAIN, Split.VALIDATION, Split.TEST)]),
    )
    described = Description(section.name, columns.features, columns.target, origin, table)
    written = write_data_folder(folder, described, _tables(columns.cells, columns.target.name, rows))
    for file in written.files:
        state = "written" if file.changed else "unchanged"
        reporter.detail(
            f"{file.split}: {counted(file.rows, 'row')} x {counted(file.columns, 'column')}, {file.path} ({state})"
        )
    for path in written.removed:
        reporter.detail(f"removed {path}, which belongs to an earlier data set")
    return PreparedData(
        folder, written.schema, written.schema_changed, written.files, written.removed, tuple(notes.texts)
    )


def check_source(source: Source, section: "DataSection", objective: str) -> None:
    """Check a table as `prepare_data` does, without writing anything.

    Raises:
        DataError: a column or the target cannot be used, or a split would be too small.
    """
    _split(section, _read_columns(source, section, objective))


def split_positions(section: "DataSection", objective: str, base: Path) -> Mapping[Split, Integers]:
    """Return, for each split, the positions of its rows in the table.

    Raises:
        DataError: the same problems as in `prepare_data`.
    """
    columns = _read_columns(open_source(section, base), section, objective)
    return _positions_in_table(columns.source, _split(section, columns))


def _positions_in_table(source: Source, rows: Mapping[Split, Integers]) -> Mapping[Split, Integers]:
    """Convert positions among the kept rows to positions among all rows of the table."""
    import numpy as np

    if not source.kept:
        return rows
    kept = np.asarray(source.kept)
    return {split: kept[positions] for split, positions in rows.items()}


class _Notes:
    """Report notes, and keep them."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self.texts: list[str] = []

    def detail(self, text: str) -> None:
        self._reporter.detail(text)
        self.texts.append(text)

    def warn(self, text: str) -> None:
        self._reporter.warn(text)
        self.texts.append(text)


def _read_columns(source: Source, section: "DataSection", objective: str) -> _Columns:
    import pyarrow as pa

    names = source.columns.column_names
    roles = choose_roles(names, section, target=source.target if section.target is None else section.target)
    settings = settings_of_columns(section, names, source.doubtful)
    problems = Problems(section)
    target_name = names[roles.target] if source.named else HEADERLESS_TARGET

    def read(position: int, name: str) -> Column:
        return read_column(name, source.columns.column(position), settings[position])

    target = read(roles.target, target_name)
    rows = source.columns.num_rows
    if section.drop_missing_target and target.cells.null_count < rows and target.cells.null_count:
        source = source.keeping(_positions_with(target))
        target = read(roles.target, target_name)
    if target.kind is ColumnKind.DATE and settings[roles.target].dates in (DateReading.ORDINAL, DateReading.PARTS):
        in_days = replace(settings[roles.target], dates=DateReading.ORDINAL)
        target = (*columns_of_dates(target, in_days, problems, source.row_name), target)[0]
    features: list[Column] = []
    described: list[Feature | None] = []
    dropped: list[str] = []
    for position in roles.features:
        column = read(position, names[position])
        if column.kind is ColumnKind.DATE and settings[position].dates is DateReading.DROP:
            dropped.append(column.name)
            continue
        for one in columns_of_dates(column, settings[position], problems, source.row_name):
            features.append(one)
            is_categorical = position in roles.categorical
            described.append(describe_feature(one, problems, source.row_name, categorical=is_categorical))
    classes = describe_target(target, objective, problems, source.row_name, classes=source.classes)
    if not features:
        problems.add("no column is left to learn from", "drop fewer columns")
    problems.raise_if_any()
    read_all = (*features, target)
    return _Columns(
        source=source,
        rows=rows,
        read=read_all,
        dropped=tuple(dropped),
        features=tuple(feature for feature in described if feature),
        target=TargetColumn(name=target_name, classes=classes),
        cells=pa.table([column.cells for column in read_all], names=[column.name for column in read_all]),
        codes=None if classes is None else class_codes(target.cells, classes),
    )


def _positions_with(column: Column) -> list[int]:
    """Return the positions of the rows in which the column has a value."""
    import pyarrow.compute as pc

    return positions_where(pc.is_valid(column.cells))


def _note_rows(columns: _Columns, notes: "_Notes") -> None:
    """Report the rows that were read, left out and kept."""
    kept = columns.cells.num_rows
    lost = columns.rows - kept
    if lost:
        name = columns.target.name
        notes.warn(
            f"{counted(columns.rows, 'row')} read, {lost:,} left out without a target ({name}), {kept:,} kept "
            "(refuse them: --set data.drop_missing_target=false)"
        )
    else:
        notes.detail(f"{counted(kept, 'row')} read, all kept")


def _note_readings(columns: _Columns, section: "DataSection", notes: "_Notes") -> None:
    """Report how columns were read, if anything was decided."""
    *features, target = columns.read
    lines = [line for column in features for line in lines_of(column, section)]
    for text, is_warning in (*lines, *lines_of(target, section, is_target=True)):
        (notes.warn if is_warning else notes.detail)(text)
    if columns.dropped:
        notes.detail(f"{', '.join(columns.dropped)}: dates, left out (as numbers: --set data.dates=parts)")


def _note_columns(features: tuple[Feature, ...], columns: tuple[Column, ...], notes: _Notes) -> None:
    texts = [
        f"{feature.name} ({counted(len(feature.levels), 'category', 'categories')})"
        for feature, column in zip(features, columns, strict=True)
        if feature.levels and column.kind is ColumnKind.TEXT
    ]
    if texts:
        notes.detail(f"text columns become categories: {', '.join(texts)}")
    if inexact := [column.name for column in columns if column.kind is ColumnKind.NUMBER and is_inexact(column)]:
        notes.warn(
            f"{', '.join(inexact)}: integers beyond 2^53 lose their last digits, since LightGBM uses float64; if they "
            "are identifiers, leave them out with data.drop"
        )


def _note_target(columns: _Columns, notes: _Notes) -> None:
    name, classes = columns.target.name, columns.target.classes
    if classes is not None and columns.codes is not None:
        notes.detail(f"target {name}, classes and their codes: {class_counts(columns.codes, classes)}")
    elif len(values := columns.read[-1].cells.unique()) <= 2:
        notes.warn(
            f"the target {name} is always {' or '.join(map(str, values.to_pylist()))}: if these are classes, "
            "add --set training.hyperparameters.objective=binary"
        )


def _split(section: "DataSection", columns: _Columns) -> Mapping[Split, Integers]:
    classes = columns.target.classes or ()
    source = columns.source
    if not source.part_rows:
        return split_rows(
            columns.cells.num_rows,
            test_size=section.test_size,
            validation_size=section.validation_size,
            random_state=section.random_state,
            codes=columns.codes,
            classes=classes,
        )
    import numpy as np

    trained, validated, _ = source.part_rows
    parts = np.split(np.arange(columns.cells.num_rows), [trained, trained + validated])
    rows = dict(zip((Split.TRAIN, Split.VALIDATION, Split.TEST), parts, strict=True))
    if columns.codes is not None:
        require_classes_in_train(columns.codes[:trained], columns.codes, classes)
    return rows


def _tables(cells: "pa.Table", target: str, rows: Mapping[Split, Integers]) -> Mapping[Split, "pa.Table"]:
    """Return the table of each file. The target of the test rows is a separate table."""
    taken = {split: cells.take(positions) for split, positions in rows.items()}
    test = taken[Split.TEST]
    return {**taken, Split.TEST: test.drop_columns([target]), Split.TEST_TARGET: test.select([target])}
