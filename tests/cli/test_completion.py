"""The shell completion, requested in the same way as by a shell."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import CommandLine


def offered(lgbm_sm: CommandLine, *words: str) -> list[str]:
    """Return the completions of the last word after `lgbm-sm`."""
    lgbm_sm.environment |= {
        "_LGBM_SM_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(("lgbm-sm", *words)),
        "COMP_CWORD": str(len(words)),
    }
    return lgbm_sm().stdout.split()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("prep",), ["prepare-data"]),
        (("train", "--verb"), ["--verbose"]),
        (("train", "--set", "training.instance_t"), ["training.instance_type="]),
        (("--set", "data.ta"), ["data.target="]),
        (("predict", "--give", "l"), ["label", "leaf_index"]),
        (("explain", "p"), ["prepare-data", "push", "predict"]),
        (("deploy", "--model", ""), []),
    ],
)
def test_commands_options_and_values_are_completed(
    lgbm_sm: CommandLine, words: tuple[str, ...], expected: list[str]
) -> None:
    assert offered(lgbm_sm, *words) == expected


def test_jobs_on_record_are_offered_as_models(boston: CommandLine) -> None:
    jobs = [path.name for path in (boston.folder / ".lgbm-sm" / "jobs").iterdir()]
    here = CommandLine(boston.folder)
    assert offered(here, "deploy", "--model", "") == jobs
    assert offered(here, "train", "--attach", jobs[0][:5]) == jobs
    elsewhere = CommandLine(boston.folder.parent)
    config = str(boston.folder / "config.yaml")
    assert offered(elsewhere, "--config", config, "deploy", "--model", "") == jobs


@pytest.mark.parametrize(
    ("shell", "line"), [("bash", "complete -o default -F"), ("zsh", "#compdef lgbm-sm"), ("fish", "complete --command")]
)
def test_the_script_is_for_the_shell_that_was_named(lgbm_sm: CommandLine, shell: str, line: str) -> None:
    script = lgbm_sm("--show-completion", shell).stdout
    assert line in script
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=script, text=True, check=True, timeout=30)


def test_an_unknown_shell_is_wrong_usage(lgbm_sm: CommandLine) -> None:
    assert "'fish'" in lgbm_sm("--show-completion", "tcl", exit_code=2).stderr


def test_bash_completes_with_the_script(lgbm_sm: CommandLine, tmp_path: Path) -> None:
    script = tmp_path / "completion.sh"
    script.write_text(lgbm_sm("--show-completion", "bash").stdout)
    command = tmp_path / "lgbm-sm"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m lgbm_sm "$@"\n')
    command.chmod(0o755)
    asked = f'source "{script}"; COMP_WORDS=(lgbm-sm explain pu); COMP_CWORD=2; _lgbm_sm_completion lgbm-sm'
    finished = subprocess.run(
        ["bash", "-c", f'{asked}; printf "%s\\n" "${{COMPREPLY[@]}}"'],
        env={**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert (finished.stdout, finished.stderr) == ("push\n", "")


def test_completion_is_installed_for_the_shell_that_was_named(lgbm_sm: CommandLine, tmp_path: Path) -> None:
    lgbm_sm.environment["HOME"] = str(tmp_path)
    assert str(tmp_path) in lgbm_sm("--install-completion", "fish").stderr
    [installed] = tmp_path.glob(".config/fish/completions/*")
    assert "complete --command lgbm-sm" in installed.read_text()
