"""Collect every problem of a table, to report all of them at once."""

import json
import re
from collections.abc import Sequence

from lgbm_sm.errors import DataError

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_YAML_WORDS = ("yes", "no", "on", "off", "true", "false", "null")  # not text in YAML 1.1 unless quoted


class Problems:
    """Collects problems, then raises them as one DataError.

    `dropped` and `categorical` are the columns that the configuration lists already: a hint that adds to one of these
    lists shows the whole list, since setting it replaces it.
    """

    def __init__(self, dropped: Sequence[str | int] = (), categorical: Sequence[str | int] = ()) -> None:
        self._messages: list[str] = []
        self._hints: list[str] = []
        self._dropped = dropped
        self._categorical = categorical
        self._to_drop: list[str | int] = []
        self._to_keep: list[str | int] = []

    def add(
        self, message: str, hint: str = "", *, drop: str | int | None = None, keep: str | int | None = None
    ) -> None:
        """Note a problem and its fix: `drop` this column, or `keep` it as a categorical one."""
        self._messages.append(message)
        if hint and hint not in self._hints:
            self._hints.append(hint)
        if drop is not None:
            self._to_drop.append(drop)
        if keep is not None:
            self._to_keep.append(keep)

    @property
    def text(self) -> str:
        """Return the problems and hints in one line, without settings; empty if there are none."""
        return "; ".join((*self._messages, *self._hints))

    def raise_if_any(self) -> None:
        """Raise the collected problems.

        Raises:
            DataError: there is at least one problem; it has one line for each.
        """
        if not self._messages:
            return
        hints = list(self._hints)
        if self._to_drop:
            hints.append(f"leave out: --set 'data.drop={_listed((*self._dropped, *self._to_drop))}'")
        if self._to_keep:
            hints.append(
                f"treat as categories: --set 'data.categorical={_listed((*self._categorical, *self._to_keep))}'"
            )
        raise DataError("\n".join(self._messages), "\n".join(hints))


def _listed(columns: Sequence[str | int]) -> str:
    """Return the columns as a YAML list."""
    return f"[{', '.join(map(as_yaml, columns))}]"


def as_yaml(column: str | int) -> str:
    """Return a column's name or position, or any text, as YAML."""
    if isinstance(column, str) and _PLAIN.fullmatch(column) and column.lower() not in _YAML_WORDS:
        return column
    return json.dumps(column, ensure_ascii=False)
