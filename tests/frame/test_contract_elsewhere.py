"""Only contract.py of lgbm_sm contains numbers, paths and names of the contract."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from lgbm_sm import contract

PACKAGE = Path(contract.__file__).parent
# limits that are also common numbers: another module may use one of these and mean something else
COMMON = frozenset({0.25, 1, 2, 3, 30, 50, 60, 63, 64, 100, 120, 128, 256, 1024, 3600, 1 << 20, 4 << 20, 10 * 1000**3})
PATH = re.compile(r"/opt/ml(/[\w./-]*)?|\d+/tcp")


def distinctive_numbers() -> dict[float, str]:
    """Return the numbers that only the contract uses, with the names of their constants."""
    found: dict[float, str] = {}
    for name, value in vars(contract).items():
        for number in value if isinstance(value, tuple) else (value,):
            if isinstance(number, int | float) and number not in COMMON:
                found[number] = name
    return found


NUMBERS = distinctive_numbers()
NAMES = frozenset(name for name in vars(contract) if name.isupper())


def restated(source: str) -> Iterator[tuple[int, str]]:
    """Yield the lines of a module that repeat the contract, with the constant or the text."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                if name.removeprefix("_") in NAMES:
                    yield node.lineno, name.removeprefix("_")
            case ast.Constant(value=str(text)):
                if PATH.fullmatch(text):
                    yield node.lineno, text
            case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
                if number in NUMBERS:
                    yield node.lineno, NUMBERS[number]
            case ast.BinOp():
                if product(node) == contract.REQUEST_BYTES:
                    yield node.lineno, "REQUEST_BYTES"


def product(node: ast.expr) -> int:
    """Return the value of 25 * 1024 * 1024, 25 * 1024**2 or 25 << 20.

    Return 0 for anything else.
    """
    match node:
        case ast.Constant(value=int(number)):
            return number
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return product(left) * product(right)
        case ast.BinOp(left=left, op=ast.Pow(), right=ast.Constant(value=2)):
            return product(left) ** 2
        case ast.BinOp(left=left, op=ast.LShift(), right=ast.Constant(value=20)):
            return product(left) << 20
    return 0


@pytest.mark.parametrize(
    "path",
    [path for path in sorted(PACKAGE.rglob("*.py")) if path != PACKAGE / "contract.py"],
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_no_other_module_restates_the_contract(path: Path) -> None:
    assert list(restated(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("limit = 25 * 1024 * 1024", {"REQUEST_BYTES"}),
        ("limit = 25 * 1024**2", {"REQUEST_BYTES"}),
        ("limit = 25 << 20", {"REQUEST_BYTES"}),
        ("limit = 6_291_456", {"OLDER_REQUEST_BYTES"}),
        ("def f(seconds=480.0): ...", {"STARTUP_SECONDS"}),
        ("_PING_SECONDS = 3", {"PING_SECONDS"}),
        ("PING_SECONDS: float = 3", {"PING_SECONDS"}),
        ("port = f'{8080}/tcp'", {"SERVING_PORT"}),
        ("port = '8080/tcp'", {"8080/tcp"}),
        ("path = '/opt/ml/model'", {"/opt/ml/model"}),
        ("limit = 24 * 1024 * 1024", set()),
        ("'''Writes below /opt/ml/model.'''", set()),
        ("print(True, 'port 8080')", set()),
    ],
)
def test_what_restates_the_contract_is_found(source: str, found: set[str]) -> None:
    assert {constant for _, constant in restated(source)} == found
