"""requirements.lock has exactly the dependencies of pyproject.toml, with hashes.

The requirements of the images have the same versions.
"""

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


CHECKOUT = Path(__file__).parents[2]
IMAGES = ("byoc", "inference_toolkit")
COMPILED = [
    CHECKOUT / "requirements.lock",
    *(p for i in IMAGES for p in (CHECKOUT / "containers" / i).glob("requirements*.txt")),
]


@pytest.mark.parametrize("path", COMPILED, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_every_line_is_a_version_a_hash_or_a_comment(path: Path) -> None:
    text = path.read_text("utf-8")
    assert "make lock" in text.splitlines()[1]
    assert [line for line in ENTRY.sub("", text).splitlines() if not line.lstrip().startswith("#")] == []
    assert re.findall(r"--hash=(?!sha256:[0-9a-f]{64}(?: \\)?$).*", text, re.MULTILINE) == []


@pytest.mark.parametrize("path", COMPILED, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_no_address_is_in_it(path: Path) -> None:
    text = path.read_text("utf-8")
    assert re.findall(r".*(?:://|--index-url|--find-links|--extra-index-url| @ ).*", text) == []


def test_images_have_the_versions_of_the_lock(lock: str) -> None:
    locked: dict[str, set[str]] = {}
    for entry in ENTRY.finditer(lock):
        locked.setdefault(entry["name"], set()).add(entry["version"])
    compiled = [entry for path in COMPILED[1:] for entry in ENTRY.finditer(path.read_text("utf-8"))]
    assert {entry["name"] for entry in compiled} >= {"lightgbm", "numpy", "scipy", "narwhals", "orjson", "boto3"}
    others = [(e["name"], e["version"]) for e in compiled if e["version"] not in locked.get(e["name"], {e["version"]})]
    assert others == []
