"""Measure how many mistakes in the code the tests notice.

Usage: python tools/mutants.py [--seed 1] [--size 300] [--at-least 95] [name of a change …]

The program makes small changes in the code, one at a time, and runs the tests after each change. mutmut makes the
changes and runs the tests. `[tool.mutmut]` in pyproject.toml lists the modules and the tests. The program prints each
change that no test noticed, then the result by module. The exit code is 1 if too few changes were noticed.

A sample of all changes is tried. The same seed gives the same sample. If the code changes, the sample is nearly the
same: it has the changes whose names have the smallest hashes. If the tests of a change take too long, the change is
tried again.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.mutation.file_mutation import mutate_file_contents
from mutmut.stats import status_by_exit_code
from mutmut.utils.file_utils import walk_mutatable_files
from mutmut.utils.format_utils import get_mutant_name

ROOT = Path(__file__).parents[1]
TREE = ROOT / "build" / "mutants"
_LEFT_OUT = shutil.ignore_patterns("build", "dist", "data", "__pycache__", ".*")
# mutmut is started in this way because `python -m mutmut` loads it twice, and because the script in .venv/bin does not
# start if the name of a folder contains a quote
_MUTMUT = [sys.executable, "-c", "import sys; from mutmut.__main__ import cli; sys.argv[0] = 'mutmut'; cli()"]
# slow modules that the tests import, to load only once; none of them is changed
_HEAVY = ("hypothesis", "lightgbm", "numpy", "pandas", "pyarrow.csv", "pyarrow.parquet", "sklearn.datasets")
# The exit code if the tests cannot be imported after a change. mutmut calls this a timeout.
_NOT_IMPORTED = 255
# mutmut's results for a process that takes too long: it depends on the signal that ends the process
_SLOW = ("timeout", "segfault")
_NOTICED = ("killed", *_SLOW)


def make_tree() -> None:
    """Copy the checkout, with a link to lgbm_runtime at its top: mutmut finds modules by path."""
    shutil.rmtree(TREE, ignore_errors=True)
    shutil.copytree(ROOT, TREE, ignore=_LEFT_OUT)
    (TREE / "lgbm_runtime").symlink_to("containers/runtime/lgbm_runtime")
    (TREE / "preloaded.txt").write_text("\n".join(_HEAVY))


def sample(seed: int, size: int) -> list[str]:
    """Return the names of a random sample of the changes."""
    names = [
        get_mutant_name(path, name)
        for path in sorted(walk_mutatable_files())
        for name in mutate_file_contents(str(path), path.read_text(encoding="utf-8")).mutant_names
    ]
    names.sort(key=lambda name: hashlib.sha256(f"{seed} {name}".encode()).digest())
    return names[:size]


def try_changes(names: Sequence[str]) -> dict[str, str]:
    """Run the tests with each change. Return mutmut's result for each change."""
    _run_mutmut(names)
    found = _results(names)
    # on a busy machine, tests may take too long even without an endless loop
    if slow := [name for name, status in found.items() if status in _SLOW]:
        print(f"the tests of {len(slow)} changes took too long; these changes are tried again")
        _run_mutmut(slow)
        found |= _results(slow)
    return found


def _run_mutmut(names: Sequence[str]) -> None:
    if subprocess.run([*_MUTMUT, "run", "--max-children", "1", *names], check=False).returncode:
        sys.exit(f"mutmut failed; in {TREE / 'mutants'}, run the tests of [tool.mutmut] without a change")


def _results(names: Sequence[str]) -> dict[str, str]:
    codes: dict[str, int | None] = {}
    for path in walk_mutatable_files():
        data = SourceFileMutationData(path=path)
        data.load()
        codes.update(data.exit_code_by_key)
    return {name: "killed" if codes[name] == _NOT_IMPORTED else str(status_by_exit_code[codes[name]]) for name in names}


def report(found: dict[str, str], at_least: float) -> int:
    """Print the results. Return the exit code."""
    total, noticed = Counter[str](), Counter[str]()
    for name, status in found.items():
        module = name.rpartition(".")[0]
        total[module] += 1
        noticed[module] += status in _NOTICED
    for name, status in sorted(found.items()):
        if status not in _NOTICED:
            print(f"\n{name}: {status}\n{get_diff_for_mutant(name)}")
    print("\n" + ", ".join(f"{count} {status}" for status, count in Counter(found.values()).most_common()))
    for module in sorted(total):
        print(f"{module:45} {noticed[module]:4} of {total[module]:4} noticed")
    share = 100 * noticed.total() / total.total()
    print(f"{noticed.total()} of {total.total()} noticed: {share:.1f} %, expected at least {at_least:g} %")
    return int(share < at_least)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--seed", type=int, default=1, help="the seed of the sample (default: 1)")
    parser.add_argument("--size", type=int, default=300, help="the number of changes in the sample (default: 300)")
    parser.add_argument("--at-least", type=float, default=95, help="the required percentage (default: 95)")
    parser.add_argument("names", nargs="*", help="changes to try instead of a sample")
    options = parser.parse_args()
    make_tree()
    os.chdir(TREE)
    names = options.names or sample(options.seed, options.size)
    return report(try_changes(names), options.at_least)


if __name__ == "__main__":
    sys.exit(main())
