"""The text of an Arrow table as CSV, equal to that of Python's csv.writer and many times as fast."""

import re
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

_CELLS_AT_ONCE = 250_000
_LEAST_ROWS_AT_ONCE = 1_000
_MOST_THREADS = 4  # more would wait for each other, since orjson does not release Python's lock
_QUOTED = re.compile(r'[,"\r\n]')
# beyond, orjson and repr write other texts for the same float: 1e-7 and 1e-07; 1e16 in old versions, and 1e+16
_LEAST_ALIKE, _MOST_ALIKE = 1e-4, 1e16


def csv_blocks(table: "pa.Table") -> Iterator["pa.Buffer"]:
    """Yield the rows of a table as CSV in UTF-8, without header; the columns are numbers and text.

    Integers are written as integers, floats in the shortest form that reads back the same, missing cells as empty ones.
    """
    import pyarrow as pa

    rows = max(_LEAST_ROWS_AT_ONCE, _CELLS_AT_ONCE // table.num_columns)
    threads = min(pa.cpu_count(), _MOST_THREADS)
    with ThreadPoolExecutor(threads) as pool:
        # few at once, so that a table's text does not fill the memory
        pending: deque[Future[pa.Buffer]] = deque()
        for start in range(0, table.num_rows, rows):
            pending.append(pool.submit(_block, table.slice(start, rows)))
            if len(pending) > threads:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


def _block(table: "pa.Table") -> "pa.Buffer":
    import pyarrow as pa
    import pyarrow.compute as pc

    comma, newline = (pa.scalar(text, pa.large_string()) for text in (",", "\n"))
    columns = [_texts(column.combine_chunks()) for column in table.columns]
    # an empty line would be no row
    missing = '""' if len(columns) == 1 else ""
    lines = pc.binary_join_element_wise(*columns, comma, null_handling="replace", null_replacement=missing)
    # the last row is empty, so that a newline is written after the last but one
    rows = pa.concat_arrays([lines, pa.array([""], lines.type)])
    content: pa.Buffer = pc.binary_join(pa.LargeListArray.from_arrays([0, len(rows)], rows), newline)[0].as_buffer()
    return content


def _texts(cells: "pa.Array") -> "pa.Array":
    """Return the text of each cell; null is a missing one."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_string(cells.type) or pa.types.is_large_string(cells.type):
        return _quoted(cells.cast(pa.large_string()))
    texts = _number_texts(cells.fill_null(0).to_numpy())
    return pc.if_else(cells.is_valid(), texts, None) if cells.null_count else texts


def _quoted(cells: "pa.Array") -> "pa.Array":
    import pyarrow as pa

    distinct = cells.dictionary_encode()
    texts = distinct.dictionary.to_pylist()
    if not any(map(_QUOTED.search, texts)):
        return cells
    quoted = ['"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text for text in texts]
    return pa.array(quoted, cells.type).take(distinct.indices)


def _number_texts(numbers: Any) -> "pa.Array":
    import numpy as np
    import orjson
    import pyarrow as pa
    import pyarrow.compute as pc

    listed = orjson.dumps(numbers, option=orjson.OPT_SERIALIZE_NUMPY).decode()
    texts = pc.split_pattern(pa.scalar(listed[1:-1], pa.large_string()), ",").values
    if numbers.dtype.kind != "f":
        return texts
    sizes = np.abs(numbers)
    unlike = ~((sizes >= _LEAST_ALIKE) & (sizes < _MOST_ALIKE) | (sizes == 0))
    if not unlike.any():
        return texts
    exact = pa.array(map(repr, numbers[unlike].tolist()), texts.type)
    return pc.replace_with_mask(texts, pa.array(unlike), exact)
