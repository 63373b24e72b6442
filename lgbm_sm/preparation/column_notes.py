"""Describe to the user how columns were read."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lgbm_sm.preparation.columns import Column, Note
from lgbm_sm.preparation.problems import set_by_column, set_listed

if TYPE_CHECKING:
    from lgbm_sm.config.sections import DataSection


def lines_of(column: Column, section: "DataSection", *, is_target: bool = False) -> Iterator[tuple[str, bool]]:
    """Yield a line for each decision about a column, and whether the line is a warning.

    The line includes the setting that changes the decision.
    """
    for note in column.notes:
        yield (
            f"{note.about or column.name}: {note.text}{_setting(note, column.name, section, is_target)}",
            note.is_warning,
        )


def _setting(note: Note, name: str, section: "DataSection", is_target: bool) -> str:  # noqa: FBT001 - private
    if not note.key or (is_target and note.key == "categorical"):
        return ""
    if note.value:
        option = set_by_column(section, note.key, {name: note.value})
    else:
        option = set_listed(section, note.key, (name,))
    return f" ({note.other}: {option})"
