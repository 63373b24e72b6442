"""Files shipped with the package: build context, example configuration, examples.

In a wheel they are inside the package, in a checkout beside it.
"""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_PROGRAM = Path("runtime", "lgbm_runtime", "__main__.py")


def containers_path(project_folder: Path | None = None) -> Path:
    """Return the folder `containers`: the build context, with the program in `runtime`.

    A project's own copy beside its config.yaml, which `lgbm-sm init` creates, takes precedence over the shipped one. A
    copy is recognized by the program in it.

    Raises:
        FileNotFoundError: the installation is incomplete.
    """
    if project_folder and (project_folder / "containers" / _PROGRAM).is_file():
        return project_folder / "containers"
    return _shipped("containers")


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
    raise FileNotFoundError(f"{name} is neither in {_PACKAGE} nor beside it: the installation is incomplete")
