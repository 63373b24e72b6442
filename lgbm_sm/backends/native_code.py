"""Compile the native part of the program once per version, into the user's cache."""

import hashlib
import platform
import sys
from collections.abc import Mapping
from pathlib import Path

# read by lgbm_runtime/core/native_code.py
VARIABLE = "LGBM_RUNTIME_NATIVE"


def native_code_path(runtime_path: Path, environment: Mapping[str, str]) -> Path | None:
    """Return the shared library of `runtime_path`/lgbm_runtime/core/native.

    Returns None if it cannot be compiled. The program then runs without it: the server's first line reports this, and
    `doctor` the reason.
    """
    folder = runtime_path / "lgbm_runtime" / "core" / "native"
    digest = hashlib.sha256(f"{sys.platform} {platform.machine()} {platform.libc_ver()}".encode())
    # the copy of the program in a project may lack it
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
    """Return the cache folder of the XDG Base Directory Specification.

    Returns None if this user has no home.
    """
    for variable, folder in (("XDG_CACHE_HOME", ""), ("HOME", ".cache")):
        path = Path(environment.get(variable, ""))
        if path.is_absolute():
            return path / folder / "lgbm-sm"
    return None
