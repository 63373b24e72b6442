"""A table of requests with their required answers. It is the same for all servers."""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import nan

from tests.contract.models import BINARY, BOSTON_NAMES, MULTICLASS, REGRESSION

LIMIT_BYTES = 25 * 1024 * 1024
CSV = "text/csv"
JSON = "application/json"
JSON_LINES = "application/jsonlines"


@dataclass(frozen=True)
class Case:
    """A request to POST /invocations.

    `rows` is the matrix that the booster must get: codes for categories, NaN for missing cells. `output` is the
    requested output. `answer` is the required content type. `attributes` are the required custom attributes. If the
    status is not 200, `error` has required members of the JSON error, and `says` has parts of its message.
    """

    name: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    model: str = REGRESSION
    status: int = 200
    rows: Sequence[Sequence[float]] = ()
    output: str = "prediction"
    answer: str = CSV
    attributes: str | None = None
    error: Mapping[str, object] = field(default_factory=dict)
    says: Sequence[str] = ()


FIRST = [0.5, 18.0, 2.31, 0.0, 0.538, 6.575, 65.2, 4.09, 1.0, 296.0, 15.3, 396.9, 4.98]
SECOND = [-1.25e1, 0.0, 7.07, nan, 0.469, 6.421, 78.9, 4.9671, 2.0, 242.0, 17.8, 396.9, 9.14]
LINE = ",".join(map(repr, FIRST)).encode()
SECOND_LINE = ",".join("" if math.isnan(value) else repr(value) for value in SECOND).encode()
RECORD = dict(zip(BOSTON_NAMES, FIRST, strict=True))
REVERSED = list(reversed(BOSTON_NAMES))
IRIS = [5.1, 3.5, 1.4, 0.2]
IRIS_LINE = b"5.1,3.5,1.4,0.2"
ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"


def _typed(content_type: str, **others: str) -> dict[str, str]:
    return {"Content-Type": content_type, **{name.replace("_", "-"): value for name, value in others.items()}}


def _json(document: object) -> bytes:
    return json.dumps(document).encode()


def _without(index: int) -> bytes:
    return b",".join(cell for position, cell in enumerate(LINE.split(b",")) if position != index)


def _with(cell: bytes, index: int = 0) -> bytes:
    cells = LINE.split(b",")
    cells[index] = cell
    return b",".join(cells)


ONE = [FIRST]
TWO = [FIRST, SECOND]
TWO_LINES = LINE + b"\n" + SECOND_LINE
NAMED = ",".join(REVERSED).encode() + b"\n" + ",".join(repr(RECORD[name]) for name in REVERSED).encode()

