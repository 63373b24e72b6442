"""The pre-commit hooks run the commands of `make lint`."""

import re
import shlex
import subprocess
from pathlib import Path

import yaml


def test_the_hooks_run_what_make_lint_runs(checkout: Path) -> None:
    hooks = yaml.safe_load((checkout / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"][0]["hooks"]
    dry_run = subprocess.run(
        ["make", "-n", "lint"], cwd=checkout, capture_output=True, text=True, check=True, timeout=30
    ).stdout
    checks = [
        line for line in dry_run.splitlines() if re.search(r"\.venv/bin/python -(m (ruff|mypy)|c .*importlinter)", line)
    ]
    assert len(checks) == 5
    assert [shlex.split(hook["entry"].removeprefix("env ")) for hook in hooks] == [shlex.split(line) for line in checks]
