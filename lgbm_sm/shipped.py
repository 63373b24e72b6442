"""What travels with the package: the build context of the images and the example configuration.

A wheel carries both inside the package; in a checkout they lie beside it.
"""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def containers_path() -> Path:
    """The folder `containers`: the build context, with the program under `runtime`.

    Raises:
        FileNotFoundError: the installation is incomplete.
    """
    return _shipped("containers")


def example_config_path() -> Path:
    """The commented example `config.yaml`.

    Raises:
        FileNotFoundError: the installation is incomplete.
    """
    return _shipped("config.yaml")


def _shipped(name: str) -> Path:
    for folder in (_PACKAGE, _PACKAGE.parent):
        if (folder / name).exists():
            return folder / name
    raise FileNotFoundError(f"{name} lies neither in {_PACKAGE} nor beside it: the installation is incomplete")
