"""What README promises is so."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from lgbm_sm.errors import ExitCode

COMMANDS_TO_COME: set[str] = set()


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


def test_every_command_exists_when_readme_names_it(readme: str, tmp_path: Path) -> None:
    named = set(re.findall(r"`lgbm-sm ([a-z][a-z-]+)|^\$ lgbm-sm ([a-z-]+)", readme, re.MULTILINE))
    commands = {command for pair in named for command in pair if command}
    help_text = lgbm_sm(tmp_path, "--help").stdout
    listed = set(re.findall(r"^  ([a-z-]+)  ", help_text, re.MULTILINE))
    assert commands - listed <= COMMANDS_TO_COME
    assert "run" in commands & listed


def test_every_make_target_exists_when_readme_names_it(readme: str, checkout: Path) -> None:
    makefile = (checkout / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"(?:`|\$ )make ([a-z-]+)", readme))
    assert {"run", "test", "train"} <= targets
    assert [target for target in targets if not re.search(rf"^{target}:", makefile, re.MULTILINE)] == []


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
    """A line of output without what differs from run to run and from machine to machine."""
    line = re.sub(r"\d{4}(-\d\d){5}-[0-9a-z]{3}", "TIME", line)
    line = re.sub(r"(…|/)\S*/(data|\.lgbm-sm)/", r"…/\2/", line)
    line = re.sub(r"127\.0\.0\.1:\d+ after \d+\.\d s", "PORT, SECONDS", line)
    line = re.sub(r"^    ([a-z -]+?)( +)\d+\.\d$", r"    \1 SECONDS", line)
    return re.sub(r"(lightgbm|python|lgbm_runtime) \d+\.\d+\.\d+", r"\1 VERSION", line)
