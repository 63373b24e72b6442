"""Does what a page says, in its order."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from tests.documentation.pages import CHECKOUT, Block, Command

ANYTHING = "…"


def walk(blocks: Iterable[Block], kinds: Collection[str], folder: Path, environment: Mapping[str, str]) -> int:
    """Write the files and run the commands of these kinds in `folder`; returns how many commands there were."""
    examples = folder / "examples"
    if not examples.exists():
        examples.symlink_to(CHECKOUT / "examples")
    commands = 0
    where = folder
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
                _run(command, where, environment)
    return commands


def _run(command: Command, folder: Path, environment: Mapping[str, str]) -> None:
    programs = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    finished = subprocess.run(
        ["sh", "-c", command.text],
        cwd=folder,
        env={**os.environ, **environment, "PATH": programs},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=110,
        check=False,
    )
    assert finished.returncode == 0, f"$ {command.text}\n{finished.stdout}"
    said = iter(finished.stdout.splitlines())
    for line in command.shown:
        if line.strip() in ("", ANYTHING):
            continue
        expected = ".*".join(map(re.escape, line.rstrip().split(ANYTHING)))
        found = any(re.fullmatch(expected, other.rstrip()) for other in said)
        assert found, f"$ {command.text}\nthe page shows {line!r}; it says\n{finished.stdout}"
