"""Execute a page: write its files and run its commands, in their order."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterable, Mapping
from functools import partial
from pathlib import Path

from tests.cli.forked import ForkServer
from tests.documentation.pages import CHECKOUT, Block, Command

ANYTHING = "…"
_NEED_SHELL = set("|<>&;$*?~`()#\\\n")


def walk(
    blocks: Iterable[Block],
    kinds: Collection[str],
    folder: Path,
    environment: Mapping[str, str],
    server: ForkServer | None = None,
) -> int:
    """Write the files and run the commands of these kinds in `folder`.

    Return the number of commands. A shell runs the commands. With a `server`, commands that need no shell are forked
    from it, which saves the time of imports.
    """
    examples = folder / "examples"
    if not examples.exists():
        examples.symlink_to(CHECKOUT / "examples")
    commands = 0
    where = folder
    programs = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    everything = {**os.environ, **environment, "PATH": programs}
    for block in blocks:
        if not block.kinds & set(kinds):
            continue
        if block.file is not None:
            path = folder / block.file
            path.parent.mkdir(exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
        for command in block.commands:
            commands += 1
            if command.text.startswith("cd "):
                where = where / command.text.removeprefix("cd ")
                assert where.is_dir(), command.text
            else:
                is_plain = command.text.startswith("lgbm-sm ") and not _NEED_SHELL & set(command.text)
                run = partial(_run_forked, server) if server is not None and is_plain else _run_in_shell
                code, said = run(command.text, where, everything)
                assert code == 0, f"$ {command.text}\n{said}"
                _assert_shown(command, said)
    return commands


def _run_forked(server: ForkServer, text: str, folder: Path, environment: dict[str, str]) -> tuple[int, str]:
    with tempfile.NamedTemporaryFile("r") as output:
        code = server.run(
            {
                "arguments": shlex.split(text)[1:],
                "folder": str(folder),
                "environment": environment,
                "output": [output.name, output.name],
            }
        )
        return code, output.read()


def _run_in_shell(text: str, folder: Path, environment: dict[str, str]) -> tuple[int, str]:
    finished = subprocess.run(
        ["sh", "-c", text],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=110,
        check=False,
    )
    return finished.returncode, finished.stdout


def _assert_shown(command: Command, output: str) -> None:
    """Assert that the lines on the page are in the output, in the same order."""
    said = iter(output.splitlines())
    for line in command.shown:
        if line.strip() in ("", ANYTHING):
            continue
        expected = ".*".join(map(re.escape, line.rstrip().split(ANYTHING)))
        found = any(re.fullmatch(expected, other.rstrip()) for other in said)
        assert found, f"$ {command.text}\nthe page shows {line!r}; it says\n{output}"
