"""The loader's own messages are told from one another, and lead to the right remedy."""

import ctypes
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools.check_lightgbm import library_path, remedy

MACOS = "dlopen(/x/lib_lightgbm.dylib, 0x0006): Library not loaded: @rpath/libomp.dylib\n  Reason: tried: '/opt/…'"


def test_the_check_passes_when_the_installed_library_loads(checkout: Path) -> None:
    subprocess.run([sys.executable, str(checkout / "tools" / "check_lightgbm.py")], check=True, timeout=30)


@pytest.mark.skipif(sys.platform != "linux", reason="the loader's message is Linux's")
def test_the_loader_names_libgomp_and_the_remedy_is_its_package_when_libgomp_is_missing(tmp_path: Path) -> None:
    # the real library, which asks for a libgomp of the same length that no machine has
    library = tmp_path / "lib_lightgbm.so"
    library.write_bytes(library_path().read_bytes().replace(b"libgomp.so.1\0", b"libgomp.so.0\0"))
    with pytest.raises(OSError, match=r"libgomp\.so\.0: cannot open shared object file") as caught:
        ctypes.CDLL(str(library))
    assert "sudo apt install libgomp1" in remedy(str(caught.value))
    assert "sudo dnf install libgomp" in remedy(str(caught.value))


def test_the_remedy_is_brew_when_macos_misses_libomp() -> None:
    assert remedy(MACOS).endswith("brew install libomp")


def test_no_remedy_is_invented_when_the_library_is_damaged(tmp_path: Path) -> None:
    library = tmp_path / "lib_lightgbm.so"
    library.write_bytes(b"not a library")
    with pytest.raises(OSError, match=r"lib_lightgbm\.so") as caught:
        ctypes.CDLL(str(library))
    assert remedy(str(caught.value)) == ""


def test_the_check_ends_with_an_error_line_when_lightgbm_is_not_installed(tmp_path: Path, checkout: Path) -> None:
    script = shutil.copy(checkout / "tools" / "check_lightgbm.py", tmp_path)
    finished = subprocess.run(
        [sys.executable, "-S", script], capture_output=True, text=True, check=False, timeout=30, cwd=tmp_path
    )
    assert finished.returncode == 1
    assert finished.stderr.startswith("error: LightGBM cannot be loaded: no installed lightgbm")
