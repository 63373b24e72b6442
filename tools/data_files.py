"""Prints, as a rule for make, which tables of the user's own the target given as the only argument is made from.

config.yaml names them, so make cannot know them otherwise.
"""

import os
import sys

from lgbm_sm.config.loading import load_config


def escaped(path: str) -> str:
    """The path as make reads it in a rule: blanks and # with a backslash, $ doubled."""
    return path.replace("$", "$$").replace("#", "\\#").replace(" ", "\\ ")


def rule(target: str, paths: list[str]) -> str:
    """What target depends on; each path also as a target without a rule, so that a table that is gone is no error."""
    return "".join(f"{target}: {escaped(path)}\n{escaped(path)}:\n" for path in paths)


def main() -> None:
    loaded = load_config(None, (), os.environ)
    data = loaded.config.data
    files = [data.files.train, data.files.validation, data.files.test] if data.files else [data.file]
    print(rule(sys.argv[1], [os.path.relpath(loaded.folder / file) for file in files if file]), end="")


if __name__ == "__main__":
    main()
