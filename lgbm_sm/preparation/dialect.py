"""Detect the encoding and the separator of a text file, and the lines before its table."""

import codecs
import csv
import gzip
import io
import itertools
import json
import shlex
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from lgbm_sm.errors import DataError
from lgbm_sm.preparation.date_cells import looks_like_date
from lgbm_sm.preparation.number_format import looks_like_number
from lgbm_sm.wording import counted

SAMPLED_ROWS = 200
_SAMPLED_BYTES = 1 << 18
_SEPARATORS = (",", ";", "\t", "|")
_RARE_SEPARATORS = (" ", ":", "~", "^", "/", "!")
_SCORED_LINES = 100
_SAME_WIDTH = 0.8
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WINDOWS = "windows-1252"
_MOST_FOREIGN = 0.4  # of all letters


@dataclass(frozen=True)
class Dialect:
    """How to read a text file. `skipped` is the number of lines before the table.

    `rows` are the first rows of the table, including the header. `header_lines` is the number of lines of the first
    row. `notes` describe the decisions.
    """

    encoding: str
    separator: str
    skipped: int
    header_lines: int
    rows: list[list[str]]
    notes: tuple[str, ...]

    @property
    def is_utf8(self) -> bool:
        return self.encoding in ("utf-8", "utf-8-sig")


def detect_dialect(path: Path, default: str, *, separator: str | None, encoding: str | None) -> Dialect:
    """Return the dialect of a CSV file. `default` is the separator for its suffix.

    The other arguments are settings.

    Raises:
        DataError: the file is empty, cannot be read, is not text, or has a single column.
    """
    try:
        with opened(path) as file:
            head = file.read(_SAMPLED_BYTES)
            is_whole = not file.read(1)
    except (EOFError, zlib.error) as error:
        raise DataError(f"failed to read {path} as CSV: {error}", "check the file") from error
    notes: list[str] = []
    if encoding is None:
        encoding = encoding_of(head, path, notes)
    text = _decoded(head, encoding, path, is_whole=is_whole)
    lines = list(_lines(text, is_whole=is_whole))
    skipped, found = _before_table(lines, notes, path)
    if separator is None:
        separator = found or _separator_of(lines[skipped:], default)
        if separator not in (default, found):
            notes.append(f"{path.name}: {_shown(separator)} is the separator")
    skipped += _blank_rows(lines[skipped:], separator)
    rows, header_lines = _rows(lines[skipped:], separator, path)
    if not rows:
        raise DataError(f"{path} is empty", "check the file")
    comments, rows, header_lines = _comments(lines[skipped:], rows, separator, header_lines, path)
    if comments:
        notes.append(f"{path.name}: {counted(comments, 'comment line')} before the table left out")
    _require_columns(rows, lines[skipped:], separator, path)
    return Dialect(encoding, separator, skipped + comments, header_lines, rows, tuple(notes))


def _require_columns(rows: Sequence[Sequence[str]], lines: Sequence[str], separator: str, path: Path) -> None:
    """Refuse a table with a single column, and refuse a title above the table."""
    widths = {len(row) for row in rows}
    if widths == {1}:
        raise DataError(
            f"{path} has only one column: expected {_shown(separator)} as separator",
            f"set another one: --set 'data.separator=\"{_rare_separator(lines)}\"'",
        )
    if len(rows[0]) == 1 and min(len(row) for row in rows[1:]) > 2:
        raise DataError(
            f"{path}: the first line {rows[0][0]!r:.60} has one cell, like a title", "remove the first line"
        )


def _rare_separator(lines: Sequence[str]) -> str:
    """Return a character that each of the first lines has equally often, else a semicolon."""
    shown = [line for line in lines[:_SCORED_LINES] if line.strip()]
    found = (sign for sign in _RARE_SEPARATORS if len({line.count(sign) for line in shown} - {0}) == 1)
    return next((sign for sign in found if all(sign in line for line in shown)), ";")


def opened(path: Path) -> IO[bytes]:
    """Open a file, which may be compressed."""
    return cast("IO[bytes]", gzip.open(path)) if path.suffix.lower() == ".gz" else path.open("rb")


def encoding_of(head: bytes, path: Path, notes: list[str]) -> str:
    """Detect the encoding from a file's first bytes. Add a note if it is not UTF-8.

    Raises:
        DataError: the file is not text.
    """
    mark = next((name for mark, name in _MARKS if head.startswith(mark)), None)
    if mark is not None:
        if mark != "utf-8-sig":
            notes.append(f"{path.name}: the encoding is {mark}, by its byte order mark")
        return mark
    if b"\0" in head:
        raise DataError(
            f"{path} is not text: it contains NUL bytes",
            "if it is UTF-16 without a byte order mark: --set data.encoding=utf-16-le",
        )
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return legacy_encoding(head, path, notes)
    return "utf-8"


def legacy_encoding(content: bytes, path: Path, notes: list[str]) -> str:
    """Return windows-1252 for bytes that are not UTF-8, if few letters are outside ASCII.

    Raises:
        DataError: many letters are outside ASCII, as in Greek or Russian text, so the encoding is unknown.
    """
    text = content.decode(_WINDOWS, errors="replace")
    letters = sum(map(str.isalpha, text))
    foreign = sum(not one.isascii() for one in text)
    if "\ufffd" in text or foreign > _MOST_FOREIGN * letters + 1:
        raise DataError(
            f"{path} is not UTF-8 text", "set its encoding, such as that of Russian: --set data.encoding=windows-1251"
        )
    notes.append(
        f"{path.name}: not UTF-8, read as {_WINDOWS}; if letters are wrong, set another one: --set data.encoding=NAME"
    )
    return _WINDOWS


