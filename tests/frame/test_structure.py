"""Only the backends and the record know which backend a job or an endpoint is on."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import lgbm_sm

PACKAGE = Path(lgbm_sm.__file__).parent
ALLOWED = ("backends", "record")
MODULES = [path for path in sorted(PACKAGE.rglob("*.py")) if path.relative_to(PACKAGE).parts[0] not in ALLOWED]


def uses_of_places(tree: ast.Module) -> Iterator[int]:
    """Yield the lines that use a member of Place. Each comparison with one does."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id="Place")) | ast.Attribute(value=ast.Attribute(attr="Place")):
                yield node.lineno
            case ast.MatchClass(cls=ast.Name(id="Place")):
                yield node.lineno


def checks_of_backends(tree: ast.Module) -> Iterator[int]:
    """Yield the lines with `isinstance(…, …Backend)`, also with a tuple or a union of classes."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="isinstance" | "issubclass"), args=[_, classes]):
                names = [
                    part.id if isinstance(part, ast.Name) else part.attr
                    for part in ast.walk(classes)
                    if isinstance(part, ast.Name | ast.Attribute)
                ]
                if any(name.endswith(("Backend", "Hosting", "Trainer")) for name in names):
                    yield node.lineno


@pytest.mark.parametrize(
    "line",
    [
        "entry.place is Place.AWS",
        "entry.place == entries.Place.DOCKER",
        "entry.place not in (Place.PROCESS, Place.DOCKER)",
        "match place:\n    case Place.AWS:\n        pass",
    ],
)
def test_a_comparison_with_a_place_is_seen(line: str) -> None:
    assert list(uses_of_places(ast.parse(line)))


@pytest.mark.parametrize("line", ["isinstance(one, DockerBackend)", "isinstance(one, str | process.ProcessBackend)"])
def test_a_check_of_a_backends_class_is_seen(line: str) -> None:
    assert list(checks_of_backends(ast.parse(line)))


def test_modules_are_searched() -> None:
    names = {path.name for path in MODULES}
    assert {"deploy.py", "train.py", "workspace.py", "cleanup.py"} <= names


def test_only_backends_and_the_record_know_places() -> None:
    found = [
        f"{path.relative_to(PACKAGE)}:{line}"
        for path in MODULES
        for tree in [ast.parse(path.read_text(encoding="utf-8"))]
        for line in (*uses_of_places(tree), *checks_of_backends(tree))
    ]
    assert not found, found
