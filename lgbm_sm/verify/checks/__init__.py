"""The checks of `verify`, one module for each part of the rules for SageMaker containers.

To add a check, write a `Check` and a function that judges it, and add both to `JUDGES` in the module. The modules
startup, broken_model and stopping have no `JUDGES`, because their checks depend on each other. Call the function there
at the fitting place. Then add the row to docs/verify.md.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from lgbm_sm.errors import ExitCode

DEVELOPER_GUIDE_TRAINING = 'AWS developer guide, "Containers with custom training algorithms"'
DEVELOPER_GUIDE_RUN_TRAINING = 'AWS developer guide, "How Amazon SageMaker AI Runs Your Training Image"'
DEVELOPER_GUIDE_TRAINING_INFORMATION = 'AWS developer guide, "How Amazon SageMaker AI Provides Training Information"'
DEVELOPER_GUIDE_TRAINING_END = 'AWS developer guide, "How Amazon SageMaker AI Signals Algorithm Success and Failure"'
DEVELOPER_GUIDE_TRAINING_OUTPUT = 'AWS developer guide, "How Amazon SageMaker AI Processes Training Output"'
DEVELOPER_GUIDE_ISOLATION = 'AWS developer guide, "Run Training and Inference Containers in Internet-Free Mode"'
DEVELOPER_GUIDE_HOSTING = 'AWS developer guide, "Custom Inference Code with Hosting Services"'
DEVELOPER_GUIDE_BATCH = 'AWS developer guide, "Custom Inference Code with Batch Transform"'
HOSTING_FAQ = 'AWS developer guide, "Model Hosting FAQs"'


class Area(StrEnum):
    """The part that a check is about."""

    IMAGE = "image"
    TRAINING = "training"
    ARCHIVE = "archive"
    SERVING = "serving"


_AREAS = {"image": Area.IMAGE, "train": Area.TRAINING, "archive": Area.ARCHIVE, "serve": Area.SERVING}


class Binding(StrEnum):
    """Whether SageMaker itself requires something (a rule), or it is only advice."""

    RULE = "rule"
    ADVICE = "advice"


class Verdict(StrEnum):
    """The outcome of a check. Only a broken rule is a failure."""

    PASS = "pass"  # noqa: S105 - no password
    WARNING = "warning"
    FAIL = "fail"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Result:
    """The verdict of a check. `seen` is the observation, or the reason why the check was skipped."""

    check: "Check"
    verdict: Verdict
    seen: str

    @property
    def is_met(self) -> bool:
        """Whether there is nothing to fix. A skipped check counts as met."""
        return self.verdict in (Verdict.PASS, Verdict.SKIPPED)


@dataclass(frozen=True)
class Check:
    """One requirement for an image.

    `name` begins with image-, train-, archive- or serve-. `why` is the reason for the requirement. `fix` tells how to
    meet it. `source` is the document that contains it.
    """

    name: str
    binding: Binding
    why: str
    fix: str
    source: str

    @property
    def area(self) -> Area:
        return _AREAS[self.name.partition("-")[0]]

    def passed(self, seen: str) -> Result:
        return Result(self, Verdict.PASS, seen)

    def broken(self, seen: str) -> Result:
        """Return a failure if the check is a rule, or a warning if it is advice."""
        return Result(self, Verdict.FAIL if self.binding is Binding.RULE else Verdict.WARNING, seen)

    def warned(self, seen: str) -> Result:
        """Return a warning: the rule is met, but something should change."""
        return Result(self, Verdict.WARNING, seen)

    def skipped(self, reason: str) -> Result:
        return Result(self, Verdict.SKIPPED, reason)

    def judged(self, seen: str, *, is_met: bool) -> Result:
        return self.passed(seen) if is_met else self.broken(seen)


def rule(name: str, why: str, fix: str, source: str) -> Check:
    return Check(name, Binding.RULE, why, fix, source)


def advice(name: str, why: str, fix: str, source: str) -> Check:
    return Check(name, Binding.ADVICE, why, fix, source)


def skip(checks: Iterable[Check], reason: str) -> Iterator[Result]:
    """Yield a skipped result for each check."""
    for check in checks:
        yield check.skipped(reason)


@dataclass(frozen=True)
class Report:
    """The results of all checks of one image."""

    image: str
    results: tuple[Result, ...] = ()
    seconds: float = 0.0

    def with_result(self, result: Result) -> "Report":
        return replace(self, results=(*self.results, result))

    def of(self, verdict: Verdict) -> tuple[Result, ...]:
        return tuple(result for result in self.results if result.verdict is verdict)


def exit_code_of(reports: Iterable[Report], *, strict: bool) -> ExitCode:
    """Return IMAGE if a rule is broken. With `strict`, also return IMAGE if advice is not followed."""
    counted = {Verdict.FAIL, Verdict.WARNING} if strict else {Verdict.FAIL}
    bad = any(result.verdict in counted for report in reports for result in report.results)
    return ExitCode.IMAGE if bad else ExitCode.OK
