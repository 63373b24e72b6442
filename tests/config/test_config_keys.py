"""The declaration of a key: its check, the names below it, and checks against other keys."""

from collections.abc import Mapping
from typing import Annotated, Any

import pytest

from lgbm_sm.config.keys import ConfigSection, Key, known_keys, mapping_key, read, section_key
from lgbm_sm.config.problems import RefusedPartsError
from lgbm_sm.config.values import each, text, whole_number


def at_most_two(values: Mapping[str, int]) -> Mapping[str, int]:
    if len(values) > 2:
        raise ValueError("at most two")
    return values


def not_beside_none(value: object, section: Mapping[str, Any]) -> None:
    if value is not None and section["names"] == ("none",):
        raise ValueError("needs names")


class Inner(ConfigSection, frozen=True, kw_only=True):
    size: Annotated[int, Key(whole_number(1), "a size")] = 3
    title: Annotated[str, Key(text, "a title")]


@pytest.fixture
def outer() -> type[ConfigSection]:
    class Outer(ConfigSection, frozen=True, kw_only=True):
        names: Annotated[tuple[str, ...], Key(each(text), "names")] = ()
        inner: Annotated[Inner | None, section_key(Inner, "sizes", beside=not_beside_none)] = None
        counts: Annotated[
            Mapping[str, int],
            mapping_key(whole_number(0, 9), "counts", whole=at_most_two, suggested={"apples": 1}),
        ] = {}

    return Outer


def problems(section: type[ConfigSection], given: object) -> dict[tuple[str | int, ...], str]:
    with pytest.raises(RefusedPartsError) as caught:
        read(section, given)
    return {location: str(error) for location, error in caught.value.refused()}


def test_a_section_is_read_with_the_defaults_of_its_keys(outer: type[ConfigSection]) -> None:
    found: Any = read(outer, {"inner": {"title": "x"}, "counts": {"apples": 2, "pears": 0}})
    assert (found.names, found.inner, found.counts) == ((), Inner(size=3, title="x"), {"apples": 2, "pears": 0})


def test_every_problem_is_found_at_its_place(outer: type[ConfigSection]) -> None:
    assert problems(outer, {"inner": {"size": 0}, "counts": {"apples": 10}, "names": ["a", 1], "more": 1}) == {
        ("more",): "is not a known key",
        ("names", 1): "must be text, got 1",
        ("inner", "size"): "must be at least 1, got 0",
        ("inner", "title"): "is missing",
        ("counts", "apples"): "must be at most 9, got 10",
    }
    assert problems(outer, {"names": "a", "inner": 1, "counts": []}) == {
        ("names",): "must be a list, got 'a'",
        ("inner",): "must be a mapping, got 1",
        ("counts",): "must be a mapping, got []",
    }


def test_a_whole_mapping_and_the_keys_beside_a_section_are_checked_too(outer: type[ConfigSection]) -> None:
    assert problems(outer, {"counts": {"a": 1, "b": 1, "c": 1}}) == {("counts",): "at most two"}
    assert problems(outer, {"names": ["none"], "inner": {"title": "x"}}) == {("inner",): "needs names"}


def test_the_names_below_a_key_are_those_of_its_section_or_any(outer: type[ConfigSection]) -> None:
    assert known_keys(outer) == {
        "names": {},
        "inner": {"size": {}, "title": {}},
        "counts": {"*": {}, "apples": {}},
    }
