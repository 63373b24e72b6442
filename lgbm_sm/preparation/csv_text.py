"""Write an Arrow table as CSV, as Python's csv.writer does, but many times faster."""

import re
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

_CELLS_AT_ONCE = 250_000
_LEAST_ROWS_AT_ONCE = 1_000
_MOST_THREADS = 4  # more threads would wait for each other, because orjson holds Python's GIL
_QUOTED = re.compile(r'[,"\r\n]')
# outside this range, orjson and repr write the same float differently: 1e-7 and 1e-07; 1e16 (old orjson) and 1e+16
_LEAST_ALIKE, _MOST_ALIKE = 1e-4, 1e16


def csv_blocks(table: "pa.Table") -> Iterator["pa.Buffer"]:
    """Yield the rows of a table of numbers and text as CSV in UTF-8, without header.

    Floats are written in the shortest form that reads back as the same number. Missing cells are empty.
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
    # readers skip an empty line, so a missing cell in a single column is written as quotes
    missing = '""' if len(columns) == 1 else ""
    lines = pc.binary_join_element_wise(*columns, comma, null_handling="replace", null_replacement=missing)
    # the join writes newlines only between items: the empty item adds the newline after the last row
    rows = pa.concat_arrays([lines, pa.array([""], lines.type)])
    content: pa.Buffer = pc.binary_join(pa.LargeListArray.from_arrays([0, len(rows)], rows), newline)[0].as_buffer()
    return content


def _texts(cells: "pa.Array") -> "pa.Array":
    """Return the text of each cell. Null is a missing cell."""
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