GOOD_CSV = [
    Case("one row", LINE, _typed(CSV), rows=ONE),
    Case("one row with a line feed", LINE + b"\n", _typed(CSV), rows=ONE),
    Case("no content type", LINE, rows=ONE),
    Case("two rows, a missing cell", TWO_LINES, _typed(CSV), rows=TWO),
    Case("CRLF and empty lines at the end", TWO_LINES.replace(b"\n", b"\r\n") + b"\r\n\r\n", _typed(CSV), rows=TWO),
    Case("a byte order mark", b"\xef\xbb\xbf" + LINE, _typed(CSV), rows=ONE),
    Case("charset", LINE, _typed("text/csv; charset=utf-8"), rows=ONE),
    Case("charset in quotes and capitals", LINE, _typed('Text/CSV;Charset="UTF-8"'), rows=ONE),
    Case("another charset", LINE.decode().encode("utf-16"), _typed("text/csv; charset=utf-16"), rows=ONE),
    Case("quoted cells", b'"' + LINE.replace(b",", b'","') + b'"', _typed(CSV), rows=ONE),
    Case("blanks round numbers", LINE.replace(b",", b" , "), _typed(CSV), rows=ONE),
    Case("named columns in another order", NAMED, _typed(CSV), rows=ONE),
    Case("named columns, announced", NAMED, _typed("text/csv; header=present"), rows=ONE),
    Case(
        "named columns in quotes, announced",
        b'"' + NAMED.partition(b"\n")[0].replace(b",", b'","') + b'"\n' + NAMED.partition(b"\n")[2],
        _typed("text/csv; header=present"),
        rows=ONE,
    ),
    Case("no names, announced", LINE, _typed("text/csv; header=absent"), rows=ONE),
    Case("NA", _with(b"NA", 3), _typed(CSV), rows=[[*FIRST[:3], nan, *FIRST[4:]]]),
    Case("nan, NaN, null", b"nan,NaN,null," + LINE.split(b",", 3)[3], _typed(CSV), rows=[[nan, nan, nan, *FIRST[3:]]]),
    Case("a hundred rows", b"\n".join([TWO_LINES] * 50), _typed(CSV), rows=TWO * 50),
    Case("a hundred rows without a gap", b"\n".join([LINE] * 100), _typed(CSV), rows=ONE * 100),
    Case("identity encoding", LINE, _typed(CSV, Content_Encoding="identity"), rows=ONE),
]
GOOD_JSON = [
    Case("JSON row", _json(FIRST), _typed(JSON), rows=ONE),
    Case("JSON rows, null", _json([FIRST, [None if math.isnan(v) else v for v in SECOND]]), _typed(JSON), rows=TWO),
    Case("JSON record", _json(RECORD), _typed(JSON), rows=ONE),
    Case("JSON records in another order", _json([{n: RECORD[n] for n in REVERSED}] * 2), _typed(JSON), rows=ONE * 2),
    Case("JSON instances", _json({"instances": [FIRST]}), _typed("application/json; charset=utf-8"), rows=ONE),
    Case("JSON instances, records", _json({"instances": [RECORD]}), _typed(JSON), rows=ONE),
    Case("JSON instances, features", _json({"instances": [{"features": FIRST}]}), _typed(JSON), rows=ONE),
    Case("JSON, a byte order mark", b"\xef\xbb\xbf" + _json(FIRST), _typed(JSON), rows=ONE),
    Case("JSON lines", _json(FIRST) + b"\n" + _json(RECORD) + b"\n", _typed(JSON_LINES), rows=ONE * 2),
    Case("JSON lines by another name", _json(FIRST), _typed("application/x-jsonlines"), rows=ONE),
]
_SPLIT = {"columns": REVERSED, "data": [[RECORD[name] for name in REVERSED]] * 2}
SHAPES = {
    "pandas split": _SPLIT,
    "pandas split, index": {**_SPLIT, "index": [7, 8]},
    "pandas columns": {name: {"7": RECORD[name], "8": RECORD[name]} for name in REVERSED},
    "columns of lists": {name: [RECORD[name]] * 2 for name in REVERSED},
    "inputs, rows": {"inputs": [FIRST] * 2},
    "inputs, records": {"inputs": [RECORD] * 2},
    "inputs, columns": {"inputs": {name: [RECORD[name]] * 2 for name in REVERSED}},
    "dataframe_split": {"dataframe_split": _SPLIT},
    "dataframe_records": {"dataframe_records": [RECORD] * 2},
    "data, rows": {"data": [FIRST] * 2},
    "data, records": {"data": [RECORD] * 2},
    "instances, mixed": {"instances": [RECORD, FIRST]},
}
BAD_SHAPES: Mapping[str, tuple[object, list[str]]] = {
    "a number": (3, ["[[1.5, 1.5, ...]]", '[{"CRIM": 1.5, "ZN": 1.5, ...}]']),
    "wrapped number": ({"inputs": 3}, ["inputs must be", '[{"CRIM": 1.5, "ZN": 1.5, ...}]']),
    "keys next to inputs": ({"inputs": [FIRST], "params": {}}, ["inputs: params"]),
    "split, twice": ({"columns": [*BOSTON_NAMES, "CRIM"], "data": [[*FIRST, 1]]}, ["more than once: CRIM"]),
    "split, other": ({"columns": [*BOSTON_NAMES[1:], "x"], "data": [FIRST]}, ["missing: CRIM", "unexpected: x"]),
    "split, short": ({"columns": BOSTON_NAMES, "data": [FIRST, FIRST[1:]]}, ["row 2 has 12 values"]),
    "split, empty": ({"columns": BOSTON_NAMES, "data": []}, ["no rows"]),
    "split, no rows": ({"columns": BOSTON_NAMES, "data": {}}, ["data must be a list of rows"]),
    "split, numbers": ({"columns": list(range(13)), "data": [FIRST]}, ["columns must be a list of names"]),
    "columns, missing": ({name: [1.0] for name in BOSTON_NAMES[1:]}, ["missing: CRIM"]),
    "columns, more": ({**{name: [1.0] for name in BOSTON_NAMES}, "x": [1]}, ["unexpected: x"]),
    "columns, uneven": ({**{name: [1.0] for name in BOSTON_NAMES}, "ZN": [1, 2]}, ["column ZN has 2 cells"]),
    "columns, other rows": ({**{n: {"0": 1} for n in BOSTON_NAMES}, "ZN": {"1": 1}}, ["ZN has other rows"]),
    "columns, a cell": ({**{name: [1.0] for name in BOSTON_NAMES}, "ZN": 1}, ["column ZN"]),
    "columns, empty": ({name: [] for name in BOSTON_NAMES}, ["no rows"]),
}
JSON_SHAPES = [Case(f"JSON {name}", _json(body), _typed(JSON), rows=ONE * 2) for name, body in SHAPES.items()] + [
    Case(f"wrong JSON {name}", _json(body), _typed(JSON), status=400, says=says)
    for name, (body, says) in BAD_SHAPES.items()
]
TSV = "text/tab-separated-values"
TABS = [
    Case("TSV", TWO_LINES.replace(b",", b"\t"), _typed(TSV), rows=TWO),
    Case("TSV, named columns", NAMED.replace(b",", b"\t") + b"\n", _typed(TSV), rows=ONE),
    Case("TSV, quoted", b'"' + LINE.replace(b",", b'"\t"') + b'"\r\n', _typed(TSV), rows=ONE),
    Case("TSV, Accept", IRIS_LINE, _typed(CSV, Accept=TSV), MULTICLASS, rows=[IRIS], answer=TSV),
    Case("TSV with commas", LINE, _typed(TSV), status=400),
    Case("TSV, an open quote", b'"' + LINE.replace(b",", b"\t"), _typed(TSV), status=400, says=["line 1", "TSV"]),
]
_ZIPPED = gzip.compress(TWO_LINES, mtime=0)
_BOMB = gzip.compress(b"1" * (LIMIT_BYTES + 1), mtime=0)
# with the header, any server can read the body; without it, an image that decodes text types first damages the body
COMPRESSED = [
    Case("gzip", _ZIPPED, _typed(CSV, Content_Encoding="gzip"), rows=TWO),
    Case("gzip without a header", _ZIPPED, _typed(CSV), rows=TWO),
    Case("gzip, JSON", gzip.compress(_json([FIRST])), _typed(JSON), rows=ONE),
    Case("gzip, two members", _ZIPPED + gzip.compress(b"\n" + LINE), _typed(CSV), rows=[*TWO, FIRST]),
    Case("gzip, truncated", _ZIPPED[:-3], _typed(CSV), status=400, says=["truncated"]),
    Case("gzip, garbage at the end", _ZIPPED + b"x", _typed(CSV), status=400, says=["gzip"]),
    Case("gzip, many members", gzip.compress(b"") * 1000, _typed(CSV), status=400, says=["members"]),
    Case("gzip, a wrong checksum", _ZIPPED[:-8] + b"\0" * 8, _typed(CSV), status=400, says=["gzip"]),
    Case("gzip, over 25 MB", _BOMB, _typed(CSV), status=413, says=[str(LIMIT_BYTES)]),
    Case("gzip announced, not sent", LINE, _typed(CSV, Content_Encoding="gzip"), status=400, says=["gzip"]),
    Case("another compression", LINE, _typed(CSV, Content_Encoding="br"), status=415, says=["br", "gzip"]),
]
CATEGORIES = [
    Case("text levels", b"50,red,10\n20,blue,30", _typed(CSV), BINARY, rows=[[50, 1, 0], [20, 0, 2]]),
    Case("a level with quotes", '3,"vert d\'eau, „hell“",20.50'.encode(), _typed(CSV), BINARY, rows=[[3, 2, 1]]),
    Case("missing levels", b",,", _typed(CSV), BINARY, rows=[[nan, nan, nan]]),
    Case(
        "unseen categories",
        "50,purple,10\n1,gr\u00fcn,11".encode(),
        _typed(CSV),
        BINARY,
        rows=[[50, nan, 0], [1, nan, nan]],
        attributes="unseen_categories=colour:purple|colour:gr%C3%BCn|size:11",
    ),
    Case(
        "JSON levels",
        _json([[50, "red", 10.0], [None, None, 30]]),
        _typed(JSON),
        BINARY,
        rows=[[50, 1, 0], [nan, nan, 2]],
    ),
    Case(
        "JSON levels by name", _json({"size": 20.5, "age": 1, "colour": "blue"}), _typed(JSON), BINARY, rows=[[1, 0, 1]]
    ),
    Case(
        "a number as text level",
        _json([1, 7, 10]),
        _typed(JSON),
        BINARY,
        rows=[[1, nan, 0]],
        attributes="unseen_categories=colour:7",
    ),
    Case("text in a numeric category", b"1,red,large", _typed(CSV), BINARY, 400, error={"row": 1, "column": "size"}),
    Case("three classes", IRIS_LINE, _typed(CSV), MULTICLASS, rows=[IRIS]),
    Case("three classes as JSON", IRIS_LINE, _typed(CSV, Accept=JSON), MULTICLASS, rows=[IRIS], answer=JSON),
]
ACCEPT = [
    Case(f"Accept {accept!r}", TWO_LINES, _typed(CSV, Accept=accept), rows=TWO, answer=answer)
    for accept, answer in {
        "*/*": CSV,
        "": CSV,
        "text/csv": CSV,
        "text/*": CSV,
        "application/json": JSON,
        "application/*": JSON,
        "application/jsonlines": JSON_LINES,
        "application/jsonl": "application/jsonl",
        "application/json; charset=utf-8": JSON,
        "text/html, application/json;q=0.9, */*;q=0.8": JSON,
        "text/csv;q=0.5, application/json": JSON,
        "application/json, text/csv": JSON,
        "text/csv;q=0, */*": JSON,
        "*; q=.2": CSV,
    }.items()
]
OUTPUTS = [
    Case(
        f"{model} {output} as {answer}",
        body,
        _typed(CSV, Accept=answer, **{ATTRIBUTES: f"trace=1, output={output}"}),
        model,
        rows=rows,
        output=output,
        answer=answer,
    )
    for model, body, rows, outputs in (
        (REGRESSION, TWO_LINES, TWO, ("prediction", "raw_score", "leaf_index", "contributions")),
        (
            BINARY,
            b"50,red,10\n20,blue,30",
            [[50.0, 1.0, 0.0], [20.0, 0.0, 2.0]],
            ("prediction", "raw_score", "probabilities", "label", "leaf_index", "contributions"),
        ),
        (
            MULTICLASS,
            IRIS_LINE + b"\n-1,-2,0,0",
            [IRIS, [-1.0, -2.0, 0.0, 0.0]],
            ("prediction", "raw_score", "probabilities", "label", "leaf_index", "contributions"),
        ),
    )
    for output in outputs
    for answer in (CSV, JSON, JSON_LINES)
]
BAD_TABLES = [
    Case("empty body", b"", _typed(CSV), status=400, says=["empty"]),
    Case("line feeds only", b"\n\n", _typed(CSV), status=400),
    Case("header only", ",".join(BOSTON_NAMES).encode(), _typed(CSV), status=400, says=["no rows"]),
    Case("ragged rows", LINE + b"\n" + LINE + b",1\n", _typed(CSV), status=400, error={"row": 2}, says=["14", "13"]),
    Case("an empty line in between", LINE + b"\n\n" + LINE, _typed(CSV), status=400, error={"row": 2}),
    Case("12 of 13 columns", _without(12), _typed(CSV), status=400, error={"row": 1}, says=["12", "13"]),
    Case("14 columns", LINE + b",1", _typed(CSV), status=400, error={"row": 1}, says=["14", "13"]),
    Case("one number", b"1", _typed(CSV), status=400, says=["13"]),
    *(
        Case(f"cell {cell!r}", LINE + b"\n" + _with(cell), _typed(CSV), status=400, error={"row": 2, "column": "CRIM"})
        for cell in (
            b"abc",
            b"1_0",
            b"0x10",
            b"inf",
            b"-Infinity",
            b"1e999",
            b"1;2",
            b"True",
            "\u0661".encode(),
            b"1\x00",
            b"--1",
        )
    ),
    Case(
        "one row with an infinite number",
        _with(b"1e999", 3),
        _typed(CSV),
        status=400,
        error={"row": 1, "column": "CHAS"},
    ),
    Case("one row with a truth value", _with(b"true"), _typed(CSV), status=400, error={"row": 1, "column": "CRIM"}),
    Case(
        "the row counts from the header",
        NAMED + b"\n" + b"x" + b",1" * 12,
        _typed(CSV),
        status=400,
        error={"row": 2, "column": "LSTAT"},
    ),
    Case(
        "a name is missing",
        ",".join(BOSTON_NAMES[1:]).encode() + b"\n" + _without(0),
        _typed(CSV),
        status=400,
        says=["missing: CRIM"],
    ),
    Case(
        "a strange name",
        NAMED.replace(b"CRIM", b"CRIME"),
        _typed(CSV),
        status=400,
        says=["missing: CRIM", "unexpected: CRIME"],
    ),
    Case(
        "a name twice", NAMED.replace(b"ZN", b"RM"), _typed(CSV), status=400, says=["missing: ZN", "more than once: RM"]
    ),
    Case("announced names are none", TWO_LINES, _typed("text/csv; header=present"), status=400, says=["missing"]),
    Case("denied names", NAMED, _typed("text/csv; header=absent"), status=400, error={"row": 1, "column": "CRIM"}),
    Case("a quote that does not end", b'"1' + LINE, _typed(CSV), status=400, says=["CSV"]),
    Case("not UTF-8", b"\xff\xfe" + LINE, _typed(CSV), status=400, says=["utf-8"]),
]
BAD_JSON = [
    Case(f"JSON {body[:24]!r}", body, _typed(JSON), status=400)
    for body in (
        b"",
        b"[",
        b"[]",
        b"[[]]",
        b"{}",
        b"1",
        b"null",
        b'"text"',
        b"[1,2]",
        b'{"instances": []}',
        b'{"instances": [1,2]}',
        b'{"instances": 3}',
        b'{"CRIM": 1}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[NaN]",
        b"[Infinity]",
        _json([*FIRST[:12], True]),
        _json([*FIRST[:12], "4.98"]),
        _json([*FIRST[:12], [1]]),
        _json([*FIRST[:12], {}]),
        _json([FIRST, FIRST[:12]]),
        _json([FIRST, RECORD, 3]),
        b"[" + b"9" * 10_000 + b"]",
        b"[" + b"9" * 10_000 + b",1" * 12 + b"]",
        _json(RECORD)[:-1] + b', "CRIM": 3}',
        _json({**RECORD, "more": 1}),
        _json({"instances": [FIRST], "more": 1}),
    )
] + [
    Case(
        "JSON text in a cell",
        _json([FIRST, [*FIRST[:12], "x"]]),
        _typed(JSON),
        status=400,
        error={"row": 2, "column": "LSTAT"},
    ),
    Case("JSON lines, the second is none", _json(FIRST) + b"\n{", _typed(JSON_LINES), status=400, error={"row": 2}),
    Case(
        "JSON lines with a gap", _json(FIRST) + b"\n\n" + _json(FIRST), _typed(JSON_LINES), status=400, error={"row": 2}
    ),
]
REFUSED = [
    Case("unknown content type", LINE, _typed("text/html"), status=415, says=["text/csv", "application/json"]),
    Case("libsvm", b"0 1:1", _typed("text/libsvm"), status=415),
    Case("no content type at all", LINE, _typed("csv"), status=415),
    Case("unknown charset", LINE, _typed("text/csv; charset=klingon"), status=415, says=["klingon"]),
    Case("a codec that is no charset", b"MQ==", _typed("text/csv; charset=base64"), status=415),
    Case("a codec for host names", LINE, _typed("text/csv; charset=idna"), status=415, says=["idna"]),
    Case("a strange header parameter", LINE, _typed("text/csv; header=maybe"), status=400),
    Case(
        "nothing acceptable",
        LINE,
        _typed(CSV, Accept="text/html, image/*"),
        status=406,
        says=["text/csv", "application/json"],
    ),
    Case("everything refused", LINE, _typed(CSV, Accept="*/*;q=0"), status=406),
    Case("unknown output", LINE, _typed(CSV, **{ATTRIBUTES: "output=magic"}), status=400, says=["magic", "raw_score"]),
    Case(
        "probabilities of a number",
        LINE,
        _typed(CSV, **{ATTRIBUTES: "output=probabilities"}),
        status=400,
        says=["raw_score"],
    ),
    Case("two outputs", LINE, _typed(CSV, **{ATTRIBUTES: "output=raw_score,output=prediction"}), status=400),
    Case("over 25 MB", b"1" * (LIMIT_BYTES + 1), _typed(CSV), status=413, says=[str(LIMIT_BYTES)]),
]
OTHER_ATTRIBUTES = [
    Case("attributes of others", LINE, _typed(CSV, **{ATTRIBUTES: "trace_id=1;c\u00e4se=x, outputs=magic"}), rows=ONE),
]
CASES = [
    *GOOD_CSV,
    *GOOD_JSON,
    *JSON_SHAPES,
    *TABS,
    *COMPRESSED,
    *CATEGORIES,
    *ACCEPT,
    *OUTPUTS,
    *BAD_TABLES,
    *BAD_JSON,
    *REFUSED,
    *OTHER_ATTRIBUTES,
]
