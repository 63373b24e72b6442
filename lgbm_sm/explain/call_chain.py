"""Show the calls between the files of a program in an image.

call_chains.yaml has the calls. They were traced in the running programs.
"""

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
    """The first call from one file to a function in another file below containers/.

    `callee` and `caller` are the name of a file and the name of a function, separated by a space. Code outside
    functions has the name <module>. `caller` is empty if code outside containers/ makes the call. `through` has the
    packages between caller and callee. The package that the caller calls comes first. `depth` is the number of calls
    above this one.
    """

    depth: int
    callee: str
    caller: str = ""
    through: tuple[str, ...] = ()


@cache
def call_chains() -> dict[str, tuple[Call, ...]]:
    """Return the chains in call_chains.yaml: one for training, one per pattern for serving."""
    return msgspec.yaml.decode(CHAINS_PATH.read_bytes(), type=dict[str, tuple[Call, ...]])


def describe_chain(name: str, containers_path: Path) -> list[str]:
    """Return a line for the entry point, then one for each file, below the file that calls it.

    A line has the called function and the purpose of the file. It has a remark if the project's own copy of containers/
    does not have the function.
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
    """Map each function in a file to the number of its first line.

    A method has a name such as Server.run. If a function has a decorator, its first line is the decorator's line.
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
    """Return the first sentence of the file's docstring."""
    text = ast.get_docstring(ast.parse(path.read_bytes())) or ""
    return text.partition("\n")[0].partition(". ")[0].rstrip(".")
