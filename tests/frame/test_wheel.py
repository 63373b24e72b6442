"""The wheel, installed without a checkout."""

import subprocess
import sys
import sysconfig
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.frame.conftest import copy_checkout

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("wheel")]

TEST_ROWS = 102


@dataclass(frozen=True)
class Installed:
    """A virtual environment with the wheel."""

    wheel: Path
    bin: Path
    site_packages: Path


def run(*command: str | Path, cwd: Path) -> "subprocess.CompletedProcess[str]":
    finished = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=110)
    assert finished.returncode == 0, f"exit code {finished.returncode}\n{finished.stdout}\n{finished.stderr}"
    return finished


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    base = tmp_path_factory.mktemp("wheel")
    # a copy: what lies about in a checkout must not be what makes the wheel whole
    checkout = copy_checkout(base / "checkout")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", base / "dist", cwd=checkout)
    (wheel,) = (base / "dist").glob("*.whl")
    environment = base / "environment"
    run(sys.executable, "-m", "venv", "--without-pip", environment, cwd=base)
    site_packages = Path(
        sysconfig.get_path("purelib", "venv", {"base": str(environment), "platbase": str(environment)})
    )
    # the other packages come from this environment. Of its own .pth files none is read, since only the interpreter's
    # site-packages is searched for them; so the editable installation does not come along
    (site_packages / "packages.pth").write_text(sysconfig.get_path("purelib") + "\n")
    python = environment / "bin" / "python"
    run(
        *(sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check"),
        *("install", "--ignore-installed", "--no-deps", "--no-index", wheel),
        cwd=base,
    )
    return Installed(wheel, environment / "bin", site_packages)


def test_the_wheel_carries_the_program_the_example_and_the_data(installed: Installed, checkout: Path) -> None:
    with zipfile.ZipFile(installed.wheel) as wheel:
        names = wheel.namelist()
        carried = {name: wheel.read(name) for name in names if name.startswith("lgbm_sm/")}
    assert carried["lgbm_sm/config.yaml"] == (checkout / "config.yaml").read_bytes()
    assert carried["lgbm_sm/datasets/boston.csv"] == (checkout / "lgbm_sm" / "datasets" / "boston.csv").read_bytes()
    issues = "lgbm_sm/known_issues/issues.yaml"
    assert carried[issues] == (checkout / issues).read_bytes()
    program = sorted(path for name in ("containers", "examples") for path in (checkout / name).rglob("*.py"))
    assert program
    assert [path for path in program if f"lgbm_sm/{path.relative_to(checkout).as_posix()}" not in carried] == []
    assert {name.split("/")[0].partition("-")[0] for name in names} == {"lgbm_sm"}
    assert [name for name in names if "__pycache__" in name] == []


def test_nothing_of_the_checkout_is_used_when_the_wheel_is_installed(installed: Installed, tmp_path: Path) -> None:
    program = (
        "import lgbm_sm, lgbm_sm.shipped as s; print(lgbm_sm.__file__, s.containers_path(), s.example_config_path())"
    )
    places = run(installed.bin / "python", "-c", program, cwd=tmp_path).stdout.split()
    package = installed.site_packages.resolve() / "lgbm_sm"
    assert [Path(place).resolve() for place in places] == [
        package / "__init__.py",
        package / "containers",
        package / "config.yaml",
    ]


def test_run_answers_for_every_test_row_when_the_folder_is_empty(installed: Installed, tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    finished = run(installed.bin / "lgbm-sm", "run", cwd=folder)
    predictions = [float(line) for line in finished.stdout.splitlines()]
    assert len(predictions) == TEST_ROWS
    assert len(set(predictions)) > TEST_ROWS // 2


def test_make_run_answers_when_a_project_was_made_of_the_wheel(installed: Installed, tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("x,y,price\n" + "".join(f"{n},{n % 7},{n * 3 + n % 7}.5\n" for n in range(300)))
    run(installed.bin / "lgbm-sm", "init", "mine", "--data", "table.csv", "--target", "price", cwd=tmp_path)
    assert (tmp_path / "mine/examples/src_builtin_container_serve/inference.py").is_file()
    finished = run("make", "-C", "mine", "-s", "run", f"LGBM_SM={installed.bin / 'lgbm-sm'}", cwd=tmp_path)
    assert len([float(line) for line in finished.stdout.splitlines()]) == 60
