"""Show the first and the last lines of a long output on a terminal."""

from collections import deque
from collections.abc import Callable

SHOWN_LINES = 5  # at each end


class FirstAndLast:
    """Writes the first lines at once and the last ones at the end. A line between them says how many are left out.

    `hint` says how to get all of them.
    """

    def __init__(self, write: Callable[[bytes], None], hint: str) -> None:
        self._write = write
        self._hint = hint
        self._count = 0
        self._unfinished = b""
        # one more than is shown, because a single line is not worth leaving out
        self._last: deque[bytes] = deque(maxlen=SHOWN_LINES + 1)

    def write(self, chunk: bytes) -> None:
        """Take the next part of the output."""
        *lines, self._unfinished = (self._unfinished + chunk).split(b"\n")
        first = lines[: max(0, SHOWN_LINES - self._count)]
        if first:
            self._write(b"".join(line + b"\n" for line in first))
        self._last.extend(lines[len(first) :])
        self._count += len(lines)

    def close(self) -> None:
        """Write the last lines."""
        last = list(self._last)
        if self._count > SHOWN_LINES + len(last):
            last = last[1:]
            left_out = self._count - SHOWN_LINES - len(last)
            last = [f"… {left_out:,} lines left out: {self._hint}".encode(), *last]
        self._write(b"".join(line + b"\n" for line in last) + self._unfinished)
