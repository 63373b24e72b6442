"""The targets of the Makefile, without a set-up."""

import re
import subprocess
from pathlib import Path

VERBS = {
    *("run", "prepare-data", "build", "verify", "push", "train", "deploy", "predict", "bench"),
    *("status", "logs", "stop", "cleanup", "new-identity", "config", "doctor", "policy", "explain"),
}


def make(checkout: Path, *arguments: str) -> str:
    return subprocess.run(
        ["make", *arguments], cwd=checkout, capture_output=True, text=True, check=True, timeout=30
    ).stdout


def test_every_target_is_listed_with_one_line_when_none_is_named(checkout: Path) -> None:
    listed = {line.split()[1] for line in make(checkout).splitlines()}
    phony = re.search(r"^\.PHONY:((?:.*\\\n)*.*)$", (checkout / "Makefile").read_text(), re.MULTILINE)
    assert phony
    assert listed == set(phony[1].replace("\\", " ").split()) - {"FORCE"}
    assert listed > VERBS


def test_each_verb_runs_its_command_with_the_given_options(checkout: Path) -> None:
    for verb in VERBS:
        assert f".venv/bin/python -m lgbm_sm {verb} --output json\n" in make(checkout, "-n", verb, "ARGS=--output json")
