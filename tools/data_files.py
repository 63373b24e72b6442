"""Print a rule for make: a target depends on the tables in config.yaml.

The only argument is the target.
"""

import os
import sys

from lgbm_sm.config.loading import load_config


def escaped(path: str) -> str:
    """Escape a path for make: a backslash before each blank and #, and two $ for each $."""
    return path.replace("$", "$$").replace("#", "\\#").replace(" ", "\\ ")


def rule(target: str, paths: list[str]) -> str:
    """Return the rule. Each path is also a target, so that make accepts a missing table."""
    return "".join(f"{target}: {escaped(path)}\n{escaped(path)}:\n" for path in paths)


def main() -> None:
    loaded = load_config(None, (), os.environ)
    data = loaded.config.data
    files = [data.files.train, data.files.validation, data.files.test] if data.files else [data.file]
    print(rule(sys.argv[1], [os.path.relpath(loaded.folder / file) for file in files if file]), end="")


if __name__ == "__main__":
    main()
