"""Settings for the whole suite, so that the tests give the same results on every machine."""

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings

from lgbm_sm.backends.native_code import VARIABLE, native_code_path
from tests.cli.forked import fork_server  # noqa: F401 - a fixture
from tests.soak.progress import parts_of, resumed

# what a developer's shell, a CI service or the make that runs the suite sets would change what the commands do
_FOREIGN = (
    "CI",
    "FORCE_COLOR",
    "NO_COLOR",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONPATH",
    "MAKEFLAGS",
    "MAKELEVEL",
    "MFLAGS",
)
# what the suite itself is told; the processes that pytest-xdist starts see it too
_OURS = ("LGBM_SM_TEST_DOCKER", "LGBM_SM_TEST_EXECUTION_ROLE", "LGBM_SM_DEBIAN_MIRROR")
for _name in list(os.environ):
    if (_name.startswith(("LGBM_SM_", "SAGEMAKER_")) and _name not in _OURS) or _name in _FOREIGN:
        del os.environ[_name]

# a shell's background job (`nohup make test &`) ignores SIGINT, and so would every command that is interrupted here
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# an image that the engine happens to hold would change what `auto` takes; tests of containers ask for them
os.environ["LGBM_SM_LOCAL__BACKEND"] = "process"

# what serves and reads in the suite is the compiled code, where there is a C compiler
os.environ[VARIABLE] = str(native_code_path(Path(__file__).parents[1] / "containers" / "runtime", os.environ) or "")

# hypothesis has a profile of its own for CI; deadlines measure the machine, not the code
settings.register_profile("suite", deadline=None, derandomize=True)
settings.load_profile("suite")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--run-aws", action="store_true", help="also run what calls a real AWS account, which costs money there"
    )
    parser.addoption("--soak", metavar="PART", help="run the long tests of this part instead of the suite; tests/soak")
    parser.addoption("--soak-seed", type=int, default=1, metavar="SEED", help="what they draw at random (default: 1)")


def pytest_configure(config: pytest.Config) -> None:
    part = config.getoption("--soak")
    if part:
        progress = resumed(part, config.getoption("--soak-seed"), is_worker=hasattr(config, "workerinput"))
        config.pluginmanager.register(progress, "soak_progress")


@pytest.fixture(scope="session")
def seed(request: pytest.FixtureRequest) -> int:
    """The seed of all random choices in a test of the soak."""
    return int(request.config.getoption("--soak-seed"))


@pytest.hookimpl(trylast=True)  # the folders' own give tests their groups
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without `--run-aws` or `--soak`, remove the tests that need them.

    They do not count as skipped.
    """
    deselected = [
        item
        for item in items
        if (item.get_closest_marker("aws") and not config.getoption("--run-aws"))
        or (parts_of(item) and not config.getoption("--soak"))
    ]
    if deselected:
        config.hook.pytest_deselected(items=deselected)
        items[:] = [item for item in items if item not in deselected]
    items.sort(key=_turn)


# Groups of more than three minutes, the longest first (`--durations` in a run on two cores): one that is begun late is
# waited for alone.
_LONGEST = (
    "script_mode",
    "cloud test_killed_in_the_cloud",
    "cloud test_lifecycle",
    "docker_backend",
    "inference_toolkit",
    "cloud test_policy",
    "set-up",
)


def _turn(item: pytest.Item) -> tuple[int, int]:
    """Return the position of a test in the order of the run.

    With several processes, images are built while tests without images run. Tests that share nothing come last.
    """
    groups = [mark.args[0] for mark in item.iter_markers("xdist_group")]
    if groups == ["images"]:
        return 0, 0
    rank = min((_LONGEST.index(group) for group in groups if group in _LONGEST), default=len(_LONGEST))
    return 1 + 2 * bool(item.get_closest_marker("docker")) + (not groups), rank
