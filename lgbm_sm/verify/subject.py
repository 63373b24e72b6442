"""The image to verify, and its input."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lgbm_sm.backends import TrainingInputs
from lgbm_sm.invocation.batches import JSON_LINES_TYPES

_BY_LINES = ("text/csv", *JSON_LINES_TYPES, "text/libsvm")


@dataclass(frozen=True)
class SampleRequest:
    """A request that the model can answer."""

    body: bytes
    content_type: str

    @property
    def first_row(self) -> bytes | None:
        """A request of one row; None if the content type has no lines."""
        if not self._has_lines:
            return None
        lines = self._lines
        return b"\n".join(lines[: 2 if self._has_header else 1]) + b"\n"

    def of_size(self, most_bytes: int) -> bytes | None:
        """The largest request that fits; None if repeating the body would break it."""
        if self.content_type == "application/json":
            return self.body.ljust(most_bytes)  # JSON may end with spaces
        if not self._has_lines:
            return None
        lines = self._lines
        head = lines[0] + b"\n" if self._has_header else b""
        rows = b"\n".join(lines[1:] if head else lines) + b"\n"
        whole = max(1, (most_bytes - len(head)) // len(rows))
        return head + rows * whole

    @property
    def _has_lines(self) -> bool:
        return self.content_type in _BY_LINES

    @property
    def _lines(self) -> list[bytes]:
        return [line for line in self.body.splitlines() if line.strip()]

    @property
    def _has_header(self) -> bool:
        if self.content_type != "text/csv":
            return False
        first, second = (*itertools.islice(self._lines, 2), b"", b"")[:2]
        return not _has_number(first) and _has_number(second)


def _has_number(line: bytes) -> bool:
    for cell in line.split(b","):
        try:
            float(cell)
        except ValueError:
            continue
        return True
    return False


@dataclass(frozen=True)
class Subject:
    """An image, and the input of its containers.

    `platform` is that of the instance types, such as linux/amd64; None if they are local. `model_path` is a
    model.tar.gz; without one, the image serves the model that it trains. `code` maps file names to texts; they become
    the folder `code` of an archive that has none. With `needs_network`, isolation is not tried. `only` is the image's
    one command; empty if it has both.
    """

    image: str
    inputs: TrainingInputs | None = None
    model_path: Path | None = None
    request: SampleRequest | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    code: Mapping[str, Path | str] = field(default_factory=dict)
    platform: str | None = None
    needs_network: bool = False
    only: str = ""
