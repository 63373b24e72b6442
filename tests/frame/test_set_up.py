"""`make` from a fresh clone onwards, without network: one wheel stands for all the locked packages.

It holds a .pth file, by which the packages of the environment that runs the tests are found.
"""

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.frame.conftest import copy_checkout

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("set-up"), pytest.mark.timeout(240)]

WHEEL = "everything-1.0-py3-none-any.whl"


def write_wheel(folder: Path) -> str:
    """Write the wheel; its SHA-256 as hexadecimal digits."""
    contents = {
        "everything.pth": sysconfig.get_path("purelib") + "\n",
        "everything-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: everything\nVersion: 1.0\n",
        "everything-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    records = [
        f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b'=').decode()},"
        for name, text in contents.items()
    ]
    contents["everything-1.0.dist-info/RECORD"] = "\n".join([*records, "everything-1.0.dist-info/RECORD,,", ""])
    folder.mkdir()
    with zipfile.ZipFile(folder / WHEEL, "w") as wheel:
        for name, text in contents.items():
            wheel.writestr(name, text)
    return hashlib.sha256((folder / WHEEL).read_bytes()).hexdigest()


@dataclass
class Clone:
    folder: Path
    packages: Path

    def make(self, *arguments: str, exit_code: int = 0, offline: bool = False) -> "subprocess.CompletedProcess[str]":
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.packages / "home"),
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(self.packages / "none" if offline else self.packages),
        }
        finished = subprocess.run(
            ["make", f"PYTHON={sys.executable}", *arguments],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=110,
        )
        assert finished.returncode == exit_code, f"{finished.returncode}\n{finished.stdout}\n{finished.stderr}"
        return finished

    def python(self, program: str) -> str:
        return subprocess.run(
            [self.folder / ".venv" / "bin" / "python", "-c", program],
            cwd=self.packages,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout.strip()


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    packages = tmp_path / "packages"
    digest = write_wheel(packages)
    clone = Clone(copy_checkout(tmp_path / """it's a "clone" für $HOME"""), packages)
    (clone.folder / "requirements.lock").write_text(f"everything==1.0 --hash=sha256:{digest}\n")
    return clone


def test_the_project_is_ready_in_any_folder_and_a_second_time_without_a_package_index(clone: Clone) -> None:
    first = clone.make("config")
    assert f"set-up: {sys.executable} (Python {sys.version.split()[0]}) makes .venv" in first.stderr
    assert "training.instance_type" in first.stdout
    assert clone.python("import lgbm_sm; print(lgbm_sm.__file__)") == str(clone.folder / "lgbm_sm" / "__init__.py")

    second = clone.make("config", offline=True)
    assert "set-up" not in second.stderr
    assert second.stdout == first.stdout

    # a change of the project's own definition needs no download
    with (clone.folder / "pyproject.toml").open("a") as pyproject:
        pyproject.write("# changed\n")
    third = clone.make("set-up", offline=True)
    assert "makes .venv" not in third.stderr
    assert ".venv is ready" in third.stderr


def test_the_environment_is_made_again_when_it_is_half_made_or_the_clone_has_moved(clone: Clone) -> None:
    clone.make("set-up")
    (clone.folder / ".venv" / "packages.stamp").unlink()  # the last thing that an installation writes
    assert "makes .venv" in clone.make("set-up").stderr

    moved = Clone(clone.folder.rename(clone.folder.with_name("moved")), clone.packages)
    assert "makes .venv" in moved.make("set-up").stderr
    assert moved.python("import lgbm_sm; print(lgbm_sm.__file__)") == str(moved.folder / "lgbm_sm" / "__init__.py")


def test_nothing_counts_as_set_up_when_a_package_has_another_hash(clone: Clone) -> None:
    lock = clone.folder / "requirements.lock"
    lock.write_text(f"everything==1.0 --hash=sha256:{'0' * 64}\n")
    finished = clone.make("set-up", exit_code=2)
    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in finished.stderr
    assert "error: the packages could not be installed" in finished.stderr
    assert not (clone.folder / ".venv" / "packages.stamp").exists()


def test_the_first_set_up_says_that_it_needs_a_connection_when_there_is_none(clone: Clone) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(clone.packages),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",  # nothing listens on the discard port
        "PIP_RETRIES": "1",
    }
    finished = subprocess.run(
        ["make", f"PYTHON={sys.executable}", "set-up"],
        cwd=clone.folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert finished.returncode == 2
    assert "error: no connection to the package index: the first set-up downloads the packages" in finished.stderr


def test_only_what_changed_is_done_again_when_prepare_data_and_train_run_twice(clone: Clone) -> None:
    def jobs() -> int:
        return len(list((clone.folder / ".lgbm-sm" / "jobs").glob("*/output/model.tar.gz")))

    clone.make("train")
    assert (clone.folder / "data" / "schema" / "schema.json").is_file()
    assert jobs() == 1
    clone.make("train")
    assert jobs() == 1

    config = clone.folder / "config.yaml"
    config.write_text(config.read_text().replace("num_leaves: 31", "num_leaves: 15"))
    clone.make("train")
    assert jobs() == 2

    shutil.rmtree(clone.folder / "data")
    clone.make("prepare-data")
    assert (clone.folder / "data" / "schema" / "schema.json").is_file()


def test_the_data_is_made_again_when_the_users_own_table_changes(clone: Clone) -> None:
    table = clone.folder / "my table.csv"
    config = clone.folder / "config.yaml"
    config.write_text("data: {name: own, file: my table.csv}\n")
    train_path = clone.folder / "data" / "train" / "own_train.csv"
    for rows in (40, 60):
        table.write_text("".join(f"{index},{index * 2}\n" for index in range(rows)))
        clone.make("prepare-data")
        assert len(train_path.read_text().splitlines()) == rows * 6 // 10


def test_the_command_is_run_as_given_when_it_has_arguments(clone: Clone) -> None:
    clone.make("prepare-data")
    clone.make("prepare-data", "ARGS=--set data.name=diabetes")
    assert (clone.folder / "data" / "train" / "diabetes_train.csv").is_file()
    clone.make("prepare-data")
    assert (clone.folder / "data" / "train" / "boston_train.csv").is_file()
    assert not (clone.folder / "data" / "train" / "diabetes_train.csv").exists()
