"""What is verified, and what it is given to work on."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lgbm_sm.backends import TrainingInputs

LARGEST_PAYLOAD = 6_291_456  # botocore's model of InvokeEndpoint
LARGEST_PAYLOAD_TODAY = 25 * 1000**2  # the Hosting FAQ
_BY_LINES = ("text/csv", "application/jsonlines", "application/x-jsonlines", "application/jsonl", "text/libsvm")


@dataclass(frozen=True)
class SampleRequest:
    """A request that the model must be able to answer."""

    body: bytes
    content_type: str

    @property
    def first_row(self) -> bytes | None:
        """A request of one row; None where rows cannot be told apart."""
        if not self._has_lines:
            return None
        lines = self._lines
        return b"\n".join(lines[: 2 if self._has_header else 1]) + b"\n"

    def of_size(self, most_bytes: int) -> bytes | None:
        """As large a request as fits; None where it is of a kind that does not grow by repetition."""
        if self.content_type == "application/json":
            return self.body.ljust(most_bytes)  # JSON may end in blanks
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
    """An image, and what its containers are given.

    `platform` is what the instance types ask for, such as linux/amd64; None where they are local. `model_path` is a
    model.tar.gz; without one the model is taken that the image trains. `code` has files and texts by their name below
    code, for an archive that has no such folder. `needs_network`: the image is known to need one,
    and isolation is not tried. `only` is the one command that the image has; empty where it has both.
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
