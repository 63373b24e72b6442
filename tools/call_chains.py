"""Write the call chains of `lgbm-sm explain` from new traces.

Run `python tools/call_chains.py`. It needs Docker. It runs the tests that compare the chains with new traces. With
WRITE_VARIABLE in the environment, these tests write the chains instead. tools/call_trace/sitecustomize.py records the
traces.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from lgbm_sm.explain.call_chain import CHAINS_PATH, MODULE, Call, call_chains, function_lines
from lgbm_sm.shipped import containers_path

WRITE_VARIABLE = "WRITE_CALL_CHAINS"
_TESTS = ("tests/explain/test_call_chains.py", "tests/docker/test_call_chains.py")
_PACKAGES = {"/lgbm_runtime/": "runtime/lgbm_runtime/", "/lgbm_toolkit/": "inference_toolkit/lgbm_toolkit/"}
_FILES = {
    "start.py": "byoc/start.py",
    "inference.py": "script_mode/inference.py",
    "lgbm_sm_inference.py": "script_mode/inference.py",
}
# Not shown as packages between two calls. stand_in is the tests' substitute for AWS's image.
_OURS = {"lgbm_runtime", "lgbm_toolkit", "start", "inference", "lgbm_sm_inference"}
_NOT_SHOWN = {*sys.stdlib_module_names, *_OURS, "__main__", "stand_in"}
_HEADER = "# Written by `python tools/call_chains.py` from traces of the running programs: do not edit.\n"


class TracedCall(NamedTuple):
    """A call in a trace. `program` is the name of the program that made it."""

    program: str
    callee: str
    caller: str
    through: tuple[str, ...]


def chain_of(trace_path: Path) -> tuple[Call, ...]:
    """Return the first call into each file of each program, below the call of its caller."""
    first: dict[tuple[str, str], TracedCall] = {}
    for call in read_trace(trace_path):
        if call.caller == call.program:
            first.setdefault((call.program, _file(call.caller)), TracedCall(call.program, call.caller, "", ()))
        elif call.caller.endswith(MODULE):  # the call happens during the import of a module
            continue
        if _file(call.caller) != _file(call.callee):
            first.setdefault((call.program, _file(call.callee)), call)
    chain = tuple(_in_order(first.values(), "", None, 0))
    if len(chain) != len(first):
        raise ValueError(f"in {trace_path}, a file is called by a file that nothing calls")
    return chain


def _in_order(calls: Iterable[TracedCall], caller: str, program: str | None, depth: int) -> Iterator[Call]:
    for call in calls:
        if _file(call.caller) == caller and program in (None, call.program):
            yield Call(depth, call.callee, call.caller, call.through)
            yield from _in_order(calls, _file(call.callee), call.program, depth + 1)


def _file(function: str) -> str:
    return function.partition(" ")[0]


def read_trace(trace_path: Path) -> Iterator[TracedCall]:
    """Yield the calls of all processes in the order of their times.

    Code outside functions is never the callee.
    """
    lines = [json.loads(line) for path in trace_path.iterdir() for line in path.read_text().splitlines()]
    for line in sorted(lines, key=lambda line: line["at"]):
        callee = _function(*line["callee"])
        if callee and not callee.endswith(MODULE):
            yield _traced_call(callee, line["stack"])


def _traced_call(callee: str, stack: list[Any]) -> TracedCall:
    program, caller = "", ""
    through: list[str] = []
    for frame in stack:
        if isinstance(frame, list):
            caller, through = _function(*frame), []
            program = program or caller
        elif frame not in (*_NOT_SHOWN, *through):
            through.append(frame)
            program = program or frame
    return TracedCall(program, callee, caller, tuple(through))


def _function(path: str, name: str, line: int) -> str:
    """Return the name of a function in the chains. It is empty for the body of a class."""
    file = _source_of(path)
    if name == MODULE:
        return f"{file} {MODULE}"
    names = _names(file)
    return f"{file} {names[line]}" if line in names else ""


@cache
def _names(file: str) -> dict[int, str]:
    return {start: name for name, start in function_lines(containers_path() / file).items() if name != MODULE}


def _source_of(path: str) -> str:
    """Return the file below containers/ for a path in the running program."""
    for package, source in _PACKAGES.items():
        if package in path:
            return source + path.rpartition(package)[2]
    return _FILES[Path(path).name]


def write_chain(name: str, chain: tuple[Call, ...]) -> None:
    """Replace one chain of call_chains.yaml."""
    chains = {**call_chains(), name: chain}
    document = "\n".join(
        f"{key}:\n" + "".join(f"- {json.dumps(msgspec.to_builtins(call))}\n" for call in calls)
        for key, calls in sorted(chains.items())
    )
    CHAINS_PATH.write_text(f"{_HEADER}\n{document}", encoding="utf-8")
    call_chains.cache_clear()


if __name__ == "__main__":
    sys.exit(subprocess.call([sys.executable, "-m", "pytest", "-q", *_TESTS], env={**os.environ, WRITE_VARIABLE: "1"}))
