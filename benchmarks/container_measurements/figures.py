"""Store the measured values, and convert them to a table and to JSON."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median
from typing import Any

CHAIN = "notebook chain"


@dataclass(frozen=True)
class Row:
    """The values of one measure and one subject.

    `ratio` is the median divided by the chain's median, or None if the chain was not measured.
    """

    measure: str
    unit: str
    subject: str
    median: float
    min: float
    max: float
    values: list[float]
    ratio: float | None


@dataclass
class Figures:
    """The values by measure and subject, in the order in which they were added."""

    _units: dict[str, str] = field(default_factory=dict)
    _values: dict[str, dict[str, list[float]]] = field(default_factory=dict)

    def add(self, measure: str, unit: str, subject: str, value: float) -> None:
        self._units[measure] = unit
        self._values.setdefault(measure, {}).setdefault(subject, []).append(value)

    def rows(self) -> list[Row]:
        return [
            Row(
                measure,
                self._units[measure],
                subject,
                _rounded(median(values)),
                _rounded(min(values)),
                _rounded(max(values)),
                [_rounded(value) for value in values],
                _ratio(values, by_subject.get(CHAIN)),
            )
            for measure, by_subject in self._values.items()
            for subject, values in by_subject.items()
        ]


def _ratio(values: list[float], of_chain: list[float] | None) -> float | None:
    if not of_chain or not median(of_chain):
        return None
    return round(median(values) / median(of_chain), 2)


def _rounded(value: float) -> float:
    return round(value, 3)


def table(rows: Iterable[Row]) -> str:
    """Return a table in Markdown, with a line for each measure and subject."""
    cells = [("measure", "of", "median", "min to max", "rounds", "to the chain")]
    cells.append(tuple("---" for _ in cells[0]))  # type: ignore[arg-type]
    before = ""
    for row in rows:
        cells.append(
            (
                "" if row.measure == before else f"{row.measure}, {row.unit}" if row.unit else row.measure,
                row.subject,
                _shown(row.median, row.unit),
                "" if len(row.values) == 1 else f"{_shown(row.min, row.unit)} to {_shown(row.max, row.unit)}",
                str(len(row.values)),
                "" if row.ratio is None or row.subject == CHAIN else f"{row.ratio:.2f}",
            )
        )
        before = row.measure
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    return "\n".join(f"| {' | '.join(map(str.ljust, line, widths))} |" for line in cells)


def _shown(value: float, unit: str) -> str:
    """Return a value with three significant digits. A value without a unit is a whole number."""
    if not unit:
        return f"{value:.0f}"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def document(rows: Iterable[Row], conditions: dict[str, Any]) -> dict[str, Any]:
    """Return the object to write as JSON."""
    return {"conditions": conditions, "measurements": [vars(row) for row in rows]}
