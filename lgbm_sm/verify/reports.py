"""A report as text, as JSON and as JUnit XML."""

from collections.abc import Callable, Sequence
from typing import Any
from xml.etree import ElementTree as ET

from lgbm_sm.verify.checks import Area, Binding, Report, Result, Verdict

_VERDICT_WIDTH = max(len(verdict) for verdict in Verdict)
_NAME_WIDTH = len("serve-content-type-parameters")
_INDENT = " " * (_VERDICT_WIDTH + 2)
_BINDINGS = {Binding.RULE: "a rule of SageMaker", Binding.ADVICE: "advice"}


def text_of(result: Result) -> str:
    """Return a result as text: one line. For a broken check, add the reason, the fix and the source."""
    check = result.check
    line = _line(result.verdict, check.name, result.seen)
    if result.is_met:
        return line
    return "\n".join(
        (
            line,
            f"{_INDENT}why: {check.why}",
            f"{_INDENT}fix: {check.fix}",
            f"{_INDENT}source: {check.source} ({_BINDINGS[check.binding]})",
        )
    )


class Lines:
    """An object that writes each result as soon as it is known.

    Consecutive checks that are skipped for the same reason share one line.
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._skipped: list[Result] = []

    def tell(self, result: Result) -> None:
        """Write the next result. A skipped result waits until `flush`."""
        if self._skipped and (result.verdict, result.seen) != (Verdict.SKIPPED, self._skipped[0].seen):
            self.flush()
        if result.verdict is Verdict.SKIPPED:
            self._skipped.append(result)
        else:
            self._write(text_of(result))

    def flush(self) -> None:
        """Write one line for the skipped results since the last line."""
        if self._skipped:
            first, *others = self._skipped
            more = f" and {len(others)} more" if others else ""
            self._write(_line(first.verdict, f"{first.check.name}{more}", first.seen))
            self._skipped = []


def summary_of(report: Report) -> str:
    """Return one line: the number of results for each verdict, and the names of the checks to fix."""
    counts = []
    for verdict in Verdict:
        results = report.of(verdict)
        names = f" ({', '.join(result.check.name for result in results)})" if not all(r.is_met for r in results) else ""
        counts += [f"{len(results)} {verdict}{names}"] if results else []
    return f"{report.image}: {', '.join(counts)}, {report.seconds:.1f} s"


def _line(verdict: Verdict, name: str, seen: str) -> str:
    return f"{verdict:{_VERDICT_WIDTH}}  {name:{_NAME_WIDTH}}  {' '.join(seen.split())}"


def document_of(report: Report) -> dict[str, Any]:
    """Return the report as a JSON object."""
    return {
        "image": report.image,
        "seconds": round(report.seconds, 3),
        "checks": [
            {
                "name": result.check.name,
                "area": result.check.area,
                "verdict": result.verdict,
                "binding": result.check.binding,
                "seen": result.seen,
                "why": result.check.why,
                "fix": result.check.fix,
                "source": result.check.source,
            }
            for result in report.results
        ],
    }


def junit_of(reports: Sequence[Report], *, strict: bool) -> bytes:
    """Return JUnit XML with a test suite for each area of each image. With `strict`, a warning is a failure."""
    root = ET.Element("testsuites", name="lgbm-sm verify")
    for report in reports:
        for area in Area:
            results = [result for result in report.results if result.check.area is area]
            failures = sum(_fails(result, strict=strict) for result in results)
            suite = ET.SubElement(
                root,
                "testsuite",
                name=f"{report.image} {area}",
                tests=str(len(results)),
                failures=str(failures),
                errors="0",
                skipped=str(sum(result.verdict is Verdict.SKIPPED for result in results)),
            )
            for result in results:
                _add_case(suite, report.image, result, strict=strict)
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _fails(result: Result, *, strict: bool) -> bool:
    return result.verdict is Verdict.FAIL or (strict and result.verdict is Verdict.WARNING)


def _add_case(suite: ET.Element, image: str, result: Result, *, strict: bool) -> None:
    check = result.check
    case = ET.SubElement(suite, "testcase", classname=f"{image}.{check.area}", name=check.name)
    seen = _printable(result.seen)
    if _fails(result, strict=strict):
        failure = ET.SubElement(case, "failure", message=seen, type=str(check.binding))
        failure.text = f"why: {check.why}\nfix: {check.fix}\nsource: {check.source}"
    elif result.verdict is Verdict.SKIPPED:
        ET.SubElement(case, "skipped", message=seen)
    else:
        ET.SubElement(case, "system-out").text = f"{result.verdict}: {seen}"


def _printable(text: str) -> str:
    """Replace control characters with spaces, because XML does not allow them."""
    return "".join(sign if sign.isprintable() else " " for sign in text)
