"""What a check is, and what it finds."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from lgbm_sm.errors import ExitCode

DEVELOPER_GUIDE_TRAINING = 'AWS developer guide, "Containers with custom training algorithms"'
DEVELOPER_GUIDE_RUN_TRAINING = 'AWS developer guide, "How Amazon SageMaker AI Runs Your Training Image"'
DEVELOPER_GUIDE_TRAINING_INFORMATION = 'AWS developer guide, "How Amazon SageMaker AI Provides Training Information"'
DEVELOPER_GUIDE_TRAINING_END = 'AWS developer guide, "How Amazon SageMaker AI Signals Algorithm Success and Failure"'
DEVELOPER_GUIDE_TRAINING_OUTPUT = 'AWS developer guide, "How Amazon SageMaker AI Processes Training Output"'
DEVELOPER_GUIDE_HOSTING = 'AWS developer guide, "Custom Inference Code with Hosting Services"'
DEVELOPER_GUIDE_BATCH = 'AWS developer guide, "Custom Inference Code with Batch Transform"'
HOSTING_FAQ = 'AWS developer guide, "Model Hosting FAQs"'


class Area(StrEnum):
    """The part of the contract that a check belongs to."""

    IMAGE = "image"
    TRAINING = "training"
    ARCHIVE = "archive"
    SERVING = "serving"


class Binding(StrEnum):
    """Whether the platform itself asks for it."""

    RULE = "rule"
    ADVICE = "advice"


class Verdict(StrEnum):
    """What a check says; only a broken rule is a failure."""

    PASS = "pass"  # noqa: S105 - no password
    WARNING = "warning"
    FAIL = "fail"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Result:
    """What was seen, in a sentence; of a skipped check the reason."""

    check: "Check"
    verdict: Verdict
    seen: str

    @property
    def is_met(self) -> bool:
        """False where something is to be mended; a check that was skipped says nothing against the image."""
        return self.verdict in (Verdict.PASS, Verdict.SKIPPED)


@dataclass(frozen=True)
class Check:
    """One thing that is looked at. `why` it matters, how to `mend` it, and whose word it is: `source`."""

    name: str
    area: Area
    binding: Binding
    why: str
    mend: str
    source: str

    def passed(self, seen: str) -> Result:
        return Result(self, Verdict.PASS, seen)

    def broken(self, seen: str) -> Result:
        """A failure where it is a rule, a warning where it is advice."""
        return Result(self, Verdict.FAIL if self.binding is Binding.RULE else Verdict.WARNING, seen)

    def warned(self, seen: str) -> Result:
        """The rule is kept, but not as it is meant."""
        return Result(self, Verdict.WARNING, seen)

    def skipped(self, reason: str) -> Result:
        return Result(self, Verdict.SKIPPED, reason)

    def judged(self, seen: str, *, is_met: bool) -> Result:
        return self.passed(seen) if is_met else self.broken(seen)


@dataclass(frozen=True)
class Report:
    """What all checks of one image have found."""

    image: str
    results: tuple[Result, ...] = ()
    seconds: float = 0.0

    def with_result(self, result: Result) -> "Report":
        return replace(self, results=(*self.results, result))

    def of(self, verdict: Verdict) -> tuple[Result, ...]:
        return tuple(result for result in self.results if result.verdict is verdict)


def exit_code_of(reports: Iterable[Report], *, strict: bool) -> ExitCode:
    """That of an image where a rule is broken; with `strict` advice counts as a rule."""
    counted = {Verdict.FAIL, Verdict.WARNING} if strict else {Verdict.FAIL}
    bad = any(result.verdict in counted for report in reports for result in report.results)
    return ExitCode.IMAGE if bad else ExitCode.OK
