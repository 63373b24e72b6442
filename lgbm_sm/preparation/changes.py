"""Compare prepared data with the configuration and with the table, both as they are now."""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lgbm_sm.preparation.origin import DataOrigin, data_settings, differences
from lgbm_sm.preparation.table_digest import digest_now, table_paths
from lgbm_sm.preparation.targets import predicted_as

if TYPE_CHECKING:
    from lgbm_sm.config.sections import DataSection


class Changes(NamedTuple):
    """A sentence for each difference, and another if a table could not be compared."""

    sentences: list[str]
    unknown: str = ""


def changes_since(origin: DataOrigin, section: "DataSection", objective: str, base: Path) -> Changes:
    """Return the changes since the data was prepared. Relative paths start at `base`.

    Raises:
        DataError: a table cannot be read.
    """
    sentences = differences(origin.settings, data_settings(section, predicted_as(objective)))
    paths = table_paths(section, base)
    if sentences or not paths:
        return Changes(sentences)
    names = ", ".join(path.name for path in paths)
    found = digest_now(paths, base / section.folder)
    if not found:
        return Changes([], f"unknown whether {names} has changed since prepare-data: the file does not exist")
    if found != origin.table_sha256:
        return Changes([f"{'one of ' if len(paths) > 1 else ''}{names} has changed since prepare-data"])
    return Changes([])
