"""What travels with the package: the build context of the images, the example configuration and the examples.

A wheel carries them inside the package; in a checkout they lie beside it.
"""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_PROGRAM = Path("runtime", "lgbm_runtime", "__main__.py")


def containers_path(project_folder: Path | None = None) -> Path:
    """The folder `containers`: the build context, with the program under `runtime`.

    A project's own copy beside its config.yaml, as `lgbm-sm init` makes it, goes before the shipped one. It is known
    by the program in it: another folder of that name is none of ours.

    Raises:
        FileNotFoundError: the installation is incomplete.
    """
    if project_folder and (project_folder / "containers" / _PROGRAM).is_file():
        return project_folder / "containers"
    return _shipped("containers")


def example_config_path() -> Path:
    """The commented example `config.yaml`.

    Raises:
        FileNotFoundError: the installation is incomplete.
    """
    return _shipped("config.yaml")


def examples_path() -> Path:
    """The folder `examples`: inference code of one's own, to begin with.

    Raises:
        FileNotFoundError: the installation is incomplete.
    """
    return _shipped("examples")


def _shipped(name: str) -> Path:
    for folder in (_PACKAGE, _PACKAGE.parent):
        if (folder / name).exists():
            return folder / name
    raise FileNotFoundError(f"{name} lies neither in {_PACKAGE} nor beside it: the installation is incomplete")
