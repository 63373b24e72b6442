"""Lists of hyperparameters arrive in LightGBM as they are meant, however people write them."""

from __future__ import annotations

import ast
import inspect
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lgbm_runtime.training import list_values
from lgbm_runtime.training.hyperparameters import parse_hyperparameters
from lgbm_runtime.training.list_values import list_of
from lgbm_runtime.training.training_api import Lightgbm
from lgbm_sm.config import list_values as copy_of_the_command
from tests.runtime.training_jobs import PARAMS, TRAIN, VALID, direct_booster, regression_job, trees

ALIASES = Lightgbm().parameter_aliases()
INTEGERS = st.lists(st.integers(-(2**31) + 1, 2**31 - 1), min_size=1)


def parsed(name: str, text: str) -> Any:
    return parse_hyperparameters({name: text}, ALIASES).values[name]


def without_brackets(text: str) -> str:
    return text[1:-1]


SPELLINGS = [
    json.dumps,
    lambda values: json.dumps(json.dumps(values)),
    lambda values: repr(tuple(values)),
    repr,
    lambda values: repr(values).replace(" ", ""),
    lambda values: without_brackets(repr(values)),
    lambda values: repr(repr(values)),
    lambda values: repr(list(map(str, values))),
]


@pytest.mark.parametrize("spelling", SPELLINGS)
@given(values=INTEGERS)
def test_every_spelling_of_a_list_of_integers_is_read_as_python_reads_it(spelling: Any, values: list[int]) -> None:
    text = spelling(values)
    assert parsed("monotone_constraints", text) == values
    literal = ast.literal_eval(text)
    if isinstance(literal, (list, tuple)) and not isinstance(literal[0], str):
        assert parsed("monotone_constraints", text) == list(literal)


@given(values=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_every_spelling_of_a_list_of_numbers_is_read_as_python_reads_it(values: list[float]) -> None:
    for text in (repr(values), repr(tuple(values)), without_brackets(repr(values)), json.dumps(values)):
        assert parsed("feature_contri", text) == values


@given(groups=st.lists(st.lists(st.integers(0, 99), min_size=1), min_size=2))
def test_every_spelling_of_groups_is_read_as_python_reads_it(groups: list[list[int]]) -> None:
    nested = tuple(map(tuple, groups))
    for text in (repr(groups), repr(nested), without_brackets(repr(groups)), json.dumps(json.dumps(groups))):
        assert parsed("interaction_constraints", text) == groups
    assert list(map(list, ast.literal_eval(repr(nested)))) == groups


@pytest.mark.parametrize("text", ["[0, 1, 2]", "0,1,2", "(0,1,2)", "[[0, 1, 2]]", "((0, 1, 2),)"])
def test_one_group_needs_no_second_pair_of_brackets(text: str) -> None:
    assert parsed("interaction_constraints", text) == [[0, 1, 2]]


@pytest.mark.parametrize("text", ["[]", "()"])
def test_a_list_may_be_empty(text: str) -> None:
    assert parsed("monotone_constraints", text) == []


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("monotone_constraints", "(1,x)", "item 2 is 'x': expected an integer"),
        ("monotone_constraints", "1,0.5,0", "item 2 is '0.5': expected an integer"),
        ("monotone_constraints", "1 0", "item 1 is '1 0': expected an integer"),
        ("monotone_constraints", "1,,0", "item 2 is '': expected an integer"),
        ("monotone_constraints", "[1, true]", "item 2 is True: expected an integer"),
        ("monotone_constraints", "[1, null]", "item 2 is None: expected an integer"),
        ("monotone_constraints", "4294967297", "item 1 is '4294967297': expected an integer"),
        ("monotone_constraints", "[1, 0", "the brackets do not match in [1,0"),
        ("monotone_constraints", "(1, 0]", "the brackets do not match in (1,0]"),
        ("label_gain", "0,1,three", "item 3 is 'three': expected a number"),
        ("label_gain", "[0, 1e999]", "item 2 is inf: expected a number"),
        ("interaction_constraints", "[0,1],[x]", "item 2: item 1 is 'x': expected an integer"),
        ("interaction_constraints", "[[0, 1], 2]", "item 2 is 2: expected a list of integers"),
    ],
)
def test_a_wrong_item_is_refused_with_its_position(name: str, text: str, problem: str) -> None:
    with pytest.raises(Exception, match="hyperparameters") as refused:
        parsed(name, text)
    assert str(refused.value) == f"hyperparameters: {name}: {problem}"


def test_a_list_is_refused_where_one_value_is_expected() -> None:
    with pytest.raises(Exception, match="num_leaves: must be one value, not the list"):
        parsed("num_leaves", "[31, 63]")


@pytest.mark.parametrize("text", ["['l1', 'l2']", '["l1", "l2"]', "(l1, l2)", "('l1','l2')"])
def test_texts_in_brackets_are_a_list_of_texts(text: str) -> None:
    assert parsed("metric", text) == ["l1", "l2"]


@pytest.mark.parametrize("text", ["(1,-1,0,0,0)", "1,-1,0,0,0", '"[1, -1, 0, 0, 0]"'])
def test_lightgbm_gets_the_constraints_that_were_meant(tmp_path: Path, text: str) -> None:
    job = regression_job(tmp_path, monotone_constraints=text, interaction_constraints="((0, 1), (2, 3, 4))")
    assert job.run_here() == 0
    parameters = {"monotone_constraints": [1, -1, 0, 0, 0], "interaction_constraints": [[0, 1], [2, 3, 4]]}
    assert trees(job.booster) == trees(direct_booster({**PARAMS, **parameters}, 20, TRAIN, VALID))
    assert trees(job.booster) != trees(direct_booster(PARAMS, 20, TRAIN, VALID))


def test_the_command_reads_lists_as_the_program_does() -> None:
    assert inspect.getsource(list_values) == inspect.getsource(copy_of_the_command)
    assert list_of("vector<int>", 5) == [5]
