"""`make` in a fresh clone, without a network. One wheel replaces all locked packages.

The wheel contains a .pth file. Through this file, Python finds the packages of the environment that runs the tests.
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

from tests.frame.conftest import CHECKOUT, copy_checkout

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("set-up"), pytest.mark.timeout(240)]

WHEEL = "everything-1.0-py3-none-any.whl"


def write_wheel(folder: Path) -> str:
    """Write the wheel. Return its SHA-256 as hexadecimal digits."""
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


def new_clone(folder: Path) -> Clone:
    packages = folder / "packages"
    digest = write_wheel(packages)
    clone = Clone(copy_checkout(folder / """it's a "clone" für $HOME"""), packages)
    (clone.folder / "requirements.lock").write_text(f"everything==1.0 --hash=sha256:{digest}\n")
    return clone


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    """A clone without a virtual environment."""
    return new_clone(tmp_path)


@dataclass
class SetUp:
    """A clone whose environment several tests use, and the output of the first `make config`."""

    clone: Clone
    first: "subprocess.CompletedProcess[str]"


@pytest.fixture(scope="module")
def set_up(tmp_path_factory: pytest.TempPathFactory) -> SetUp:
    clone = new_clone(tmp_path_factory.mktemp("set-up"))
    return SetUp(clone, clone.make("config"))


@pytest.fixture
def project(set_up: SetUp) -> Clone:
    """A clone with an environment and the checkout's configuration.

    No command has run in it yet.
    """
    folder = set_up.clone.folder
    shutil.copy(CHECKOUT / "config.yaml", folder)
    for made in ("data", ".lgbm-sm"):
        shutil.rmtree(folder / made, ignore_errors=True)
    return set_up.clone


def test_the_project_is_ready_in_any_folder_and_a_second_time_without_a_package_index(set_up: SetUp) -> None:
    clone, first = set_up.clone, set_up.first
    assert f"set-up: {sys.executable} (Python {sys.version.split()[0]}) creates .venv" in first.stderr
    assert "training.instance_type" in first.stdout
    assert clone.python("import lgbm_sm; print(lgbm_sm.__file__)") == str(clone.folder / "lgbm_sm" / "__init__.py")

    second = clone.make("config", offline=True)
    assert "set-up" not in second.stderr
    assert second.stdout == first.stdout

    # a change of the project's own definition needs no download
    with (clone.folder / "pyproject.toml").open("a") as pyproject:
        pyproject.write("# changed\n")
    third = clone.make("set-up", offline=True)
    assert "creates .venv" not in third.stderr
    assert ".venv is ready" in third.stderr


def test_the_environment_is_made_again_when_the_clone_is_in_another_folder_or_it_is_half_made(
    set_up: SetUp, tmp_path: Path
) -> None:
    folder = shutil.copytree(set_up.clone.folder, tmp_path / "moved", symlinks=True)
    moved = Clone(folder, set_up.clone.packages)
    assert "creates .venv" in moved.make("set-up").stderr
    assert moved.python("import lgbm_sm; print(lgbm_sm.__file__)") == str(folder / "lgbm_sm" / "__init__.py")

    (folder / ".venv" / "packages.stamp").unlink()  # the last thing that an installation writes
    assert "creates .venv" in moved.make("set-up").stderr


def test_nothing_counts_as_set_up_when_a_package_has_another_hash(clone: Clone) -> None:
    lock = clone.folder / "requirements.lock"
    lock.write_text(f"everything==1.0 --hash=sha256:{'0' * 64}\n")
    finished = clone.make("set-up", exit_code=2)
    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in finished.stderr
    assert "error: could not install the packages" in finished.stderr
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


def test_only_what_changed_is_done_again_when_prepare_data_and_train_run_twice(project: Clone) -> None:
    def jobs() -> int:
        return len(list((project.folder / ".lgbm-sm" / "jobs").glob("*/output/model.tar.gz")))

    project.make("train")
    assert (project.folder / "data" / "schema" / "schema.json").is_file()
    assert jobs() == 1
    project.make("train")
    assert jobs() == 1

    config = project.folder / "config.yaml"
    config.write_text(config.read_text().replace("num_leaves: 31", "num_leaves: 15"))
    project.make("train")
    assert jobs() == 2

    shutil.rmtree(project.folder / "data")
    project.make("prepare-data")
    assert (project.folder / "data" / "schema" / "schema.json").is_file()


def test_the_data_is_made_again_when_the_users_own_table_changes(project: Clone) -> None:
    table = project.folder / "my table.csv"
    config = project.folder / "config.yaml"
    config.write_text("data: {name: own, file: my table.csv}\n")
    train_path = project.folder / "data" / "train" / "own_train.csv"
    for rows in (40, 60):
        table.write_text("".join(f"{index},{index * 2}\n" for index in range(rows)))
        project.make("prepare-data")
        assert len(train_path.read_text().splitlines()) == rows * 6 // 10


def test_the_data_of_config_yaml_is_prepared_again_after_train_was_given_another(project: Clone) -> None:
    project.make("prepare-data")
    project.make("train", "ARGS=--set data.name=diabetes")
    assert (project.folder / "data" / "train" / "diabetes_train.csv").is_file()
    project.make("prepare-data")
    assert (project.folder / "data" / "train" / "boston_train.csv").is_file()


def test_the_command_is_run_as_given_when_it_has_arguments(project: Clone) -> None:
    project.make("prepare-data")
    project.make("prepare-data", "ARGS=--set data.name=diabetes")
    assert (project.folder / "data" / "train" / "diabetes_train.csv").is_file()
    project.make("prepare-data")
    assert (project.folder / "data" / "train" / "boston_train.csv").is_file()
    assert not (project.folder / "data" / "train" / "diabetes_train.csv").exists()
