"""If a system library is missing, each program shows how to install it."""

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the loader's messages are Linux's")


def python(checkout: Path, packages: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run Python with the checkout's runtime.

    Packages in the folder come before installed ones.
    """
    path = os.pathsep.join([str(packages), str(checkout / "containers" / "runtime")])
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """A folder with a copy of the installed lightgbm."""
    spec = find_spec("lightgbm")
    assert spec
    assert spec.origin
    shutil.copytree(Path(spec.origin).parent, tmp_path / "packages" / "lightgbm")
    return tmp_path / "packages"


@pytest.fixture
def without_libgomp(packages: Path) -> Path:
    """The real library, changed so that it needs a libgomp that no machine has."""
    library = packages / "lightgbm" / "lib" / "lib_lightgbm.so"
    content = library.read_bytes()
    assert b"libgomp.so.1\0" in content
    library.write_bytes(content.replace(b"libgomp.so.1\0", b"libgomp.so.0\0"))
    return packages


def test_the_check_passes_when_the_library_loads(checkout: Path, packages: Path) -> None:
    finished = python(checkout, packages, str(checkout / "tools" / "check_lightgbm.py"))
    assert (finished.returncode, finished.stderr) == (0, "")


def test_the_check_names_the_packages_when_libgomp_is_missing(checkout: Path, without_libgomp: Path) -> None:
    finished = python(checkout, without_libgomp, str(checkout / "tools" / "check_lightgbm.py"))
    assert finished.returncode == 1
    assert finished.stderr.startswith("error: LightGBM cannot be loaded: libgomp.so.0: cannot open shared object file")
    assert "sudo apt install libgomp1" in finished.stderr
    assert "Traceback" not in finished.stderr


def test_the_check_invents_no_remedy_when_the_library_is_damaged(checkout: Path, packages: Path) -> None:
    (packages / "lightgbm" / "lib" / "lib_lightgbm.so").write_bytes(b"not a library")
    finished = python(checkout, packages, str(checkout / "tools" / "check_lightgbm.py"))
    assert finished.returncode == 1
    assert finished.stderr.startswith("error: LightGBM cannot be loaded: ")
    assert "install" not in finished.stderr.partition("lib_lightgbm.so")[2]


def test_training_fails_with_the_remedy_when_libgomp_is_missing(
    checkout: Path, without_libgomp: Path, tmp_path: Path
) -> None:
    root = tmp_path / "ml"
    (root / "input" / "config").mkdir(parents=True)
    (root / "input" / "config" / "hyperparameters.json").write_text(json.dumps({}))
    finished = python(checkout, without_libgomp, "-m", "lgbm_runtime", "train", "--root", str(root))
    assert finished.returncode == 1
    assert "sudo apt install libgomp1" in (root / "output" / "failure").read_text().splitlines()[0]
