"""An interrupted soak continues, and its summary adds up the numbers of the tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak.progress import resumed


def report(name: str, outcome: str, **numbers: int) -> pytest.TestReport:
    return pytest.TestReport(
        nodeid=f"tests/test_some.py::{name}@a group",
        location=("tests/test_some.py", 1, name),
        keywords={},
        outcome=outcome,  # type: ignore[arg-type]
        longrepr=None,
        when="call",
        user_properties=list(numbers.items()),
    )


def ended(name: str) -> pytest.TestReport:
    last = report(name, "passed")
    last.when = "teardown"
    return last


def test_what_has_passed_is_known_to_the_next_run_of_the_same_code(tmp_path: Path) -> None:
    first = resumed("files", 7, tmp_path)
    for each in (report("test_a[1]", "passed", kills=2), report("test_a[2]", "failed"), ended("test_a[2]")):
        first.pytest_runtest_logreport(each)
    second = resumed("files", 7, tmp_path)
    assert list(second.passed) == ["tests/test_some.py::test_a[1]"]
    second.pytest_runtest_logreport(report("test_a[2]", "passed", kills=3))
    assert second.lines()[0] == "test_a: 2 passed, 5 kills"
    assert second.lines()[1].startswith("2 passed, 1 of them in an earlier run, 0 failed, 0 skipped; ")


def test_nothing_is_known_when_seed_or_code_differ(tmp_path: Path) -> None:
    first = resumed("files", 7, tmp_path)
    first.code = "other code"
    first.pytest_runtest_logreport(report("test_a", "passed"))
    first.pytest_runtest_logreport(ended("test_a"))
    assert resumed("files", 7, tmp_path).passed == {}
    assert resumed("files", 8, tmp_path).passed == {}


def test_a_failure_is_listed_with_the_command_that_repeats_it(tmp_path: Path) -> None:
    progress = resumed("files", 7, tmp_path)
    progress.pytest_runtest_logreport(report("test_a[3]", "failed"))
    assert progress.lines()[-1] == (
        "failed; repeat it with: make soak PART=files SEED=7 ARGS='\"tests/test_some.py::test_a[3]\"'"
    )
