"""Collect every problem of a table, to report all of them at once."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from lgbm_sm.errors import DataError

if TYPE_CHECKING:
    from lgbm_sm.config.sections import DataSection

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_YAML_WORDS = ("yes", "no", "on", "off", "true", "false", "null")  # must be quoted to be text in YAML


class Problems:
    """Collects problems, then raises them as one DataError.

    If a hint adds to a list or mapping of `section`, it shows the whole list or mapping, because a setting replaces it.
    """

    def __init__(self, section: "DataSection | None" = None) -> None:
        self._messages: list[str] = []
        self._hints: list[str] = []
        self._section = section
        self._to_drop: list[str | int] = []
        self._to_keep: list[str | int] = []
        self._to_count: list[str | int] = []
        self._by_column: dict[tuple[str, str], dict[str, str | Sequence[str]]] = {}

    def add(
        self,
        message: str,
        hint: str = "",
        *,
        drop: str | int | None = None,
        keep: str | int | None = None,
        number: str | int | None = None,
        settings: Mapping[tuple[str, str], tuple[str, str | Sequence[str]]] = {},
    ) -> None:
        """Add a problem and its possible fixes.

        A possible fix is to leave out the column `drop`, to treat the column `keep` as categories, or to read the
        column `number` as numbers.

        `settings` has settings of the section `data` that can fix the problem. It maps the name of a setting and its
        effect, such as ("dates", "read as days since 1970"), to the column and the value to set for the column.
        """
        self._messages.append(message)
        if hint and hint not in self._hints:
            self._hints.append(hint)
        for column, columns in ((drop, self._to_drop), (keep, self._to_keep), (number, self._to_count)):
            if column is not None:
                columns.append(column)
        for key, (name, value) in settings.items():
            self._by_column.setdefault(key, {})[name] = value

    @property
    def text(self) -> str:
        """Return the problems and hints in one line, without settings, or "" without problems."""
        return "; ".join((*self._messages, *self._hints))

    def raise_if_any(self) -> None:
        """Raise the collected problems.

        Raises:
            DataError: there is at least one problem. The message has one line for each problem.
        """
        if self._messages:
            raise DataError("\n".join(self._messages), "\n".join((*self._hints, *self._settings())))

    def _settings(self) -> list[str]:
        hints = [
            f"{what}: {set_by_column(self._section, key, values)}" for (key, what), values in self._by_column.items()
        ]
        for what, key, columns in (
            ("leave out", "drop", self._to_drop),
            ("treat as categories", "categorical", self._to_keep),
            ("read as numbers", "numeric", self._to_count),
        ):
            if columns:
                hints.append(f"{what}: {set_listed(self._section, key, columns)}")
        return hints


def set_listed(section: "DataSection | None", key: str, columns: Sequence[str | int]) -> str:
    """Return the option that adds columns to a list of the section data."""
    given = () if section is None else getattr(section, key)
    return _option(key, f"[{', '.join(map(as_yaml, (*given, *columns)))}]")


def set_by_column(section: "DataSection | None", key: str, values: Mapping[str, str | Sequence[str]]) -> str:
    """Return the option that adds values by column to a mapping of the section data."""
    given = None if section is None else getattr(section, key)
    if given and not isinstance(given, Mapping) and not isinstance(given, str):
        texts = [*given, *(text for value in values.values() for text in value)]
        return _option(key, f"[{', '.join(map(as_yaml, dict.fromkeys(texts)))}]")
    merged: dict[str, str | Sequence[str]] = dict(given) if isinstance(given, Mapping) else {}
    for name, value in values.items():
        before = merged.get(name, ())
        merged[name] = value if isinstance(value, str) or isinstance(before, str) else (*before, *value)
    pairs = (f"{as_yaml(name)}: {_as_yaml_value(value)}" for name, value in merged.items())
    return _option(key, f"{{{', '.join(pairs)}}}")


def _as_yaml_value(value: str | Sequence[str]) -> str:
    return as_yaml(value) if isinstance(value, str) else f"[{', '.join(map(as_yaml, value))}]"


def _option(key: str, value: str) -> str:
    escaped = value.replace("'", "'\\''")
    return f"--set 'data.{key}={escaped}'"


def as_yaml(column: str | int) -> str:
    """Return a column's name or position, or any text, as YAML."""
    if isinstance(column, str) and _PLAIN.fullmatch(column) and column.lower() not in _YAML_WORDS:
        return column
    return json.dumps(column, ensure_ascii=False)
