"""The appearance of the commands: help, output formats, exit codes, and few imports."""

import json
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from typer import Context
from typer.main import get_command

from lgbm_sm import cli  # noqa: F401 - registers the commands
from lgbm_sm.commands.app import app
from tests.cli.conftest import CommandLine
from tests.cli.terminal import Terminal

COMMANDS = {
    "Lifecycle": ["run", "prepare-data", "build", "push", "train", "deploy", "predict", "stop", "cleanup"],
    "Models": ["init", "new-identity", "status", "logs", "bench"],
    "AWS": ["policy"],
    "Diagnose": ["config", "doctor", "explain", "verify"],
}
HEAVY = {
    "pydantic",
    "psutil",
    "pandas",
    "numpy",
    "lightgbm",
    "sklearn",
    "pyarrow",
    "boto3",
    "botocore",
    "sagemaker",
    "docker",
    "scipy",
}


@pytest.fixture
def lgbm_sm(tmp_path: Path) -> CommandLine:
    """Start a new process for each command, as users do."""
    return CommandLine(tmp_path)


def test_the_help_lists_the_commands_in_groups(lgbm_sm: CommandLine) -> None:
    groups: dict[str, list[str]] = {}
    for line in lgbm_sm("--help").stdout.partition("Options:")[2].splitlines():
        if line.endswith(":") and not line.startswith(" "):
            groups[line[:-1]] = []
        elif groups and line.startswith("  ") and line[2] != " ":
            groups[list(groups)[-1]].append(line.split()[0])
    assert groups == COMMANDS
    assert {name for names in COMMANDS.values() for name in names} == set(get_command(app).commands)  # type: ignore[attr-defined] # a group


def test_a_terminal_shows_a_panel_for_each_group(lgbm_sm: CommandLine) -> None:
    with Terminal(lgbm_sm.folder, "--help", environment={"TERM": "xterm"}) as terminal:
        code, shown, _ = terminal.end()
    assert code == 0
    order = [shown.index(f"─ {group} ─") for group in COMMANDS]
    assert order == sorted(order)
    assert order[0] < shown.index("│ prepare-data") < order[1]


def parameters() -> Iterator[tuple[str, Any]]:
    program = get_command(app)
    context = Context(program)
    yield from (("lgbm-sm", parameter) for parameter in program.get_params(context))
    for name, command in program.commands.items():  # type: ignore[attr-defined] # a group
        yield from ((name, parameter) for parameter in command.get_params(Context(command, parent=context)))


def test_every_option_and_argument_has_help() -> None:
    listed = list(parameters())
    assert len(listed) > 60
    assert [(name, parameter.name) for name, parameter in listed if not (parameter.help or "").strip()] == []


def test_the_help_is_shown_when_nothing_is_asked(lgbm_sm: CommandLine) -> None:
    assert lgbm_sm().stdout == lgbm_sm("--help").stdout


@pytest.mark.parametrize("command", [name for names in COMMANDS.values() for name in names])
def test_a_commands_help_begins_with_an_example_and_ends_with_what_comes_next(
    lgbm_sm: CommandLine, command: str
) -> None:
    text = lgbm_sm(command, "--help").stdout
    example = text.index(f"lgbm-sm {command}", text.index("\n\n"))
    assert example < text.index("Next: ") < text.index("--config")
    assert "--set KEY=VALUE" in text


@pytest.mark.parametrize("arguments", [["--help"], ["status"], ["config"], ["stop"], ["cleanup", "--yes"]])
def test_nothing_heavy_is_imported_when_a_command_needs_none_of_it(lgbm_sm: CommandLine, arguments: list[str]) -> None:
    program = (
        "import sys, atexit\n"
        "atexit.register(lambda: print(*sys.modules, file=sys.stderr))\n"
        "from lgbm_sm.cli import main\n"
        "main()\n"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program, *arguments], cwd=lgbm_sm.folder, capture_output=True, text=True, check=True
    )
    assert "lgbm_sm.cli" in finished.stderr.split()
    assert HEAVY & set(finished.stderr.split()) == set()


@pytest.mark.parametrize("before", [True, False])
def test_shared_options_count_wherever_they_stand(lgbm_sm: CommandLine, before: bool) -> None:
    (lgbm_sm.folder / "other.yaml").write_text("project:\n  name: other\n")
    options = ["--config", "other.yaml", "--set", "data.name=iris", "--output", "json", "-v"]
    arguments = [*options, "config"] if before else ["config", *options]
    values = json.loads(lgbm_sm(*arguments).stdout)["config"]
    assert values["project.name"] == {"value": "other", "source": "other.yaml:2"}
    assert values["data.name"] == {"value": "iris", "source": "--set"}


