"""The checkout itself, and copies of it that a test may change."""

import shutil
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]

# what a fresh clone does not have
_MADE = shutil.ignore_patterns(
    ".git", ".venv", ".lgbm-sm", "data", "dist", "build", "__pycache__", ".*_cache", ".hypothesis", ".coverage*"
)


def copy_checkout(target: Path) -> Path:
    """Copy the checkout in the state of a fresh clone."""
    shutil.copytree(CHECKOUT, target, ignore=_MADE)
    return target


@pytest.fixture
def checkout() -> Path:
    return CHECKOUT
