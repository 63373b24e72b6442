"""The files in the package: the build context, the example configuration, the examples.

In an installed wheel, they are inside the package folder. In a checkout, they are next to the package folder.
"""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
COPIED_VERSION = "lgbm-sm-version"
"""The file in a project's copy of `containers` with the version of lgbm-sm that it was copied from."""
_PROGRAM = Path("runtime", "lgbm_runtime", "__main__.py")


def containers_path(project_folder: Path | None = None) -> Path:
    """Return the folder `containers`: the build context of the images, with `lgbm_runtime`.

    `lgbm-sm init --containers` creates a copy next to config.yaml. If a project has this copy, with the program in it,
    the copy takes precedence over the folder of the package.

    Raises:
        FileNotFoundError: the installation is incomplete.
    """
    if project_folder and (project_folder / "containers" / _PROGRAM).is_file():
        return project_folder / "containers"
    return _shipped("containers")


def describe_other_copy(path: Path, installed: str) -> str:
    """Return a remark if the folder `containers` is a project's copy from another version.

    `installed` is the version of lgbm-sm. Return an empty text for the installed files, and for a copy of these.
    """
    if path.resolve() == _shipped("containers").resolve():
        return ""
    note = path / COPIED_VERSION
    copied = note.read_text(encoding="utf-8").strip() if note.is_file() else ""
    if copied == installed:
        return ""
    return (
        f"{path} is used, a copy of the files of lgbm-sm {copied or '(unknown version)'}; lgbm-sm {installed} is "
        "installed: to use its own files, move the copy away; `lgbm-sm init --containers` then makes a new one"
    )


def example_config_path() -> Path:
    """Return the commented example `config.yaml`.

    Raises:
        FileNotFoundError: the installation is incomplete.
    """
    return _shipped("config.yaml")


def examples_path() -> Path:
    """Return the folder `examples`, with templates for your own inference code.

    Raises:
        FileNotFoundError: the installation is incomplete.
    """
    return _shipped("examples")


def _shipped(name: str) -> Path:
    for folder in (_PACKAGE, _PACKAGE.parent):
        if (folder / name).exists():
            return folder / name
    raise FileNotFoundError(f"the installation is incomplete: {name} is missing in {_PACKAGE} and in its parent folder")
