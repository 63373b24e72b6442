"""The program's compiled part for this machine: made once for each version of it, kept in the user's cache."""

import hashlib
import platform
import sys
from collections.abc import Mapping
from pathlib import Path

# What lgbm_runtime/core/native_code.py reads.
VARIABLE = "LGBM_RUNTIME_NATIVE"


def native_code_path(runtime_path: Path, environment: Mapping[str, str]) -> Path | None:
    """The shared library made of `runtime_path`/lgbm_runtime/core/native; None where it cannot be made.

    The program then does without, so that nothing is said here: the server's first line says it, and `doctor` why.
    """
    folder = runtime_path / "lgbm_runtime" / "core" / "native"
    digest = hashlib.sha256(f"{sys.platform} {platform.machine()} {platform.libc_ver()}".encode())
    # a project's own copy of the program may be without it
    for source in sorted(folder.glob("*")):
        digest.update(source.read_bytes())
    cache_folder = _cache_folder(environment)
    if cache_folder is None:
        return None
    path = cache_folder / f"native-{digest.hexdigest()[:12]}.so"
    if path.is_file():
        return path
    import subprocess

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        ended = subprocess.run(
            ["/bin/sh", str(folder / "compile.sh"), str(path)],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
    except OSError:
        return None
    return path if ended.returncode == 0 else None


def _cache_folder(environment: Mapping[str, str]) -> Path | None:
    """Source: the XDG Base Directory Specification. None where this user has no home."""
    for variable, folder in (("XDG_CACHE_HOME", ""), ("HOME", ".cache")):
        path = Path(environment.get(variable, ""))
        if path.is_absolute():
            return path / folder / "lgbm-sm"
    return None
