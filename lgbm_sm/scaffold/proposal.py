"""Propose settings for a new project from its table."""

from dataclasses import dataclass

from lgbm_sm.config.sections import DataSection
from lgbm_sm.preparation.column_notes import lines_of
from lgbm_sm.preparation.column_reading import read_column
from lgbm_sm.preparation.column_roles import find_columns, find_target, is_unnamed
from lgbm_sm.preparation.column_settings import settings_of_columns
from lgbm_sm.preparation.columns import ColumnKind, refuse, refuse_infinite
from lgbm_sm.preparation.problems import Problems
from lgbm_sm.preparation.sources import Source
from lgbm_sm.scaffold.columns import why_categorical, why_to_drop
from lgbm_sm.scaffold.objective import ProposedObjective, propose_objective


@dataclass(frozen=True)
class ProposedColumn:
    """A proposed column, by name or position, and the reason."""

    reference: str | int
    why: str


@dataclass(frozen=True)
class Proposal:
    """The proposed objective, the proposed columns, and notes on how columns were read.

    The proposed columns do not include columns that the user named. Each note is a pair: a line, and whether the line
    is a warning.
    """

    objective: ProposedObjective
    drop: tuple[ProposedColumn, ...]
    categorical: tuple[ProposedColumn, ...]
    notes: tuple[tuple[str, bool], ...]


def propose(source: Source, section: DataSection) -> Proposal:
    """Examine every column that the section does not drop.

    Raises:
        DataError: there is no target, a named column is not in the table, or a column cannot be read without a setting.
    """
    names = source.columns.column_names
    target_position = find_target(names, source.target if section.target is None else section.target)
    problems = Problems(section)
    dropped = find_columns(names, section.drop, "data.drop", problems)
    declared = find_columns(names, section.categorical, "data.categorical", problems)
    problems.raise_if_any()
    settings = settings_of_columns(section, names, source.doubtful)
    to_drop: list[ProposedColumn] = []
    to_keep: list[ProposedColumn] = []
    notes: list[tuple[str, bool]] = []
    seen = {names[target_position]}
    for position, name in enumerate(names):
        if position in dropped or position == target_position:
            continue
        # columns without a unique name are referred to by position
        reference = position if is_unnamed(name) or names.count(name) > 1 else name
        column = read_column(name, source.columns.column(position), settings[position])
        notes.extend(lines_of(column, section))
        if is_unnamed(name):
            to_drop.append(ProposedColumn(reference, f"column {position} has no name, like a saved row index"))
        elif name in seen:
            to_drop.append(ProposedColumn(reference, f"column {position} has the same name {name!r} as another column"))
        elif column.refusal is not None:  # the user decides what its cells mean
            refuse(column, f"column {name!r}", problems, source.row_name, is_target=False)
        elif column.kind is ColumnKind.NUMBER and refuse_infinite(column, problems, source.row_name):
            pass
        elif (column.kind is not ColumnKind.DATE or settings[position].dates is None) and (
            why := why_to_drop(column, source.row_name, categorical=position in declared)
        ):
            to_drop.append(ProposedColumn(reference, why))
        elif position not in declared and not settings[position].is_numeric and (why := why_categorical(column)):
            to_keep.append(ProposedColumn(reference, why))
        seen.add(name)
    problems.raise_if_any()
    target = read_column(names[target_position], source.columns.column(target_position), settings[target_position])
    notes.extend(lines_of(target, section, is_target=True))
    return Proposal(propose_objective(target), tuple(to_drop), tuple(to_keep), tuple(notes))
