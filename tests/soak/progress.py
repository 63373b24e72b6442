"""Store the passed tests of a soak, so that an interrupted soak can continue.

Print a summary. A test belongs to a part of the soak if it has a mark such as `@pytest.mark.soak("files")`. It may
report numbers with pytest's `record_property`. Numbers with the same name are added up. The fixture `seed` gives the
seed for random choices.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
# results hold for this code only
_SOURCES = ("lgbm_sm", "containers", "tests")


@dataclass(eq=False)  # pytest keeps its plugins in sets
class SoakProgress:
    """The plugin of one run.

    Tests that passed earlier with this seed and code are not run again. `path` is a JSON file with `code` (a digest),
    `seconds` (of all runs) and `passed` (the numbers of each passed test). When all tests of the part have passed, the
    file is removed, so that the next run starts from the beginning.
    """

    part: str
    seed: int
    path: Path
    code: str
    # a process of pytest-xdist's only takes the tests that are left: what they give is told to the one that started it
    is_worker: bool = False
    passed: dict[str, dict[str, float]] = field(default_factory=dict)
    earlier: int = 0
    earlier_seconds: float = 0
    failed: dict[str, None] = field(default_factory=dict)
    skipped: int = 0
    began: float = field(default_factory=time.monotonic)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep only tests of this part that have not passed yet."""
        items[:] = [item for item in items if self.part in parts_of(item) and _id(item.nodeid) not in self.passed]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Store a passed test, in each process of the run."""
        if self.is_worker:
            return
        name = _id(report.nodeid)
        if report.failed:
            self.failed[name] = None
            self.passed.pop(name, None)
        elif report.skipped:
            self.skipped += 1
        elif report.when == "call":
            self.passed[name] = {key: value for key, value in report.user_properties if isinstance(value, int | float)}
        if report.when == "teardown":
            self._write()

    def pytest_terminal_summary(
        self, terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config
    ) -> None:
        """Print the summary."""
        terminalreporter.section(f"soak {self.part}, seed {self.seed}")
        for line in self.lines():
            terminalreporter.line(line)
        is_whole = not (config.option.file_or_dir or config.option.keyword or config.option.markexpr)
        if exitstatus == 0 and not self.skipped and is_whole:
            self.path.unlink(missing_ok=True)

    def lines(self) -> list[str]:
        """Return the summary: tests with numbers, then failures with a command to repeat each."""
        tests: dict[str, Counter[str]] = {}
        for name, numbers in self.passed.items():
            counter = tests.setdefault(name.partition("[")[0], Counter())
            counter.update({"passed": 1, **numbers})
        lines = [
            f"{name.partition('::')[2]}: {', '.join(f'{value:g} {key}' for key, value in counter.items())}"
            for name, counter in sorted(tests.items())
        ]
        minutes = self._seconds() / 60
        resumed = f", {self.earlier} of them in an earlier run" if self.earlier else ""
        counts = f"{len(self.passed)} passed{resumed}, {len(self.failed)} failed, {self.skipped} skipped"
        lines.append(f"{counts}; {minutes:.1f} minutes, code {self.code}")
        lines += [f"failed; repeat it with: {self._command(name)}" for name in self.failed]
        return lines

    def _command(self, name: str) -> str:
        return f"make soak PART={self.part} SEED={self.seed} ARGS='\"{name}\"'"

    def _seconds(self) -> float:
        return self.earlier_seconds + time.monotonic() - self.began

    def _write(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        content = {"code": self.code, "seconds": self._seconds(), "passed": self.passed}
        temporary_path = self.path.with_suffix(".tmp")
        temporary_path.write_text(json.dumps(content, indent=1))
        temporary_path.replace(self.path)


def parts_of(item: pytest.Item) -> set[str]:
    """Return the parts of the soak that a test belongs to."""
    return {str(mark.args[0]) for mark in item.iter_markers("soak")}


def resumed(part: str, seed: int, folder: Path = ROOT / "build" / "soak", *, is_worker: bool = False) -> SoakProgress:
    """Return the progress of a part with this seed and the current code."""
    progress = SoakProgress(part, seed, folder / f"{part}-{seed}.json", code_digest(), is_worker)
    if progress.path.exists():
        content: dict[str, Any] = json.loads(progress.path.read_text())
        if content["code"] == progress.code:
            progress.passed = content["passed"]
            progress.earlier = len(progress.passed)
            progress.earlier_seconds = content["seconds"]
    return progress


def code_digest() -> str:
    """Return the digest of all Python and Docker files that the tests run."""
    digest = hashlib.sha256()
    for source in _SOURCES:
        for path in sorted((ROOT / source).rglob("*")):
            if path.suffix in {".py", ".c", ".yaml", ".txt"} or path.name == "Dockerfile":
                digest.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def _id(nodeid: str) -> str:
    # pytest-xdist adds a test's group
    return nodeid.partition("@")[0]
