"""The proposals for a table: objective, dropped columns and categorical integers."""

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest

from lgbm_sm.config.sections import DataSection
from lgbm_sm.errors import DataError
from lgbm_sm.preparation.sources import Source
from lgbm_sm.scaffold.proposal import Proposal, ProposedColumn, propose

ROWS = 200
RANDOM = np.random.default_rng(3)
MEASURED = RANDOM.normal(size=ROWS).tolist()
TEXTS = [f"{number:03}-x" for number in range(ROWS)]


def proposal(name: str, cells: object, target: str = "target") -> Proposal:
    """Return the proposal for a table of this column, a target and a measured column."""
    table = pa.table({"target": MEASURED, "measured": MEASURED, name: cells})
    return propose(Source(columns=table, named=True), DataSection(target=target))


def cycle(*values: object) -> list[object]:
    return [values[row % len(values)] for row in range(ROWS)]


@pytest.mark.parametrize(
    ("cells", "objective", "why"),
    [
        (MEASURED, "regression", "200 different numbers in 200 rows"),
        (cycle("no", "yes"), "binary", "has 2 classes ("),
        (cycle(True, False), "binary", "has 2 classes ("),
        (cycle("a", "b", "c"), "multiclass", "has 3 classes ("),
        (cycle(0, 1), "binary", "always 0 or 1"),
        (cycle(0.5, 1.5), "binary", "always 0.5 or 1.5"),
        (cycle(1, 2, 3, 4), "multiclass", "only 4 different whole numbers"),
        (cycle(1.5, 2, 3, 4), "regression", "4 different numbers"),
        (cycle(*range(10)), "multiclass", "only 10 different whole numbers"),
        (cycle(*range(11)), "regression", "11 different numbers"),
        (cycle("1.5", "2", "3", "few"), "regression", "should contain numbers"),
    ],
)
def test_the_objective_follows_from_the_targets_type_and_its_distinct_values(
    cells: object, objective: str, why: str
) -> None:
    proposed = proposal("y", cells, target="y").objective
    assert proposed.name == objective
    assert "'y'" in proposed.why
    assert why in proposed.why


@pytest.mark.parametrize(
    ("name", "cells", "why"),
    [
        (
            "customerId",
            RANDOM.permutation(10**6)[:ROWS],
            "is probably an identifier: it has a different integer in each of its 200 rows",
        ),
        ("counted", RANDOM.permutation(ROWS) + 7, "they are consecutive"),
        ("rising", np.cumsum(RANDOM.integers(1, 99, ROWS)), "in the order of the rows"),
        ("phone", RANDOM.permutation(10**6)[:ROWS] + 4_000_000, "each has 7 digits"),
        ("dense", RANDOM.permutation(ROWS + 50)[:ROWS], "measured values would repeat"),
        ("texts", TEXTS, "like an identifier"),
        (
            "day",
            [dt.date(2024, 1, 1 + row % 28) for row in range(ROWS)],
            "cannot be used: it contains dates or times",
        ),
        ("iso", [f"2024-01-{1 + row % 28:02} 10:00" for row in range(ROWS)], "data.dates makes numbers of them"),
        ("german", cycle("31.12.2020", "1.1.2021"), "cannot be used: it contains dates or times"),
        ("american", cycle("12/31/2020 10:00", "1/1/2021 9:30"), "data.dates makes numbers of them"),
        ("empty", [None] * ROWS, "only missing values"),
        ("lists", [[1]] * ROWS, "neither numbers nor text"),
    ],
)
def test_a_column_is_left_out_when_it_tells_rows_apart_or_cannot_be_used_as_it_is(
    name: str, cells: object, why: str
) -> None:
    [dropped] = proposal(name, cells).drop
    assert dropped.reference == name
    assert f"column {name!r}" in dropped.why
    assert why in dropped.why


