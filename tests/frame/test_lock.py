"""requirements.lock holds everything that pyproject.toml asks for: names, versions and hashes, nothing else."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ENTRY = re.compile(
    r"^(?P<name>[a-z0-9-]+)==(?P<version>[^ ;\\]+)(?: ; (?P<marker>[^\\]+))? \\\n(?P<hashes>(?:    --hash=.+\n)+)",
    re.MULTILINE,
)


@pytest.fixture(scope="module")
def pyproject() -> dict[str, dict[str, list[str]]]:
    content: dict[str, dict[str, list[str]]] = tomllib.loads(
        (Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8")
    )
    return content


@pytest.fixture(scope="module")
def lock() -> str:
    return (Path(__file__).parents[2] / "requirements.lock").read_text("utf-8")


def test_each_requirement_is_locked_to_a_version_that_it_allows(
    pyproject: dict[str, dict[str, list[str]]], lock: str
) -> None:
    locked: dict[str, list[str]] = {}
    for entry in ENTRY.finditer(lock):
        locked.setdefault(entry["name"], []).append(entry["version"])
    wanted = [
        Requirement(text)
        for text in (
            *pyproject["build-system"]["requires"],
            *pyproject["project"]["dependencies"],
            *pyproject["dependency-groups"]["dev"],
        )
    ]
    missing = [
        str(requirement)
        for requirement in wanted
        if not any(version in requirement.specifier for version in locked.get(canonicalize_name(requirement.name), []))
    ]
    assert missing == []


def test_every_line_of_the_lock_is_a_version_a_hash_or_a_comment(lock: str) -> None:
    rest = ENTRY.sub("", lock)
    assert [line for line in rest.splitlines() if not line.lstrip().startswith("#")] == []
    assert re.findall(r"--hash=(?!sha256:[0-9a-f]{64}(?: \\)?$).*", lock, re.MULTILINE) == []


def test_the_lock_holds_no_address(lock: str) -> None:
    assert re.findall(r".*(?:://|--index-url|--find-links|--extra-index-url| @ ).*", lock) == []
