"""`compile`: makes the compiled part of the program with the machine's C compiler."""

from __future__ import annotations

import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

_SOURCES = Path(__file__).parent / "native"
# for whatever processor of its kind: an image is built on one machine and runs on another
_OPTIONS = ("-std=c11", "-O3", "-fPIC", "-shared")


def compile_native(path: Path, environment: Mapping[str, str]) -> int:
    """Writes the shared library to `path`, at once or not at all, with the compiler that CC names (cc).

    Returns the exit code: 1 where there is no compiler, or it fails, after a line on stderr that says why.
    """
    compiler = shlex.split(environment.get("CC") or "cc")
    try:
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            partial_path = Path(folder) / path.name
            sources = sorted(map(str, _SOURCES.glob("*.c")))
            command = [*compiler, *_OPTIONS, "-o", str(partial_path), *sources, "-lm"]
            ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
            if ended.returncode == 0:
                partial_path.replace(path)
                return 0
    except FileNotFoundError as error:
        print(f"error: {error.filename}: not found; a C compiler is wanted, such as gcc", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {path} cannot be made: {error.strerror}", file=sys.stderr)
        return 1
    print(f"error: {shlex.join(command)} ended with exit code {ended.returncode}\n{ended.stderr}", file=sys.stderr)
    return 1
