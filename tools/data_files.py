"""Print a make rule: the target given as the only argument depends on the tables that config.yaml names."""

import os
import sys

from lgbm_sm.config.loading import load_config


def escaped(path: str) -> str:
    """Escape a path for a make rule: a backslash before blanks and #, $ doubled."""
    return path.replace("$", "$$").replace("#", "\\#").replace(" ", "\\ ")


def rule(target: str, paths: list[str]) -> str:
    """List the dependencies of target; each path is a target too, so that a missing table is not an error of make."""
    return "".join(f"{target}: {escaped(path)}\n{escaped(path)}:\n" for path in paths)


def main() -> None:
    loaded = load_config(None, (), os.environ)
    data = loaded.config.data
    files = [data.files.train, data.files.validation, data.files.test] if data.files else [data.file]
    print(rule(sys.argv[1], [os.path.relpath(loaded.folder / file) for file in files if file]), end="")


if __name__ == "__main__":
    main()
