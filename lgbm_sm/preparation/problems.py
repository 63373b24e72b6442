"""Everything that is wrong with a table, said at once."""

import json
import re
from collections.abc import Sequence

from lgbm_sm.errors import DataError

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_YAML_WORDS = ("yes", "no", "on", "off", "true", "false", "null")  # no text in YAML 1.1 unless quoted


class Problems:
    """Collects what is wrong until nothing more can be found out, then raises it as one DataError.

    `dropped` and `categorical` are the columns that the configuration lists already: a remedy that adds to one of these
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
        """Note a problem and its remedy: `drop` this column, or `keep` it as a categorical one."""
        self._messages.append(message)
        if hint and hint not in self._hints:
            self._hints.append(hint)
        if drop is not None:
            self._to_drop.append(drop)
        if keep is not None:
            self._to_keep.append(keep)

    @property
    def text(self) -> str:
        """The problems and their remedies in one line, without what to set; empty where there are none."""
        return "; ".join((*self._messages, *self._hints))

    def raise_if_any(self) -> None:
        """Raise what was collected.

        Raises:
            DataError: there is a problem; it has a line for each.
        """
        if not self._messages:
            return
        hints = list(self._hints)
        if self._to_drop:
            hints.append(f"leave out: --set 'data.drop={_listed((*self._dropped, *self._to_drop))}'")
        if self._to_keep:
            hints.append(
                f"take as categories: --set 'data.categorical={_listed((*self._categorical, *self._to_keep))}'"
            )
        raise DataError("\n".join(self._messages), "\n".join(hints))


def _listed(columns: Sequence[str | int]) -> str:
    """The columns as a YAML list."""
    return f"[{', '.join(map(as_yaml, columns))}]"


def as_yaml(column: str | int) -> str:
    """A column's name or position as YAML reads it back; any text, too."""
    if isinstance(column, str) and _PLAIN.fullmatch(column) and column.lower() not in _YAML_WORDS:
        return column
    return json.dumps(column, ensure_ascii=False)
