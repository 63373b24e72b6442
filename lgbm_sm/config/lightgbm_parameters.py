"""The names of LightGBM's parameters, read from the installed LightGBM."""

import ctypes
import importlib.util
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from lgbm_sm.wording import similar

DEFAULT_OBJECTIVE = "regression"  # LightGBM's own
# the program's list of parameters that a training job cannot have, by the reason
_REFUSED_FILE = Path("runtime", "lgbm_runtime", "training", "refused_parameters.json")


class LightgbmMissingError(Exception):
    """LightGBM is not installed, or its shared library does not load; the message gives the reason."""


@cache
def parameter_names() -> Mapping[str, str]:
    """Map every name and alias of a parameter to LightGBM's own name of it.

    Loads the shared library alone, which takes milliseconds; importing the package takes a second or more.

    Raises:
        LightgbmMissingError: the library cannot be loaded.
    """
    spec = importlib.util.find_spec("lightgbm")
    if spec is None or spec.origin is None:
        raise LightgbmMissingError("LightGBM is not installed")
    folder = Path(spec.origin).parent / "lib"
    found = sorted(folder.glob("lib_lightgbm.*"))
    if not found:
        raise LightgbmMissingError(f"{folder} has no lib_lightgbm")
    try:
        library = ctypes.CDLL(str(found[0]))
    except OSError as error:
        raise LightgbmMissingError(str(error)) from error
    table: Mapping[str, list[str]] = json.loads(_dump_aliases(library))
    return {name: own for own, aliases in table.items() for name in (own, *aliases)}


def _dump_aliases(library: ctypes.CDLL) -> bytes:
    needed, buffer = ctypes.c_int64(0), ctypes.create_string_buffer(0)
    for _ in range(2):  # the first call only returns the size
        buffer = ctypes.create_string_buffer(needed.value)
        library.LGBM_DumpParamAliases(ctypes.c_int64(needed.value), ctypes.byref(needed), buffer)
    return buffer.value


def refused_parameters(containers_path: Path) -> Mapping[str, str]:
    """Map the parameters that the program in `containers_path` refuses to the reason.

    The names are LightGBM's own, not aliases.
    """
    by_reason = json.loads((containers_path / _REFUSED_FILE).read_text(encoding="utf-8"))
    return {name: reason for reason, names in by_reason.items() for name in names}


def hyperparameter_problems(hyperparameters: Mapping[str, object], refused: Mapping[str, str]) -> dict[str, str]:
    """Return a sentence for each name that training would refuse; see `refused_parameters`.

    Raises:
        LightgbmMissingError: the names cannot be checked.
    """
    own_names = parameter_names()
    first: dict[str, str] = {}  # by LightGBM's own name, the name under which the parameter is set
    for name in hyperparameters:
        if own := own_names.get(name):
            first.setdefault(own, name)
    allowed = [name for name, own in own_names.items() if own not in refused]
    problems: dict[str, str] = {}
    for name, value in hyperparameters.items():
        own = own_names.get(name)
        if own is None:
            near = similar(name.strip().lower().replace("-", "_"), allowed)
            # a second name of a parameter that is set already would be refused in turn
            meant = f" (did you mean {first.get(own_names[near[0]], near[0])}?)" if near else ""
            problems[name] = f"is not a LightGBM parameter{meant}"
        elif own in refused:
            problems[name] = f"cannot be set: {refused[own]}"
        elif value != hyperparameters[first[own]]:
            problems[name] = f"is another name of {first[own]}, which is also set: set only {first[own]}"
    return problems


def objective_of(hyperparameters: Mapping[str, object]) -> str:
    """Return the objective, whose parameter has several names."""
    try:
        own_names = parameter_names()
    except LightgbmMissingError:
        return DEFAULT_OBJECTIVE
    given = (str(value) for name, value in hyperparameters.items() if own_names.get(name) == "objective")
    return next(given, DEFAULT_OBJECTIVE)