def test_overrides_add_up_when_they_stand_before_and_after_the_command(lgbm_sm: CommandLine) -> None:
    finished = lgbm_sm("--set", "data.name=iris", "config", "--set", "project.name=mine", "--output", "json")
    values = json.loads(finished.stdout)["config"]
    assert (values["data.name"]["value"], values["project.name"]["value"]) == ("iris", "mine")


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (["no-such-command"], 2, "no-such-command"),
        (["train", "--no-such-option"], 2, "--no-such-option"),
        (["predict", "--give", "nonsense"], 2, "--give nonsense: unknown output"),
        (["cleanup", "--keep", "nonsense"], 2, "--keep nonsense: this is not a kind of resource"),
        (["config", "--set", "training.instance_typ=local"], 3, "did you mean"),
        (["--config", "missing.yaml", "config"], 3, "missing.yaml"),
        (["train"], 4, "prepare-data"),
        (["prepare-data", "--set", "data.file=missing.csv"], 4, "missing.csv"),
        (["deploy"], 7, "no completed training job"),
        (["predict"], 8, "no endpoint in service"),
        (["logs"], 8, "run `lgbm-sm train`, then `lgbm-sm deploy`"),
    ],
)
def test_a_message_a_hint_and_the_right_code_are_given_when_a_command_fails(
    lgbm_sm: CommandLine, arguments: list[str], exit_code: int, message: str
) -> None:
    plain = lgbm_sm(*arguments, exit_code=exit_code)
    assert plain.stdout == ""
    assert message in plain.stderr
    assert "Traceback" not in plain.stderr
    assert plain.stderr.splitlines()[-1].startswith(("hint: ", "error: "))
    as_json = lgbm_sm(*arguments, "--output", "json", exit_code=exit_code)
    error = json.loads(as_json.stdout)["error"]
    assert message in error["message"] + error["hint"]
    assert error["exit_code"] == exit_code


def test_cleanup_refuses_when_nobody_can_answer(lgbm_sm: CommandLine) -> None:
    (lgbm_sm.folder / ".lgbm-sm/jobs/left").mkdir(parents=True)
    refused = lgbm_sm("cleanup", exit_code=2)
    assert "hint: pass --yes" in refused.stderr
    assert (lgbm_sm.folder / ".lgbm-sm/jobs/left").exists()
    lgbm_sm("cleanup", "--yes")
    assert not (lgbm_sm.folder / ".lgbm-sm/jobs/left").exists()


def test_the_versions_are_listed(lgbm_sm: CommandLine) -> None:
    names = [line.split()[0] for line in lgbm_sm("--version").stdout.splitlines()]
    assert names == ["lgbm-sm", "python", "lightgbm", "sagemaker-core"]


@pytest.mark.parametrize("arguments", [["--version", "--output", "json"], ["--output=json", "--version"]])
def test_the_versions_are_json_when_json_is_asked_for(lgbm_sm: CommandLine, arguments: list[str]) -> None:
    versions = json.loads(lgbm_sm(*arguments).stdout)
    assert list(versions) == ["lgbm-sm", "python", "lightgbm", "sagemaker-core"]
    assert versions["lightgbm"] == metadata.version("lightgbm")


@pytest.mark.parametrize("command", ["--help", "--version", "config", "status", "run"])
def test_a_closed_pipe_is_not_reported_as_a_bug(lgbm_sm: CommandLine, command: str) -> None:
    finished = in_bash(lgbm_sm.folder, f'"$0" -m lgbm_sm {command} 2>&1 | true; echo "${{PIPESTATUS[0]}}"')
    assert (finished.stdout, finished.stderr) == ("141\n", "")


def test_a_command_finishes_its_work_when_only_its_messages_are_not_read(lgbm_sm: CommandLine) -> None:
    finished = in_bash(lgbm_sm.folder, '"$0" -m lgbm_sm run 2> >(true); echo "$?"')
    lines = finished.stdout.splitlines()
    assert (len(lines), lines[-1], finished.stderr) == (103, "0", "")


def in_bash(folder: Path, command: str) -> "subprocess.CompletedProcess[str]":
    """Run a command in bash. `$0` is the path of Python."""
    return subprocess.run(
        ["bash", "-c", command, sys.executable], cwd=folder, capture_output=True, text=True, timeout=60, check=True
    )


def test_a_bug_keeps_its_traceback(tmp_path: Path) -> None:
    program = (
        "import sys\nfrom lgbm_sm import cli\n"
        "@cli.app.command('defective')\n"
        "def defective() -> None: raise RuntimeError('a bug')\n"
        "sys.argv = ['lgbm-sm', 'defective']\ncli.main()\n"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 1
    assert finished.stderr.rstrip().endswith("RuntimeError: a bug")
