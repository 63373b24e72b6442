"""The installation: Python, the required packages, LightGBM's library and a C compiler."""

import platform
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib import metadata

from lgbm_sm.doctor.findings import DoctorArea, DoctorCheck, Finding

PYTHON = DoctorCheck("python", DoctorArea.CONFIGURATION)
PACKAGES = DoctorCheck("packages", DoctorArea.CONFIGURATION)
SAGEMAKER_SDK = DoctorCheck("sagemaker sdk", DoctorArea.CONFIGURATION)
LIGHTGBM = DoctorCheck("lightgbm", DoctorArea.CONFIGURATION)
COMPILER = DoctorCheck("compiler", DoctorArea.CONFIGURATION)

_DISTRIBUTION = "lgbm-sm"
_NAMED = ("lightgbm", "sagemaker-core", "boto3", "docker")  # the packages that most bug reports depend on
_LOAD_SECONDS = 30  # enough for a busy machine with a cold disk
# load only the shared library, as lgbm_runtime/training/training_api.py does; the import of the package takes seconds
_LOAD_LIGHTGBM = """
import ctypes, importlib.util, pathlib, sys
spec = importlib.util.find_spec("lightgbm")
if spec is None or spec.origin is None:
    sys.exit("the package lightgbm is not installed")
package = pathlib.Path(spec.origin).parent
libraries = sorted(package.glob("lib/lib_lightgbm.*"))
if not libraries:
    sys.exit(f"{package / 'lib'} has no lib_lightgbm")
ctypes.CDLL(str(libraries[0]))
print((package / "VERSION.txt").read_text())
"""
_OWN_ENVIRONMENT = "python -m venv lgbm-sm-env && lgbm-sm-env/bin/pip install lgbm-sm"


def examine_installation(environment: Mapping[str, str]) -> Iterator[Finding]:
    """Yield the findings about the installation."""
    yield examine_python(platform.python_version(), _requires_python())
    yield from examine_packages(_requirements())
    yield examine_sagemaker_sdk(_version_of("sagemaker"))
    yield LIGHTGBM.look(_LOAD_SECONDS + 1, lambda: examine_lightgbm(environment))
    yield examine_compiler(environment)


def examine_python(version: str, required: str) -> Finding:
    """Check the version of Python. `required` is a version specifier such as >=3.11."""
    from packaging.specifiers import SpecifierSet

    if SpecifierSet(required).contains(version, prereleases=True):
        return PYTHON.ok(f"{version} ({platform.platform()})")
    return PYTHON.problem(f"must be {required}, is {version}", f"create an environment with Python {required}")


def examine_packages(requirements: list[str]) -> list[Finding]:
    """Return a finding for each package that is missing or has a wrong version, or one finding if all are right."""
    from packaging.requirements import Requirement

    misfits = []
    wanted = [Requirement(text) for text in requirements]
    for requirement in wanted:
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        version = _version_of(requirement.name)
        if version is None or not requirement.specifier.contains(version, prereleases=True):
            needed = f"{requirement.name}{requirement.specifier}"
            found = f"{version} is installed" if version else "it is not installed"
            misfits.append(PACKAGES.problem(f"lgbm-sm needs {needed}, but {found}", f"pip install '{needed}'"))
    named = ", ".join(f"{name} {_version_of(name)}" for name in _NAMED)
    return misfits or [PACKAGES.ok(f"lgbm-sm {_version_of(_DISTRIBUTION)}, {named}")]


def examine_sagemaker_sdk(version: str | None) -> Finding:
    """Check the version of the SageMaker SDK.

    SDK version 2 needs sagemaker-core below 2, but lgbm-sm needs 2 or later. So one of the two fails.
    """
    from packaging.version import Version

    if version is None:
        return SAGEMAKER_SDK.ok("the package sagemaker is not installed, and not needed")
    if Version(version).major >= 3:
        return SAGEMAKER_SDK.ok(f"sagemaker {version} works with sagemaker-core")
    return SAGEMAKER_SDK.warning(
        f"sagemaker {version} needs sagemaker-core below 2, but lgbm-sm needs 2 or later: one of the two will fail",
        f"install lgbm-sm into a separate environment: {_OWN_ENVIRONMENT}",
    )


def examine_lightgbm(environment: Mapping[str, str]) -> Finding:
    """Load LightGBM's shared library in a separate process, as training does."""
    try:
        # with -P, a file lightgbm.py in the current folder is not loaded; training uses -P too
        loaded = subprocess.run(
            [sys.executable, "-P", "-c", _LOAD_LIGHTGBM],
            env=dict(environment),
            capture_output=True,
            text=True,
            timeout=_LOAD_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return LIGHTGBM.warning(f"did not load within {_LOAD_SECONDS} s", "try again when the machine is less busy")
    if loaded.returncode == 0:
        return LIGHTGBM.ok(f"{loaded.stdout.strip()} loads")
    said = (loaded.stderr.strip() or f"exit code {loaded.returncode}").splitlines()[-1]
    return LIGHTGBM.problem(f"fails to load: {said}", lightgbm_fix(said))


def examine_compiler(environment: Mapping[str, str]) -> Finding:
    """Check that a C compiler exists. It compiles code for local processes. Images already contain compiled code."""
    name, *_ = shlex.split(environment.get("CC", "")) or ["cc"]
    found = shutil.which(name, path=environment.get("PATH"))
    if found:
        return COMPILER.ok(f"{found} compiles the native code of local processes")
    return COMPILER.warning(
        f"{name} is not installed: local processes answer large requests four times more slowly",
        "sudo apt-get install gcc libc6-dev (Debian, Ubuntu), sudo dnf install gcc (Fedora), or xcode-select --install",
    )


def lightgbm_fix(said: str) -> str:
    """Return the fix for an error message of the dynamic linker."""
    if "libgomp" in said:
        return "sudo apt-get install libgomp1 (Debian, Ubuntu), or sudo dnf install libgomp (Fedora, Amazon Linux)"
    if "libomp" in said:
        return "brew install libomp"
    return "pip install --force-reinstall lightgbm"


def _version_of(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _requires_python() -> str:
    """Return the required Python version, or "" if lgbm-sm is not installed as a package."""
    try:
        return metadata.metadata(_DISTRIBUTION)["Requires-Python"] or ""
    except metadata.PackageNotFoundError:
        return ""


def _requirements() -> list[str]:
    try:
        return metadata.requires(_DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return []
