"""README shows real commands, real output and the real exit codes."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from lgbm_sm.errors import ExitCode


@pytest.fixture(scope="module")
def readme() -> str:
    return (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")


def lgbm_sm(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "lgbm_sm", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )


def test_every_file_exists_when_readme_links_to_it(readme: str, checkout: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", readme)
    assert "config.yaml" in links
    assert [link for link in links if not (checkout / link).exists()] == []


def test_exit_codes_are_those_of_the_table(readme: str) -> None:
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", readme, re.MULTILINE)] == [int(code) for code in ExitCode]


def test_readme_names_the_commands_that_help_lists_and_no_others(readme: str, tmp_path: Path) -> None:
    named = re.findall(r"`lgbm-sm ([a-z][a-z-]+)|^\$ lgbm-sm ([a-z-]+)", readme, re.MULTILINE)
    commands = {command for pair in named for command in pair if command}
    help_text = lgbm_sm(tmp_path, "--help").stdout
    assert "run" in commands
    assert commands == set(re.findall(r"^  ([a-z][a-z-]+)  ", help_text, re.MULTILINE))


def test_readme_names_the_targets_that_make_lists_and_no_others(readme: str, checkout: Path) -> None:
    makefile = (checkout / "Makefile").read_text(encoding="utf-8")
    listed = re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE)
    named = re.findall(r"(?:`|\$ )make ([a-z][a-z-]*)", readme)
    assert {"run", "test", "train"} <= set(named)
    assert set(named) == set(listed)


@pytest.mark.slow
def test_run_says_what_readme_shows(readme: str, tmp_path: Path) -> None:
    shown = readme.partition("$ make run")[2].partition("```text\n")[2].partition("```")[0].splitlines()
    said = [comparable(line) for line in lgbm_sm(tmp_path, "run").stderr.splitlines()]
    position = 0
    for line in shown:
        if line.strip() == "…":
            continue
        expected = comparable(line)
        assert expected in said[position:], f"README shows {line!r}"
        position += said[position:].index(expected) + 1


def comparable(line: str) -> str:
    """Replace the parts of a line that differ between runs and machines."""
    line = re.sub(r"\d{4}(-\d\d){5}-[0-9a-z]{3}", "TIME", line)
    line = re.sub(r"(…|/)\S*/(data|\.lgbm-sm)/", r"…/\2/", line)
    line = re.sub(r"127\.0\.0\.1:\d+ after \d+\.\d s", "PORT, SECONDS", line)
    line = re.sub(r"^    ([a-z -]+?)( +)\d+\.\d$", r"    \1 SECONDS", line)
    return re.sub(r"(lightgbm|python|lgbm_runtime) \d+\.\d+\.\d+", r"\1 VERSION", line)
