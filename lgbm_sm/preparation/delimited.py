"""Read a text file with separated cells (CSV, TSV) as an Arrow table."""

import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lgbm_sm.errors import DataError
from lgbm_sm.preparation.dialect import Dialect, legacy_encoding, not_in_encoding, opened
from lgbm_sm.preparation.row_counter import ReportStatus, RowCounter, no_status
from lgbm_sm.wording import counted

if TYPE_CHECKING:
    import pyarrow as pa

_ARROW_BLOCK_BYTES = 1 << 24  # each row must end within two of Arrow's blocks
_SCANNED_BYTES = 1 << 24
# a comma before exactly three digits may separate thousands, so it does not count as decimal
_DECIMAL_COMMA = re.compile(r"\s*[-+]?([0-9]+,([0-9]{1,2}|[0-9]{4,})|[0-9]{1,3}(\.[0-9]{3})+,[0-9]+)\s*")
# in such a number, the point may be a decimal point or separate thousands
_DOUBTFUL = r"^\s*([-+]?[1-9][0-9]{0,2}(\.[0-9]{3})?|0)\s*$"
_LEADING_ZERO = r"^\s*[-+]?0[0-9xX]"


class Delimited:
    """A text file with a known dialect. `named` is true if the first row has the column names."""

    def __init__(self, path: Path, dialect: Dialect, status: ReportStatus = no_status, *, named: bool) -> None:
        self.notes: list[str] = []
        self.doubtful: set[str] = set()
        self._path = path
        self._dialect = dialect
        self._status = status
        self._encoding = dialect.encoding
        self._comments = 0
        self._named = named
        self._index_name = ""
        self.names, self._has_own_names = self._choose_names()

    def read(self, texts: Collection[str]) -> "pa.Table":
        """Return the table. Arrow detects the types, except for columns that stay text.

        Raises:
            DataError: the rows have different lengths, or the file is not text in its encoding.
        """
        import pyarrow as pa

        table = self._cells(texts)
        if self._dialect.is_utf8 and any(pa.types.is_binary(column.type) for column in table.columns):
            with opened(self._path) as file:
                self._encoding = legacy_encoding(file.read(), self._path, self.notes)
            table = self._cells(texts)
        if self._comments:
            self.notes.append(f"{self._path.name}: {counted(self._comments, 'comment line')} left out")
        return self._without_extra_columns(self._with_doubtful(self._with_leading_zeros(table)))

    def _choose_names(self) -> tuple[list[str], bool]:
        """Return the column names, and whether they differ from the cells of the first row."""
        first, *below = self._dialect.rows
        widths = [len(row) for row in below] or [len(first)]
        usual = max(set(widths), key=widths.count)
        if not self._named:
            return [f"Column_{position}" for position in range(usual)], True
        if usual != len(first) + 1 or len(below) < 2:
            return list(first), False
        if all(not row[-1].strip() for row in below if len(row) == usual):
            return [*first, ""], True
        self._index_name = _unused("row name", first)
        return [self._index_name, *first], True

    def _cells(self, texts: Collection[str], only: Sequence[str] = ()) -> "pa.Table":
        import pyarrow as pa
        import pyarrow.csv

        self._comments = 0
        header_lines = self._dialect.header_lines if self._named else 0
        positions = [str(position) for position in range(len(self.names))]
        as_text = {positions[place]: pa.string() for place, name in enumerate(self.names) if name in texts}
        try:
            with self._stream() as stream:
                table = pyarrow.csv.read_csv(
                    RowCounter(stream, self._path.name, self._status),
                    # with one thread, errors have line numbers; columns get positions as names, because a name can
                    # occur twice
                    read_options=pyarrow.csv.ReadOptions(
                        use_threads=False,
                        block_size=_ARROW_BLOCK_BYTES,
                        skip_rows=self._dialect.skipped + header_lines,
                        column_names=positions,
                        encoding="utf8" if self._encoding in ("utf-8", "utf-8-sig") else self._encoding,
                    ),
                    parse_options=pyarrow.csv.ParseOptions(
                        delimiter=self._dialect.separator, newlines_in_values=True, invalid_row_handler=self._odd_row
                    ),
                    # texts such as NA, true and false stay text, because their meaning depends on the column
                    convert_options=pyarrow.csv.ConvertOptions(
                        null_values=[""],
                        strings_can_be_null=True,
                        true_values=[],
                        false_values=[],
                        column_types=as_text,
                        include_columns=[positions[self.names.index(name)] for name in only],
                    ),
                )
        except pa.ArrowException as error:
            raise DataError(f"{self._path}: {error}", "give each row as many cells as the first") from error
        except UnicodeDecodeError as error:
            raise not_in_encoding(self._path, self._encoding) from error
        return table.rename_columns(list(only) or self.names)

    def _stream(self) -> Any:
        import pyarrow as pa

        # Arrow itself only takes a lower-case .gz for a compressed file
        return pa.input_stream(self._path, compression="gzip" if self._path.suffix.lower() == ".gz" else None)

    def _odd_row(self, row: Any) -> str:
        if row.text.startswith("#"):
            self._comments += 1
            return "skip"
        return "error"

    def _with_leading_zeros(self, table: "pa.Table") -> "pa.Table":
        """Convert integers to text if a column has a leading zero (01) or 0x1F."""
        import pyarrow as pa
        import pyarrow.compute as pc

        integers = [field.name for field in table.schema if pa.types.is_integer(field.type)]
        integers = [name for name in integers if self.names.count(name) == 1]
        if not integers or not self._may_have_leading_zeros():
            return table
        texts = self._cells(integers, integers)
        for name in integers:
            if pc.any(pc.match_substring_regex(texts[name], _LEADING_ZERO)).as_py():
                table = table.set_column(self.names.index(name), name, texts[name])
        return table

    def _with_doubtful(self, table: "pa.Table") -> "pa.Table":
        """Convert columns to text if their points may separate thousands.

        Such columns exist only in a table that has decimal commas in other columns.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        below = self._dialect.rows[self._named :]
        if not any(_DECIMAL_COMMA.fullmatch(cell) for row in below for cell in row):
            return table
        positions = [
            position
            for position, field in enumerate(table.schema)
            if pa.types.is_floating(field.type) and self.names.count(field.name) == 1
        ]
        pattern = re.compile(_DOUBTFUL)
        names = [
            self.names[position]
            for position in positions
            if all(pattern.match(row[position]) for row in below if len(row) > position and row[position].strip())
        ]
        texts = self._cells(names, names) if names else None
        for name in names:
            if texts is not None and pc.all(pc.match_substring_regex(texts[name], _DOUBTFUL)).as_py():
                self.doubtful.add(name)
                table = table.set_column(self.names.index(name), name, texts[name])
        return table

    def _may_have_leading_zeros(self) -> bool:
        """Return whether a cell may begin with a zero and another digit.

        Some dates and times also match.
        """
        import numpy as np

        if self._encoding.startswith(("utf-16", "utf-32")):
            return True
        starts = np.zeros(256, bool)
        starts[list(b'\n\r" +-' + self._dialect.separator.encode())] = True
        digits = np.zeros(256, bool)
        digits[list(b"0123456789xX")] = True
        for block in self._blocks():
            bytes_ = np.frombuffer(block, np.uint8)
            zeros = np.flatnonzero(bytes_[1:-1] == ord("0"))
            if np.any(starts[bytes_[zeros]] & digits[bytes_[zeros + 2]]):
                return True
        return False

    def _blocks(self) -> Iterator[bytes]:
        """Yield blocks of the file. Each begins with the last two bytes of the block before it."""
        with opened(self._path) as file:
            end = b"\n"
            while block := file.read(_SCANNED_BYTES):
                yield end + block
                end = block[-2:]

    def _without_extra_columns(self, table: "pa.Table") -> "pa.Table":
        import pyarrow as pa

        name = self._path.name
        if self._index_name:
            self.notes.append(f"{name}: the first column, which has no name, contains names of rows and is left out")
            table = table.drop_columns([self._index_name])
        last = table.num_columns - 1
        is_empty = pa.types.is_null(table.column(last).type)
        if is_empty and last > 0 and (not self._named or not table.column_names[last].strip()):
            self.notes.append(f"{name}: each line ends with a separator; the empty column after it is left out")
            table = table.remove_column(last)
        return table


def _unused(name: str, names: Collection[str]) -> str:
    while name in names:
        name += "_"
    return name
