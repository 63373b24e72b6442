"""A value means the same in a CSV table, a Parquet table, a JSON request and a CSV request."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from lgbm_runtime.core.decoding import decode
from lgbm_runtime.core.schema import Schema
from tests.preparation.data_project import DataProject

REPEATS = 8
Codes = list[float | None]

# cells of a CSV table; the same in Parquet; the settings; the spellings in requests; what they mean to the model
KINDS: dict[str, tuple[list[str], list[Any], dict[str, Any], list[str]]] = {
    "booleans": (["true", "False", "TRUE", ""], [True, False, True, None], {}, ["True", "false", "true", ""]),
    "yes and no": (["yes", "no", "yes", ""], ["yes", "no", "yes", None], {}, ["YES", "No", "yes", ""]),
    "text": (["NA", "None", "b", ""], ["NA", "None", "b", None], {}, ["NA", "None", "b", ""]),
    "leading zeros": (["01", "1", "001", ""], ["01", "1", "001", None], {}, ["01", "1", "001", ""]),
    "integer categories": (["1", "2", "3", ""], [1, 2, 3, None], {"categorical": ["x"]}, ["1.0", "2", "3", ""]),
    "integers": (["10", "-2", "3", "NA"], [10, -2, 3, None], {}, ["10.0", "-2", "3", "NA"]),
    "numbers": (["1.5", "2.5e3", "-3", "?"], [1.5, 2500.0, -3.0, None], {}, ["1.50", "2500", "-3.0", "?"]),
    "decimal commas": (["1,5", "2,75", "3", ""], ["1,5", "2,75", "3", ""], {}, ["1.5", "2.75", "3", ""]),
    "sentinels": (
        ["1.5", "2", "-999", ""],
        [1.5, 2.0, -999.0, None],
        {"missing": {"x": ["-999"]}},
        ["1.5", "2", "-999.0", ""],
    ),
}
MEANINGS: dict[str, Codes] = {
    "booleans": [1, 0, 1, None],
    "yes and no": [1, 0, 1, None],
    "text": [0, 1, 2, None],
    "leading zeros": [1, 2, 0, None],
    "integer categories": [0, 1, 2, None],
    "integers": [10, -2, 3, None],
    "numbers": [1.5, 2500, -3, None],
    "decimal commas": [1.5, 2.75, 3, None],
    "sentinels": [1.5, 2, None, None],
}


def prepared(folder: Path, cells: Sequence[Any], settings: dict[str, Any], *, as_csv: bool) -> DataProject:
    """A project with the column x, a row number and a target."""
    folder.mkdir()
    project = DataProject(folder)
    rows = len(cells) * REPEATS
    columns = {
        "row": [row + 0.5 for row in range(rows)],
        "x": [*cells] * REPEATS,
        "y": [row / 2 for row in range(rows)],
    }
    if as_csv:
        lines = [
            f'{row},"{x}",{y}\n' if "," in x else f"{row},{x},{y}\n"
            for row, x, y in zip(*columns.values(), strict=True)
        ]
        project.write("t.csv", "row,x,y\n" + "".join(lines))
    else:
        pa.parquet.write_table(pa.table(columns), folder / "t.parquet")
    project.prepare(file="t.csv" if as_csv else "t.parquet", target="y", **settings)
    return project


def trained_on(project: DataProject) -> list[float]:
    """The column x as the training program reads it, in the order of the table."""
    schema = Schema.from_json(project.schema())
    rows = sorted(project.rows("train", "validation", "test"), key=lambda row: float(row[0]))
    table = "".join(f'{row[0]},"{row[1]}"\n' for row in rows)
    found: list[float] = decode(table.encode(), "text/csv", schema).matrix[:, 1].tolist()
    return found


def as_numbers(meaning: Codes) -> list[float]:
    return [float("nan") if code is None else code for code in meaning]


@pytest.mark.parametrize("kind", KINDS)
def test_a_cell_has_one_meaning_at_every_hop(kind: str, tmp_path: Path) -> None:
    csv_cells, parquet_cells, settings, requested = KINDS[kind]
    meaning = as_numbers(MEANINGS[kind])
    by_csv = prepared(tmp_path / "csv", csv_cells, settings, as_csv=True)
    by_parquet = prepared(tmp_path / "parquet", parquet_cells, settings, as_csv=False)
    for project in (by_csv, by_parquet):
        np.testing.assert_array_equal(trained_on(project), meaning * REPEATS)
    schema = Schema.from_json(by_csv.schema())
    levels = [[one.get("levels") for one in project.schema()["features"]] for project in (by_csv, by_parquet)]
    assert levels[0] == levels[1]
    rows = "".join(f"{row},{cell}\n" for row, cell in enumerate(requested))
    answered = decode(rows.encode(), "text/csv", schema)
    np.testing.assert_array_equal(answered.matrix[:, 1], meaning)
    assert answered.unseen == ()
    # JSON has no text for a number, and null for a missing cell
    values = [None if cell in ("", "NA", "?") and kind != "text" else cell for cell in parquet_cells]
    if kind == "decimal commas":
        values = MEANINGS[kind]
    body = json.dumps([[row, value] for row, value in enumerate(values)])
    answered = decode(body.encode(), "application/json", schema)
    np.testing.assert_array_equal(answered.matrix[:, 1], meaning)
    assert answered.unseen == ()
