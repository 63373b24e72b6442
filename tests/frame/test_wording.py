"""Parts of sentences that many messages share."""

import pytest

from lgbm_sm.wording import counted, did_you_mean, shortened_list, similar

NAMES = ("train", "validation", "test")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((0, "row"), "0 rows"),
        ((1, "row"), "1 row"),
        ((2, "row"), "2 rows"),
        ((1200, "row"), "1,200 rows"),
        ((1, "category", "categories"), "1 category"),
        ((3, "category", "categories"), "3 categories"),
    ],
)
def test_a_count_has_its_singular_or_plural(arguments: tuple[int, str], text: str) -> None:
    assert counted(*arguments) == text


@pytest.mark.parametrize(
    ("items", "most", "text"),
    [
        ([], 2, ""),
        (["a", "b"], 2, "a, b"),
        (["a", "b", "c"], 2, "a, b, … (3 in total)"),
        (range(1500), 1, "0, … (1,500 in total)"),
    ],
)
def test_a_long_list_is_cut_and_counted(items: list[object], most: int, text: str) -> None:
    assert shortened_list(items, most) == text


@pytest.mark.parametrize(
    ("name", "text"),
    [("tran", " (did you mean train?)"), ("tests", " (did you mean test?)"), ("zzz", ""), ("", "")],
)
def test_the_nearest_name_is_suggested_if_one_is_near(name: str, text: str) -> None:
    assert did_you_mean(name, NAMES) == text


def test_several_names_are_suggested_best_first() -> None:
    assert similar("ml.m4.3xlarge", ["ml.c5.xlarge", "ml.m4.xlarge", "ml.m4.2xlarge"], most=2) == [
        "ml.m4.xlarge",
        "ml.m4.2xlarge",
    ]
    assert did_you_mean("abcd", ["abce", "abcd0"], most=2) == " (did you mean abcd0 or abce?)"


def test_a_name_below_the_cutoff_is_not_suggested() -> None:
    # difflib's ratio of these is 0.75
    assert similar("abcd", ["abce"], cutoff=0.75) == ["abce"]
    assert similar("abcd", ["abce"], cutoff=0.76) == []
