"""The paths in the settings of mutmut exist. mutmut itself ignores a missing path."""

import tomllib
from pathlib import Path
from typing import Any

import pytest


def settings_of(checkout: Path) -> dict[str, Any]:
    with (checkout / "pyproject.toml").open("rb") as file:
        found: dict[str, Any] = tomllib.load(file)["tool"]["mutmut"]
    return found


@pytest.mark.parametrize(
    "pattern", ["lgbm_sm/*/nothing.py", "lgbm_runtime/core/charset.py", "tests/config/test_none.py"]
)
def test_a_path_that_names_nothing_is_seen(pattern: str, checkout: Path) -> None:
    assert not named_by(pattern, checkout)


def test_every_changed_module_and_every_test_exists(checkout: Path) -> None:
    settings = settings_of(checkout)
    patterns = [*settings["only_mutate"], *settings["pytest_add_cli_args_test_selection"]]
    assert len(patterns) > 20
    assert [pattern for pattern in patterns if not named_by(pattern, checkout)] == []


def named_by(pattern: str, checkout: Path) -> list[Path]:
    """Return the files that match a pattern in [tool.mutmut]."""
    # the program of the images is elsewhere in the checkout; tools/mutants.py puts it beside lgbm_sm
    root = checkout / "containers/runtime" if pattern.startswith("lgbm_runtime/") else checkout
    return [path for path in root.glob(pattern) if path.suffix == ".py"]
