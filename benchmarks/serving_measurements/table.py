"""Write the result of a run as Markdown into our README files."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.serving_measurements.measures import MEASURES, medians
from benchmarks.serving_measurements.peers import CHAIN, CHAIN_AS_SHIPPED, FLOOR, MLFLOW, MLSERVER, OURS, TOOLKIT

COLUMNS = (OURS, CHAIN, CHAIN_AS_SHIPPED, TOOLKIT, MLSERVER, MLFLOW, FLOOR)
_BEGIN = "<!-- benchmarks/results/serving.json -->"
_END = "<!-- end of benchmarks/results/serving.json -->"
_QUOTE = re.compile(f"{re.escape(_BEGIN)}\n.*?{re.escape(_END)}", re.DOTALL)


def table(document: Mapping[str, Any]) -> str:
    """Return a table of medians, with a line per measure and a column per server.

    The last column shows how much better our server is.
    """
    lines: list[tuple[str, ...]] = [("", *COLUMNS, "gain over the better of chain and toolkit")]
    lines.append(("---", *("---:" for _ in lines[0][1:])))
    for key, (title, unit) in MEASURES.items():
        of = medians(document["figures"], key)
        if not of:
            continue
        ratio = document["ratios"].get(key)
        cells = (shown(of[name]) if name in of else "-" for name in COLUMNS)
        lines.append((f"{title}, {unit}", *cells, "" if ratio is None else f"{ratio:.1f} x"))
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(f"| {' | '.join(map(str.ljust, line, widths))} |" for line in lines)


def shown(value: float) -> str:
    """Return a value with three significant digits. A value above 100 has no decimal places."""
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:,.{digits}f}"


def notes(document: Mapping[str, Any]) -> str:
    """Return notes on the conditions, the versions, and the servers that were not measured."""
    at = document["conditions"]
    load = ", ".join(map(str, at["load_before"]))
    setting = (
        f"{at['at'][:10]}, commit {at['commit']}: {document['rounds']} rounds with windows of up to "
        f"{document['long_seconds']:.0f} s on {document['workers']} of {at['processors']} processors "
        f"({at['processor']}), {at['memory_gb']} GB, {at['system']}, kernel {at['kernel']}; "
        f"load before the start {load}; generator {document['generator']}."
    )
    lines = [setting, ""]
    for name, subject in document["subjects"].items():
        versions = ", ".join(f"{part} {version}" for part, version in subject["versions"].items())
        lines.append(f"- **{name}**: {subject['how']} ({versions})")
    lines += [f"- **{name}** was not measured: {_first_line(why)}" for name, why in document["failures"].items()]
    return "\n".join(lines)


def _first_line(text: str) -> str:
    return text.partition("\n")[0]


def quoted(document: Mapping[str, Any] | None, *, with_notes: bool) -> str:
    """Return the table between two comments. Without a document, return only the comments."""
    if document is None:
        return f"{_BEGIN}\n{_END}"
    text = f"{table(document)}\n\n{notes(document)}" if with_notes else table(document)
    return f"{_BEGIN}\n{text}\n{_END}"


def is_quoted(path: Path, document: Mapping[str, Any] | None, *, with_notes: bool) -> bool:
    """Return whether the file contains exactly this result."""
    return _QUOTE.findall(path.read_text(encoding="utf-8")) == [quoted(document, with_notes=with_notes)]


def write_quote(path: Path, document: Mapping[str, Any], *, with_notes: bool) -> None:
    """Replace the older result in the file.

    Raises:
        ValueError: the file does not have exactly one place for it.
    """
    quote = quoted(document, with_notes=with_notes)
    text, count = _QUOTE.subn(lambda _: quote, path.read_text(encoding="utf-8"))
    if count != 1:
        raise ValueError(f"{path} has {count} places for {_BEGIN}")
    path.write_text(text, encoding="utf-8")
