"""The choice of Python for the set-up. PATH has programs that behave like real ones."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

THIS_VERSION = ".".join(str(part) for part in sys.version_info[:3])
SHIM = """#!/bin/sh
echo "pyenv: $0: command not found" >&2
exit 127
"""
OLD = """#!/bin/sh
echo 3.9.18
exit 3
"""


@dataclass
class SearchPath:
    """A PATH that has only the folders of the test."""

    base: Path
    script: Path

    def add(self, folder: str, name: str, text: str) -> Path:
        path = self.base / folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
        return path

    def find(self, *arguments: str, folders: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["/bin/sh", str(self.script), *arguments],
            env={"PATH": ":".join(str(self.base / folder) for folder in folders.split())},
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )


def working(environment: str = "") -> str:
    return f'#!/bin/sh\n{environment} exec "{sys.executable}" "$@"\n'


@pytest.fixture
def search_path(tmp_path: Path, checkout: Path) -> SearchPath:
    return SearchPath(tmp_path, checkout / "tools" / "find-python.sh")


def test_the_newest_python_is_taken_when_several_work(search_path: SearchPath) -> None:
    search_path.add("bin", "python3", working())
    newest = search_path.add("bin", "python3.13", working())
    search_path.add("bin", "python3.11", working())
    assert search_path.find(folders="bin").stdout.splitlines() == [str(newest), THIS_VERSION]


def test_a_shim_without_its_version_is_passed_over_when_a_later_folder_has_the_real_one(
    search_path: SearchPath,
) -> None:
    search_path.add("shims", "python3.12", SHIM)
    real = search_path.add("bin", "python3.12", working())
    assert search_path.find(folders="shims bin").stdout.splitlines()[0] == str(real)


def test_plain_python3_is_taken_when_no_versioned_name_works(search_path: SearchPath) -> None:
    search_path.add("shims", "python3.14", SHIM)
    python3 = search_path.add("bin", "python3", working())
    assert search_path.find(folders="shims bin").stdout.splitlines()[0] == str(python3)


def test_a_folder_with_blanks_is_searched(search_path: SearchPath) -> None:
    (search_path.base / "my tools").mkdir()
    python = search_path.add("my tools", "python3.11", working())
    finished = subprocess.run(
        ["/bin/sh", str(search_path.script)],
        env={"PATH": f"/nowhere::{python.parent}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert finished.stdout.splitlines()[0] == str(python)


def test_the_search_ends_with_what_was_found_and_what_is_needed_when_none_will_do(search_path: SearchPath) -> None:
    shim = search_path.add("bin", "python3.12", SHIM)
    old = search_path.add("bin", "python3", OLD)
    finished = search_path.find(folders="bin")
    assert finished.returncode == 1
    assert finished.stdout == ""
    assert "error: Python 3.11 or newer is needed. Found:" in finished.stderr
    assert f"{shim} does not run" in finished.stderr
    assert f"{old} is Python 3.9.18" in finished.stderr


def test_the_search_says_so_when_there_is_no_python_at_all(search_path: SearchPath) -> None:
    finished = search_path.find(folders="empty")
    assert finished.returncode == 1
    assert "Found: none on PATH" in finished.stderr


@pytest.fixture
def without_ensurepip(search_path: SearchPath) -> Path:
    """A Python without ensurepip, as on Debian without python3-venv."""
    search_path.add("modules", "ensurepip.py", "raise ModuleNotFoundError(name='ensurepip')\n")
    return search_path.add("bin", "python3.12", working(f'PYTHONPATH="{search_path.base / "modules"}"'))


def test_the_apt_line_is_printed_when_ensurepip_is_missing(search_path: SearchPath, without_ensurepip: Path) -> None:
    finished = search_path.find(folders="bin")
    assert finished.returncode == 1
    assert f"{without_ensurepip} is Python {THIS_VERSION}, but has no ensurepip" in finished.stderr
    minor = THIS_VERSION.rpartition(".")[0]
    assert f"sudo apt install python{minor}-venv" in finished.stderr


@pytest.mark.usefixtures("without_ensurepip")
def test_a_python_without_ensurepip_is_passed_over_when_another_has_it(search_path: SearchPath) -> None:
    whole = search_path.add("bin", "python3.11", working())
    assert search_path.find(folders="bin").stdout.splitlines()[0] == str(whole)


@pytest.mark.parametrize("as_path", [True, False])
def test_only_the_named_python_is_tried_when_one_is_named(search_path: SearchPath, as_path: bool) -> None:
    search_path.add("bin", "python3.14", working())
    named = search_path.add("bin", "my-python", working())
    argument = str(named) if as_path else named.name
    assert search_path.find(argument, folders="bin").stdout.splitlines()[0] == str(named)


def test_the_named_python_is_refused_when_it_is_too_old(search_path: SearchPath) -> None:
    search_path.add("bin", "python3.14", working())
    old = search_path.add("bin", "python3.9", OLD)
    finished = search_path.find("python3.9", folders="bin")
    assert finished.returncode == 1
    assert f"{old} is Python 3.9.18" in finished.stderr


def test_the_named_python_is_refused_when_it_is_not_there(search_path: SearchPath) -> None:
    search_path.add("bin", "python3.14", working())
    finished = search_path.find("python3.99", folders="bin")
    assert finished.returncode == 1
    assert "python3.99 is not on PATH" in finished.stderr
