"""Python, the packages beside this one, and whether LightGBM's library loads."""

import platform
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib import metadata

from lgbm_sm.doctor.findings import Area, Check, Finding

PYTHON = Check("python", Area.CONFIGURATION)
PACKAGES = Check("packages", Area.CONFIGURATION)
SAGEMAKER_SDK = Check("sagemaker sdk", Area.CONFIGURATION)
LIGHTGBM = Check("lightgbm", Area.CONFIGURATION)
COMPILER = Check("compiler", Area.CONFIGURATION)

_DISTRIBUTION = "lgbm-sm"
_NAMED = ("lightgbm", "sagemaker-core", "boto3", "docker")  # the packages whose versions explain most
_LOAD_SECONDS = 30  # on a machine that is busy, from a cold disk
# as lgbm_runtime/training/training_api.py does: the shared library alone, since the package takes seconds to import
_LOAD_LIGHTGBM = """
import ctypes, importlib.util, pathlib, sys
spec = importlib.util.find_spec("lightgbm")
if spec is None or spec.origin is None:
    sys.exit("there is no package lightgbm")
package = pathlib.Path(spec.origin).parent
libraries = sorted(package.glob("lib/lib_lightgbm.*"))
if not libraries:
    sys.exit(f"{package / 'lib'} holds no lib_lightgbm")
ctypes.CDLL(str(libraries[0]))
print((package / "VERSION.txt").read_text())
"""
_OWN_ENVIRONMENT = "python -m venv lgbm-sm-env && lgbm-sm-env/bin/pip install lgbm-sm"


def examine_installation(environment: Mapping[str, str]) -> Iterator[Finding]:
    """Five findings or more; a package that does not fit has one of its own."""
    yield examine_python(platform.python_version(), _requires_python())
    yield from examine_packages(_requirements())
    yield examine_sagemaker_sdk(_version_of("sagemaker"))
    yield LIGHTGBM.look(_LOAD_SECONDS + 1, lambda: examine_lightgbm(environment))
    yield examine_compiler(environment)


def examine_python(version: str, required: str) -> Finding:
    """`required` is a specifier such as >=3.11."""
    from packaging.specifiers import SpecifierSet

    if SpecifierSet(required).contains(version, prereleases=True):
        return PYTHON.ok(f"{version} ({platform.platform()})")
    return PYTHON.problem(f"{version}, and {required} is wanted", f"make an environment with Python {required}")


def examine_packages(requirements: list[str]) -> list[Finding]:
    """One finding where all fit, else one for each that does not."""
    from packaging.requirements import Requirement

    misfits = []
    wanted = [Requirement(text) for text in requirements]
    for requirement in wanted:
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        version = _version_of(requirement.name)
        if version is None or not requirement.specifier.contains(version, prereleases=True):
            found = f"{version} is installed" if version else "it is not installed"
            asked = f"{requirement.name}{requirement.specifier}"
            misfits.append(PACKAGES.problem(f"{asked} is wanted, and {found}", f"pip install '{asked}'"))
    named = ", ".join(f"{name} {_version_of(name)}" for name in _NAMED)
    return misfits or [PACKAGES.ok(f"lgbm-sm {_version_of(_DISTRIBUTION)}, {named}")]


def examine_sagemaker_sdk(version: str | None) -> Finding:
    """Version 2 of the SDK pins sagemaker-core<2, and this program needs a later one: one of both breaks."""
    from packaging.version import Version

    if version is None:
        return SAGEMAKER_SDK.ok("the package sagemaker is not here, and not needed")
    if Version(version).major >= 3:
        return SAGEMAKER_SDK.ok(f"sagemaker {version} goes with sagemaker-core")
    return SAGEMAKER_SDK.warning(
        f"sagemaker {version} is in this environment, and needs a sagemaker-core below 2: one of both will break",
        f"give lgbm-sm an environment of its own: {_OWN_ENVIRONMENT}",
    )


def examine_lightgbm(environment: Mapping[str, str]) -> Finding:
    """Load its shared library in a process of its own, as training does."""
    try:
        # -P: a file of the user's called lightgbm.py is not what training loads
        loaded = subprocess.run(
            [sys.executable, "-P", "-c", _LOAD_LIGHTGBM],
            env=dict(environment),
            capture_output=True,
            text=True,
            timeout=_LOAD_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return LIGHTGBM.warning(f"has not loaded within {_LOAD_SECONDS} s", "try again when the machine is less busy")
    if loaded.returncode == 0:
        return LIGHTGBM.ok(f"{loaded.stdout.strip()} loads")
    said = (loaded.stderr.strip() or f"exit code {loaded.returncode}").splitlines()[-1]
    return LIGHTGBM.problem(f"does not load: {said}", lightgbm_remedy(said))


def examine_compiler(environment: Mapping[str, str]) -> Finding:
    """The images have their compiled code with them; a local process gets it from this machine's compiler."""
    name, *_ = shlex.split(environment.get("CC", "")) or ["cc"]
    found = shutil.which(name, path=environment.get("PATH"))
    if found:
        return COMPILER.ok(f"{found} makes the compiled code of local processes")
    return COMPILER.warning(
        f"there is no {name}: local processes answer large requests at a quarter of the rate",
        "sudo apt-get install gcc libc6-dev (Debian, Ubuntu), sudo dnf install gcc (Fedora), or xcode-select --install",
    )


def lightgbm_remedy(said: str) -> str:
    """What to do about what the loader of shared libraries says."""
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
    """As the package says; a checkout that is not installed says nothing."""
    try:
        return metadata.metadata(_DISTRIBUTION)["Requires-Python"] or ""
    except metadata.PackageNotFoundError:
        return ""


def _requirements() -> list[str]:
    try:
        return metadata.requires(_DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return []
