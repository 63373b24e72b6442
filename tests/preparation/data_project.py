"""A project folder to prepare data in."""

import csv
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lgbm_sm.config.keys import read
from lgbm_sm.config.sections import DataSection
from lgbm_sm.data import PreparedData, prepare_data
from lgbm_sm.errors import DataError


@dataclass
class CollectedReports:
    """A reporter that stores the messages."""

    steps: list[str] = field(default_factory=list)
    details: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    statuses: list[str] = field(default_factory=list)

    def step(self, text: str) -> None:
        self.steps.append(text)

    def detail(self, text: str) -> None:
        self.details.append(text)

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def log(self, line: str, brief: str = "") -> None:  # noqa: ARG002 - the signature of Reporter
        raise AssertionError(line)

    def progress(self, what: str, done: int, total: int) -> None:
        raise AssertionError(what, done, total)

    def status(self, text: str) -> None:
        self.statuses.append(text)

    def trace(self, text: str) -> None:
        raise AssertionError(text)


@dataclass
class DataProject:
    """Prepares data in `folder`. The tables are in the same folder."""

    folder: Path
    reports: CollectedReports = field(default_factory=CollectedReports)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def write(self, name: str, text: str) -> str:
        """Write a file with this text into the folder. Return its name."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="")
        return name

    def prepare(self, objective: str = "regression", **section: Any) -> PreparedData:
        """Run prepare-data with these keys of the section `data`."""
        if "file" in section:
            section.setdefault("name", "mine")
        return prepare_data(read(DataSection, section), objective, base=self.folder, reporter=self.reports)

    def refusal(self, objective: str = "regression", **section: Any) -> DataError:
        """Return the error of prepare-data. Nothing may have been written."""
        before = self.listing()
        try:
            self.prepare(objective, **section)
        except DataError as error:
            assert self.listing() == before
            return error
        raise AssertionError("nothing was refused")

    def listing(self) -> list[str]:
        """Return the files under the data folder."""
        return sorted(path.relative_to(self.data).as_posix() for path in self.data.rglob("*") if path.is_file())

    def schema(self) -> dict[str, Any]:
        """Return the content of schema.json."""
        document: dict[str, Any] = json.loads((self.data / "schema/schema.json").read_text(encoding="utf-8"))
        return document

    def rows(self, *splits: str) -> list[list[str]]:
        """Return the cells of the files of these splits. The csv module reads them."""
        found: list[list[str]] = []
        for split in splits or ("train", "validation", "test"):
            with (self.data / self.schema()["splits"][split]["file"]).open(encoding="utf-8", newline="") as file:
                found.extend(csv.reader(file))
        return found
