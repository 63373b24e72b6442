"""Install the programs for the benchmark, and a virtual environment for each server."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_INSTALL_SECONDS = 900
_LAST_LINES = 5
# these folders have servers, but they are often not on a user's PATH
_SYSTEM_PATHS = ("/usr/local/sbin", "/usr/sbin", "/sbin")
_VERSIONS = """
import importlib.metadata, json, sys
print(json.dumps({name: importlib.metadata.version(name) for name in sys.argv[1:]}))
"""


class UnavailableError(Exception):
    """A program cannot be installed or started on this machine. The message gives the reason."""


def system_program(name: str, package: str) -> Path:
    """Return the path of a program.

    If the program is missing and this process runs as root, install Debian's `package`.

    Raises:
        UnavailableError: the program is missing and cannot be installed.
    """
    search_path = os.pathsep.join([os.environ.get("PATH", ""), *_SYSTEM_PATHS])
    found = shutil.which(name, path=search_path)
    if not found and os.geteuid() == 0 and shutil.which("apt-get"):
        _say(f"apt-get install {package}")
        _run(["apt-get", "update", "--quiet"], f"apt-get update, for {name}")
        install = ["apt-get", "install", "--quiet", "--yes", "--no-install-recommends", package]
        _run(install, f"apt-get install {package}", {**os.environ, "DEBIAN_FRONTEND": "noninteractive"})
        found = shutil.which(name, path=search_path)
    if not found:
        raise UnavailableError(f"{name} is not on PATH: sudo apt install {package}")
    return Path(found)


@dataclass(frozen=True)
class PeerEnvironment:
    """A virtual environment with the packages of a requirements file."""

    folder: Path
    requirements: tuple[str, ...]

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    def program(self, name: str) -> Path:
        return self.folder / "bin" / name

    def versions(self) -> dict[str, str]:
        """Return the version of Python and the versions of the packages."""
        asked = [str(self.python), "-c", _VERSIONS, *self.requirements]
        answer = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=60).stdout
        return {"python": sys.version.split()[0], **json.loads(answer)}


def peer_environment(cache_path: Path, name: str, requirements_path: Path) -> PeerEnvironment:
    """Return the environment for a requirements file. Create it if it is not in the cache.

    If the content of the file changes, another environment is created.

    Raises:
        UnavailableError: pip failed. The message has the last lines of pip.
    """
    content = requirements_path.read_text(encoding="utf-8")
    digest = hashlib.sha256(f"{sys.version}\n{content}".encode()).hexdigest()[:12]
    folder = cache_path / f"{name}-{digest}"
    complete_path = folder / "complete"
    if not complete_path.exists():
        _say(f"{name}: installing {requirements_path.name} into {folder}")
        shutil.rmtree(folder, ignore_errors=True)
        _run([sys.executable, "-m", "venv", str(folder)], f"{name}: venv")
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run([*pip, "--requirement", str(requirements_path)], f"{name}: pip install")
        complete_path.touch()
    lines = (line.partition("#")[0].partition(";")[0].strip() for line in content.splitlines())
    return PeerEnvironment(folder, tuple(dict.fromkeys(line.partition("==")[0].strip() for line in lines if line)))


def _run(command: list[str], what: str, environment: Mapping[str, str] | None = None) -> None:
    try:
        ended = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_INSTALL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise UnavailableError(f"{what}: still running after {_INSTALL_SECONDS} s") from error
    if ended.returncode:
        words = (ended.stderr.strip() or ended.stdout.strip()).splitlines()[-_LAST_LINES:]
        raise UnavailableError(f"{what}: exit code {ended.returncode}: {' / '.join(words)}")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
