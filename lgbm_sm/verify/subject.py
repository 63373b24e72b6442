"""The image to check, and its inputs."""

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
        """A request with only the first row, or None if rows of this content type are not lines."""
        if not self._has_lines:
            return None
        lines = self._lines
        return b"\n".join(lines[: 2 if self._has_header else 1]) + b"\n"

    def of_size(self, most_bytes: int) -> bytes | None:
        """Return the largest request of at most this size. Return None if the rows cannot be repeated."""
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
    """An image, and the inputs of its containers.

    `model_path` is a model.tar.gz. Without one, the image serves the model that it trains. `code` maps file names to
    files or texts. If the archive has no folder `code`, it gets these files. `platform` is the platform of the instance
    types, such as linux/amd64, or None if they are local. With `needs_network`, the image always has a network. `only`
    is "train" or "serve" for an image with only this command. It is empty for an image with both commands.
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
