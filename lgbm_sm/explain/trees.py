"""Describe the files of a container below /opt/ml."""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from lgbm_sm.contract import DATA_PATH, OPT_ML
from lgbm_sm.explain.sections import indented, json_lines, shortened

_SHOWN_WHOLE_BYTES = 4096
_FIRST_LINES = 3
_MARKS_OF_BINARY = b"\0"


def describe_tree(root: Path) -> list[str]:
    """Return the files below `root`, with their paths in the container.

    A JSON file is shown in full. Of another text file, the first lines are shown. Of a package, the names of the files
    are shown.
    """
    packages = [path.parent for path in _paths(root) if path.name == "__init__.py"]
    inside = {path for package in packages for path in _paths(package)}
    return [
        line
        for path in _paths(root)
        if path not in inside
        for line in (_described_package(path, root) if path in packages else _described(path, root))
    ]


def describe_channels(folders: dict[str, Path]) -> list[str]:
    """Return the files in each channel's folder, with their paths in the container."""
    lines = []
    for channel, folder in folders.items():
        name = f"{DATA_PATH}/{channel}"
        lines.append(f"{name}/  is {folder}, read-only" if folder.is_dir() else f"{name}/  {folder} does not exist yet")
        for path in _paths(folder) if folder.is_dir() else ():
            if path.is_file():
                shown = f"{name}/{path.relative_to(folder)}  {path.stat().st_size:,} bytes"
                lines += [shown, *indented(_first_lines(path))]
    return lines


def _paths(root: Path) -> Iterator[Path]:
    yield from sorted(path for path in root.rglob("*") if "__pycache__" not in path.parts)


def _described_package(path: Path, root: Path) -> list[str]:
    names = [str(file.relative_to(path)) for file in _paths(path) if file.is_file()]
    return [f"{OPT_ML}/{path.relative_to(root)}/  {len(names)} files: {shortened(', '.join(names))}"]


def _described(path: Path, root: Path) -> list[str]:
    name = f"{OPT_ML}/{path.relative_to(root)}"
    if path.is_dir():
        return [f"{name}/  empty"] if not any(path.iterdir()) else []
    size = path.stat().st_size
    if path.suffix == ".json" and size <= _SHOWN_WHOLE_BYTES:
        with suppress(ValueError):  # a .json file of the user may not be valid JSON
            return [name, *indented(json_lines(json.loads(path.read_text(encoding="utf-8"))))]
    return [f"{name}  {size:,} bytes", *(indented(_first_lines(path)) if path.suffix != ".py" else ())]


def _first_lines(path: Path) -> list[str]:
    with path.open("rb") as file:
        start = file.read(_SHOWN_WHOLE_BYTES)
    if _MARKS_OF_BINARY in start:
        return []
    lines = start.decode("utf-8", errors="replace").splitlines()
    more = ["…"] if len(lines) > _FIRST_LINES or path.stat().st_size > len(start) else []
    return [*(shortened(line) for line in lines[:_FIRST_LINES]), *more]