@pytest.mark.parametrize(
    ("cells", "message", "hint"),
    [
        (cycle("1", "2", "3", "few"), "contains numbers, but also text: 'few' (row 4 and 49 more)", "[few]"),
        ([np.inf, *MEASURED[1:]], "has infinite values in row 1", '[inf, "-inf"]'),
        (cycle("1,031", "1,044"), "can be read in two ways: 1,031 may be 1031 or 1.031", "data.decimal="),
    ],
)
def test_a_column_of_numbers_is_not_left_out_when_some_cells_need_a_decision(
    cells: object, message: str, hint: str
) -> None:
    with pytest.raises(DataError) as caught:
        proposal("x", cells)
    assert message in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    "cells",
    [
        MEASURED,
        cycle("red", "green"),
        cycle("1.5", "2.5"),
        RANDOM.permutation(10**6)[:ROWS],  # might be amounts
        [None, *range(1, ROWS)],
        cycle(1, 2, 3),
    ],
)
def test_a_column_stays_when_nothing_speaks_against_it(cells: object) -> None:
    proposed = proposal("amount", cells)
    assert (proposed.drop, proposed.categorical) == ((), ())


@pytest.mark.parametrize(
    ("name", "cells", "sign"),
    [
        ("zip", cycle(1067, 10115, 80331), "its name suggests it"),
        ("Postleitzahl", cycle(1067, 10115, 80331), "its name suggests it"),
        ("storeId", cycle(1, 2, 3), "its name suggests it"),
        ("where", cycle(10115, 10117, 80331), "each has 5 digits"),
    ],
)
def test_integers_are_categories_when_few_of_them_look_like_codes(name: str, cells: object, sign: str) -> None:
    [column] = proposal(name, cells).categorical
    assert column.reference == name
    assert (
        f"column {name!r} probably contains codes, whose order has no meaning: it has 3 different integers"
        in column.why
    )
    assert sign in column.why


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("built", cycle(1987, 1999, 2004)),
        ("loan", cycle(1000, 2000, 5000)),
        ("rooms", cycle(1, 2, 3)),
        ("zip", cycle(0, 1)),
        ("zip", cycle(*range(10_000, 10_100))),
        ("zip", cycle(1.5, 2.5, 3.5)),
    ],
)
def test_integers_are_numbers_when_they_count_measure_or_rarely_repeat(name: str, cells: object) -> None:
    assert proposal(name, cells).categorical == ()


def test_columns_are_called_by_position_when_they_have_no_name_of_their_own() -> None:
    table = pa.table([MEASURED, MEASURED, TEXTS, MEASURED, MEASURED], names=["a", "a", "", "Unnamed: 0", "target"])
    dropped = propose(Source(columns=table, named=True), DataSection(target="target")).drop
    assert dropped == (
        ProposedColumn(1, "column 1 has the same name 'a' as another column"),
        ProposedColumn(2, "column 2 has no name, like a saved row index"),
        ProposedColumn(3, "column 3 has no name, like a saved row index"),
    )


def test_what_the_user_has_decided_is_not_proposed() -> None:
    table = pa.table({"id": range(ROWS), "code": cycle(10115, 10117, 80331), "text_id": TEXTS, "target": MEASURED})
    section = DataSection(target="target", drop=("id",), categorical=("code", "text_id"))
    proposed = propose(Source(columns=table, named=True), section)
    assert (proposed.drop, proposed.categorical) == ((), ())


def test_the_columns_are_listed_when_there_is_no_target() -> None:
    with pytest.raises(DataError, match="no target column is set; the columns are a, b"):
        propose(Source(columns=pa.table({"a": [1], "b": [2]}), named=True), DataSection())


@pytest.mark.parametrize(("rows", "is_dropped"), [(20, False), (21, True)])
def test_integers_that_count_are_an_identifier_when_there_are_more_than_20(rows: int, is_dropped: bool) -> None:
    table = pa.table({"target": MEASURED[:rows], "measured": MEASURED[:rows], "counted": list(range(7, 7 + rows))})
    proposed = propose(Source(columns=table, named=True), DataSection(target="target"))
    assert [column.reference for column in proposed.drop] == ["counted"] * is_dropped


@pytest.mark.parametrize(("rows", "objective"), [(30, "multiclass"), (29, "regression")])
def test_whole_numbers_are_classes_when_each_may_have_ten_rows(rows: int, objective: str) -> None:
    table = pa.table({"y": [row % 3 for row in range(rows)], "measured": MEASURED[:rows]})
    assert propose(Source(columns=table, named=True), DataSection(target="y")).objective.name == objective
