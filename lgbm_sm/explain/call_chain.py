"""Which file of an image's programs calls which, from a trace of the programs."""

import ast
from functools import cache
from pathlib import Path

import msgspec

from lgbm_sm.config.sections import Pattern

CHAINS_PATH = Path(__file__).with_name("call_chains.yaml")
MODULE = "<module>"
_DOCKERFILES = {
    "train": "byoc/Dockerfile",
    Pattern.BYOC: "byoc/Dockerfile",
    Pattern.INFERENCE_TOOLKIT: "inference_toolkit/Dockerfile",
}


class Call(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The first call into a file below containers/ from another file.

    `callee` and `caller` are a file and a function, separated by a space; the function is <module> for code outside
    functions. `caller` is empty if another package calls it. `through` names the packages between caller and callee,
    outermost first. `depth` is the number of calls above it.
    """

    depth: int
    callee: str
    caller: str = ""
    through: tuple[str, ...] = ()


@cache
def call_chains() -> dict[str, tuple[Call, ...]]:
    """Return the chains of call_chains.yaml: train, and for serving one for each pattern."""
    return msgspec.yaml.decode(CHAINS_PATH.read_bytes(), type=dict[str, tuple[Call, ...]])


def describe_chain(name: str, containers_path: Path) -> list[str]:
    """Return the entry point, then a line for each file, below the file that calls it.

    A line has the function that is called and the purpose of the file. Functions that the project's own copy of
    containers/ does not have are marked.
    """
    calls = [f"{'  ' * call.depth}{_described(call, containers_path)}" for call in call_chains()[name]]
    return [_entry_point(name, containers_path), *calls]


def _entry_point(name: str, containers_path: Path) -> str:
    if name not in _DOCKERFILES:
        return "AWS's image has no entry point: SageMaker's argument `serve` is a program on its PATH"
    file = _DOCKERFILES[name]
    path = containers_path / file
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return next(
        (
            f"containers/{file}:{number} {line}"
            for number, line in enumerate(lines, 1)
            if line.startswith("ENTRYPOINT ")
        ),
        f"containers/{file}: no ENTRYPOINT",
    )


def _described(call: Call, containers_path: Path) -> str:
    file, function = call.callee.split(" ")
    path = containers_path / file
    lines = function_lines(path) if path.is_file() else {}
    through = f", called by {' and '.join(call.through)}" if call.through else ""
    if function not in lines:
        return f"containers/{file} {function}: not in this copy of containers/"
    name = "" if function == MODULE else f" {function}"
    return f"containers/{file}:{lines[function]}{name}{through}: {_purpose(path)}"


def function_lines(path: Path) -> dict[str, int]:
    """Return the first line of each function in a file by its name, such as Server.run.

    A decorator is part of its function.
    """
    found = {MODULE: 1}

    def visit(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            name = f"{prefix}{getattr(child, 'name', '')}"
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                found[name] = min(line.lineno for line in (child, *child.decorator_list))
            inner = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            visit(child, f"{name}." if inner else prefix)

    visit(ast.parse(path.read_bytes()), "")
    return found


def _purpose(path: Path) -> str:
    """The first sentence of the file's docstring."""
    text = ast.get_docstring(ast.parse(path.read_bytes())) or ""
    return text.partition("\n")[0].partition(". ")[0].rstrip(".")
