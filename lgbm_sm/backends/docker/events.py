"""Read Docker's events during a build, push or pull, and report the progress."""

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from lgbm_sm.progress import Reporter

_LAST_LINES = 15
_LONGEST_LINE = 100  # a shown line is cut to this many characters; the trace has the whole line
_ARRIVED = ("Pushed", "Layer already exists")


class StreamEnd(NamedTuple):
    """The end of an operation. `failure` is empty if the operation succeeded."""

    failure: str
    last_lines: tuple[str, ...]


def follow_events(events: Iterable[Mapping[str, Any]], reporter: Reporter, shown: tuple[str, ...] = ()) -> StreamEnd:
    """Report the events of an operation until it ends.

    Docker reports a failure only as an event. Log the lines that begin with one of `shown`, and each layer that is
    complete. Trace all lines.
    """
    last_lines: deque[str] = deque(maxlen=_LAST_LINES)
    failure = ""
    for event in events:
        failure = failure or str(event.get("error", "")).strip()
        status = str(event.get("status", ""))
        if status in _ARRIVED:
            reporter.log(f"{event.get('id', '')} {status.lower()}")
            continue
        text = event.get("stream") or ("" if "progressDetail" in event else status)
        for line in filter(None, map(str.rstrip, text.splitlines())):
            last_lines.append(line)
            if shown and line.startswith(shown):
                reporter.log(_shortened(line))
            reporter.trace(line)
    return StreamEnd(failure, tuple(last_lines))


def _shortened(line: str) -> str:
    words = " ".join(line.split())
    return words if len(words) <= _LONGEST_LINE else words[: _LONGEST_LINE - 1] + "…"
