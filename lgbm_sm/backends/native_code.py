"""Compile the C code of `lgbm_runtime` once for each version, into the user's cache folder."""

import hashlib
import platform
import sys
from collections.abc import Mapping
from pathlib import Path

# read by lgbm_runtime/core/native_code.py
VARIABLE = "LGBM_RUNTIME_NATIVE"


def native_code_path(runtime_path: Path, environment: Mapping[str, str]) -> Path | None:
    """Compile `runtime_path`/lgbm_runtime/core/native, if necessary, and return the shared library.

    Return None if the compilation fails. The server then runs without the library. The first line of the server's log
    shows this, and `doctor` reports the reason.
    """
    folder = runtime_path / "lgbm_runtime" / "core" / "native"
    digest = hashlib.sha256(f"{sys.platform} {platform.machine()} {platform.libc_ver()}".encode())
    # a project may have a copy of the runtime without C code
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
    """Return the user's cache folder, or None if the user has no home folder.

    Source: XDG Base Directory Specification.
    """
    for variable, folder in (("XDG_CACHE_HOME", ""), ("HOME", ".cache")):
        path = Path(environment.get(variable, ""))
        if path.is_absolute():
            return path / folder / "lgbm-sm"
    return None