def _decoded(head: bytes, encoding: str, path: Path, *, is_whole: bool) -> str:
    try:
        return codecs.getincrementaldecoder(encoding)().decode(head, is_whole)
    except UnicodeDecodeError as error:
        raise not_in_encoding(path, encoding) from error


def not_in_encoding(path: Path, encoding: str) -> DataError:
    """Return the error for bytes that are not valid in the encoding."""
    return DataError(f"{path} is not text in {encoding}", "set another encoding: --set data.encoding=windows-1252")


def _lines(text: str, *, is_whole: bool) -> Iterator[str]:
    """Yield the lines with their line endings. Leave out an incomplete last line."""
    lines = io.StringIO(text, newline="").readlines()
    yield from lines if is_whole or len(lines) < 2 else lines[:-1]


def _before_table(lines: Sequence[str], notes: list[str], path: Path) -> tuple[int, str | None]:
    """Count the blank and `sep=` lines before the table, and return the separator they set."""
    skipped, separator = 0, None
    for line in lines:
        bare = line.strip(" \r\n").strip('"')
        if bare.lower().startswith("sep=") and len(bare) == len("sep=") + 1 and separator is None:
            separator = bare[-1]
            notes.append(f"{path.name}: the line {bare} sets the separator")
        elif line.strip():
            break
        skipped += 1
    return skipped, separator


def _blank_rows(lines: Sequence[str], separator: str) -> int:
    """Return the number of lines of empty cells at the start."""
    blank = itertools.takewhile(lambda line: not line.replace(separator, "").replace('"', "").strip(), lines)
    return len(list(blank))


def _separator_of(lines: Sequence[str], default: str) -> str:
    """Return the separator that splits most lines into the same number of meaningful cells."""
    lines = [line for line in lines[:_SCORED_LINES] if line.strip() and not line.startswith("#")]
    text = "".join(lines)
    candidates = [sign for sign in dict.fromkeys((default, *_SEPARATORS)) if sign in text]
    if len(candidates) < 2:
        return candidates[0] if candidates else default
    # if two separators have the same score, use the first
    return max(candidates, key=lambda sign: _score(lines, sign))


def _score(lines: Sequence[str], separator: str) -> float:
    """Return the share of lines with the usual width, times the share of meaningful cells."""
    try:
        rows = list(csv.reader(lines, delimiter=separator))
    except csv.Error:
        return 0
    widths = [len(row) for row in rows]
    usual = max(set(widths), key=widths.count)
    if usual < 2:
        return 0
    others = [sign for sign in _SEPARATORS if sign != separator]
    cells = [cell for row in rows for cell in row]
    known = sum(
        not any(sign in cell for sign in others) or looks_like_number(cell) or looks_like_date(cell) for cell in cells
    )
    return widths.count(usual) / len(widths) * known / len(cells)


def _rows(lines: Sequence[str], separator: str, path: Path) -> tuple[list[list[str]], int]:
    """Return the first rows, and the number of lines of the first row."""
    reader = csv.reader(lines, delimiter=separator)
    rows: list[list[str]] = []
    header_lines = 0
    try:
        for row in reader:
            if not row:
                continue
            rows.append(row)
            header_lines = header_lines or reader.line_num
            if len(rows) == SAMPLED_ROWS:
                break
    except csv.Error as error:
        raise DataError(f"failed to read {path} as CSV: {error}", "check the file") from error
    return rows, header_lines


def _comments(
    lines: Sequence[str], rows: list[list[str]], separator: str, header_lines: int, path: Path
) -> tuple[int, list[list[str]], int]:
    """Return the number of comment lines at the start, and the rows after them.

    A first line with `#` and as many cells as the other lines is a header.
    """
    body = [row for row in rows if not row[0].startswith("#")]
    widths = [len(row) for row in body]
    usual = max(set(widths), key=widths.count) if widths else 0
    count = 0
    for line in lines:
        if line.startswith("#") and len(next(csv.reader([line], delimiter=separator))) != usual:
            count += 1
        elif line.strip():
            break
        else:
            count += 1
    if not count:
        return 0, [rows[0], *(row for row in rows[1:] if not _is_comment(row, usual))], header_lines
    rest, header_lines = _rows(lines[count:], separator, path)
    return count, [row for row in rest if not _is_comment(row, usual)], header_lines


def _is_comment(row: Sequence[str], usual: int) -> bool:
    return row[0].startswith("#") and len(row) != usual


def _shown(separator: str) -> str:
    return "a tab" if separator == "\t" else json.dumps(separator)


def spreadsheet_hint(path: Path) -> str:
    """Return the hint to convert a table in another program's format to CSV."""
    source, target = (json.dumps(text, ensure_ascii=False) for text in (str(path), f"{path.stem}.csv"))
    suffix = path.suffix.lower()
    reader, package = {
        ".xlsx": (f"read_excel({source})", "openpyxl"),
        ".xlsm": (f"read_excel({source})", "openpyxl"),
        ".xls": (f"read_excel({source})", "xlrd"),
        ".ods": (f"read_excel({source})", "odfpy"),
        ".json": (f"read_json({source})", ""),
        ".jsonl": (f"read_json({source}, lines=True)", ""),
        ".feather": (f"read_feather({source})", ""),
    }.get(suffix, ("", ""))
    if not reader:
        return "save the table as CSV, or as Parquet"
    program = f"import pandas; pandas.{reader}.to_csv({target}, index=False)"
    install = f"pip install {package} && " if package else ""
    return f"save it as CSV in its program, or: {install}python -c {shlex.quote(program)}"
