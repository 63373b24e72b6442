"""The settings of the section data that decide how a column is read."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from lgbm_sm.preparation.column_roles import find_columns
from lgbm_sm.preparation.problems import Problems

if TYPE_CHECKING:
    from lgbm_sm.config.sections import DataSection, DateReading

Value = TypeVar("Value")


@dataclass(frozen=True)
class ColumnSettings:
    """The settings for one column. None means auto-detect.

    `is_doubtful` is true if the table has decimal commas, but all cells of this column look like 1.031.
    """

    decimal: str | None = None
    thousands: str | None = None
    missing: tuple[str, ...] = ()
    dates: "DateReading | None" = None
    is_numeric: bool = False
    is_categorical: bool = False
    is_doubtful: bool = False


def settings_of_columns(
    section: "DataSection", names: Sequence[str], doubtful: Collection[str] = ()
) -> list[ColumnSettings]:
    """Return the settings of each column.

    Raises:
        DataError: a setting names a column that the table does not have.
    """
    problems = Problems(section)
    everywhere: list[dict[str, object]] = [{} for _ in names]
    for key in ("decimal", "thousands", "missing", "dates"):
        given = getattr(section, key)
        if not isinstance(given, Mapping):
            for settings in everywhere:
                settings[key] = given
            continue
        for reference, value in given.items():
            for position in find_columns(names, (as_reference(reference, names),), f"data.{key}", problems):
                everywhere[position][key] = value
    numeric = find_columns(names, section.numeric, "data.numeric", problems)
    categorical = find_columns(names, section.categorical, "data.categorical", problems)
    for position in sorted(numeric & categorical):
        problems.add(
            f"data.numeric and data.categorical both include {names[position]!r}", "remove it from one of them"
        )
    problems.raise_if_any()
    return [
        ColumnSettings(
            **settings,  # type: ignore[arg-type]  # the values of DataSection's keys of the same names
            is_numeric=position in numeric,
            is_categorical=position in categorical,
            is_doubtful=names[position] in doubtful,
        )
        for position, settings in enumerate(everywhere)
    ]


def as_reference(text: str, names: Sequence[str]) -> str | int:
    """Return a key of a mapping as a column's name, or as a position.

    It is a position if it is a number, and no column has it as its name.
    """
    return int(text) if text not in names and text.lstrip("-").isdecimal() else text


def columns_with_marks(section: "DataSection", names: Sequence[str]) -> list[str]:
    """Return the columns for which the user has set a decimal mark or a thousands separator."""
    found: set[str] = set()
    for given in (section.decimal, section.thousands):
        if isinstance(given, Mapping):
            references = [as_reference(reference, names) for reference in given]
            found.update(
                names[one] if isinstance(one, int) and -len(names) <= one < len(names) else str(one)
                for one in references
            )
        elif given is not None:
            found.update(names)
    return [name for name in names if name in found]
