"""The report in its three forms."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest

from lgbm_sm.errors import ExitCode
from lgbm_sm.verify.checks import Binding, Check, Report, Verdict, exit_code_of, training
from lgbm_sm.verify.checks.image import PLATFORM, SIZE, USER
from lgbm_sm.verify.checks.startup import STARTS
from lgbm_sm.verify.reports import Lines, document_of, junit_of, summary_of, text_of
from lgbm_sm.verify.verifier import ALL_CHECKS

REPORT = Report(
    "mine:1",
    (
        PLATFORM.passed("linux/amd64"),
        SIZE.broken("11000 MB"),
        USER.broken("runs as nobody\x1b[31m"),
        STARTS.skipped("no serve"),
    ),
    2.5,
)


@pytest.mark.parametrize("check", ALL_CHECKS, ids=lambda check: check.name)
def test_a_check_says_all_that_a_reader_needs(check: Check) -> None:
    assert check.why.endswith((".", '."'))
    assert check.fix
    assert not check.fix.endswith(".")
    assert check.source
    assert check.name.startswith(("image-", "train-", "archive-", "serve-"))


def test_no_two_checks_have_one_name() -> None:
    assert len({check.name for check in ALL_CHECKS}) == len(ALL_CHECKS)


def test_a_broken_rule_fails_and_advice_that_is_not_followed_warns() -> None:
    assert (USER.binding, USER.broken("").verdict) == (Binding.RULE, Verdict.FAIL)
    assert (SIZE.binding, SIZE.broken("").verdict) == (Binding.ADVICE, Verdict.WARNING)


@pytest.mark.parametrize(
    ("results", "strict", "code"),
    [
        ((PLATFORM.passed(""), STARTS.skipped("")), True, ExitCode.OK),
        ((SIZE.broken(""),), False, ExitCode.OK),
        ((SIZE.broken(""),), True, ExitCode.IMAGE),
        ((USER.broken(""),), False, ExitCode.IMAGE),
    ],
)
def test_the_exit_code_follows_from_the_rules_and_with_strict_from_advice_too(
    results: tuple[object, ...], strict: bool, code: ExitCode
) -> None:
    assert exit_code_of([Report("one"), Report("two", results)], strict=strict) == code  # type: ignore[arg-type]


def test_a_line_has_reason_remedy_and_source_when_there_is_something_to_fix() -> None:
    passed, warned, failed, skipped = map(text_of, REPORT.results)
    assert passed.split() == ["pass", "image-platform", "linux/amd64"]
    assert skipped.split(maxsplit=2) == ["skipped", "serve-starts", "no serve"]
    for text, verdict, check, whose in (
        (warned, "warning", SIZE, "advice"),
        (failed, "fail", USER, "a rule of SageMaker"),
    ):
        first, *others = text.splitlines()
        assert first.startswith(f"{verdict} ")
        assert [line.strip() for line in others] == [
            f"why: {check.why}",
            f"fix: {check.fix}",
            f"source: {check.source} ({whose})",
        ]
    assert summary_of(REPORT) == "mine:1: 1 pass, 1 warning (image-size), 1 fail (image-user), 1 skipped, 2.5 s"


def test_what_is_skipped_for_one_reason_is_one_line() -> None:
    written: list[str] = []
    lines = Lines(written.append)
    excused = [check.skipped("no training succeeds") for check in training.CHECKS]
    for result in (*excused, USER.passed("root"), STARTS.skipped("no model"), STARTS.skipped("another reason")):
        lines.tell(result)
    lines.flush()
    assert [line.split("  ")[0] for line in written] == ["skipped", "pass", "skipped", "skipped"]
    first = f"{training.CHECKS[0].name} and {len(excused) - 1} more"
    assert written[0].split(maxsplit=1)[1].startswith(first)
    assert written[0].endswith("no training succeeds")
    assert written[2].endswith("no model")


def test_json_has_every_field_of_every_check() -> None:
    document = json.loads(json.dumps(document_of(REPORT)))
    assert document["image"] == "mine:1"
    assert [one["verdict"] for one in document["checks"]] == ["pass", "warning", "fail", "skipped"]
    assert document["checks"][2] == {
        "name": "image-user",
        "area": "image",
        "verdict": "fail",
        "binding": "rule",
        "seen": "runs as nobody\x1b[31m",
        "why": USER.why,
        "fix": USER.fix,
        "source": USER.source,
    }


@pytest.mark.parametrize(("strict", "failing"), [(False, ["image-user"]), (True, ["image-size", "image-user"])])
def test_junit_counts_as_the_exit_code_does(strict: bool, failing: list[str]) -> None:
    root = ET.fromstring(junit_of([REPORT], strict=strict))
    suites = {suite.get("name"): suite for suite in root}
    assert list(suites) == ["mine:1 image", "mine:1 training", "mine:1 archive", "mine:1 serving"]
    about_the_image = suites["mine:1 image"]
    assert (about_the_image.get("tests"), about_the_image.get("failures")) == ("3", str(len(failing)))
    assert [case.get("name") for case in root.iter("testcase") if case.find("failure") is not None] == failing
    assert suites["mine:1 serving"].get("skipped") == "1"
