"""Check hyperparameters by the names and rules of LightGBM's parameters.

The names come from the installed LightGBM.
"""

import ctypes
import importlib.util
import json
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from lgbm_sm.config.hyperparameters import DEFAULTS, as_string, check_hyperparameter, file_content, hyperparameter
from lgbm_sm.config.values import HyperparameterValue
from lgbm_sm.errors import ConfigError
from lgbm_sm.wording import similar

DEFAULT_OBJECTIVE = "regression"  # LightGBM's default
# the tables of the training program; parameter_table.py and refused_parameters.py there describe them
_TABLES = Path("runtime", "lgbm_runtime", "training")
# these parameters name a file; a job gets the content of the file
_FILE_PARAMETERS = frozenset({"forcedsplits_filename", "forcedbins_filename"})
# these lists have one item for each feature
_PER_FEATURE = frozenset(
    {
        "monotone_constraints",
        "feature_contri",
        "max_bin_by_feature",
        "cegb_penalty_feature_lazy",
        "cegb_penalty_feature_coupled",
    }
)


class LightgbmMissingError(Exception):
    """LightGBM is not installed or does not load. The message gives the reason."""


@cache
def parameter_names() -> Mapping[str, str]:
    """Map every name and alias of a parameter to its main name in LightGBM.

    This loads only the shared library, in milliseconds. To import the package takes a second or more.

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


class ParameterTables(NamedTuple):
    """The tables of the program in the container about LightGBM's parameters.

    `refused` maps each parameter that a job must not set to the reason. `rules` maps each parameter to its type and
    limits. Both have LightGBM's main names as keys. `other_names` maps names from other libraries to advice.
    """

    refused: Mapping[str, str]
    rules: Mapping[str, Mapping[str, Any]]
    other_names: Mapping[str, str]


def read_tables(containers_path: Path) -> ParameterTables:
    """Read the tables of the program in `containers_path`.

    An older copy of the program may lack some tables. Then fewer values are checked.
    """
    paths = [
        containers_path / _TABLES / name
        for name in ("refused_parameters.json", "lightgbm_parameters.json", "other_names.json")
    ]
    refused, rules, other_names = (
        json.loads(path.read_text(encoding="utf-8")) if path.exists() else {} for path in paths
    )
    if rules:
        rules["num_iterations"]["at_least"] = 1  # LightGBM accepts 0, but then creates no model
    by_name = {name: reason for reason, names in refused.items() for name in names}
    return ParameterTables(by_name, rules, other_names)


def value_problems(
    hyperparameters: Mapping[str, object], tables: ParameterTables, folder: Path
) -> dict[str, ValueError]:
    """Return the problem of each value that LightGBM would refuse or misread.

    Relative paths of files start at `folder`.

    Raises:
        LightgbmMissingError: LightGBM's names and aliases are not available.
    """
    own_names, files = parameter_names(), file_parameters(hyperparameters)
    problems: dict[str, ValueError] = {}
    for name, value in hyperparameters.items():
        own = own_names.get(name, "")
        if own not in tables.rules or own in tables.refused:
            continue
        with suppress(ValueError):  # the check of the configuration reports such a value
            plain = hyperparameter(value)
            try:
                check_hyperparameter(tables.rules[own], plain)
                if name in files:
                    file_content(folder / str(value))
            except ValueError as error:
                problems[name] = error
    return problems


def file_parameters(hyperparameters: Mapping[str, object]) -> frozenset[str]:
    """Return the names of the hyperparameters whose value is a file on this machine."""
    try:
        own_names = parameter_names()
    except LightgbmMissingError:
        own_names = {name: name for name in _FILE_PARAMETERS}
    return frozenset(name for name in hyperparameters if own_names.get(name) in _FILE_PARAMETERS)


def as_strings(hyperparameters: Mapping[str, HyperparameterValue], folder: Path) -> dict[str, str]:
    """Return the hyperparameters as the API accepts them: strings only.

    If a parameter names a file, its value becomes the content of the file. Relative paths start at `folder`.

    Raises:
        ConfigError: the file cannot be read, or its content cannot be sent.
    """
    names = file_parameters(hyperparameters)
    try:
        return {
            name: file_content(folder / str(value)) if name in names else as_string(value)
            for name, value in hyperparameters.items()
        }
    except ValueError as error:
        # the file has changed since the check, or there was no check because the hyperparameters are for another image
        raise ConfigError(f"training.hyperparameters: {', '.join(sorted(names))}: {error}") from error


def length_problems(hyperparameters: Mapping[str, Any], features: int) -> dict[str, str]:
    """Return a message for each list that does not fit the number of features."""
    from lgbm_sm.config.list_values import list_of

    try:
        own_names = parameter_names()
    except LightgbmMissingError:  # a warning was shown when the configuration was read
        return {}
    problems = {}
    for name, value in hyperparameters.items():
        own = None if value in DEFAULTS else own_names.get(name)
        if own in _PER_FEATURE and (given := len(list_of("vector<double>", _as_list(value)))) not in (0, features):
            problems[name] = f"must have one item for each of the {features} features, got {given}"
        if own == "interaction_constraints":
            groups = list_of("vector<vector<int>>", _as_list(value))
            if strange := [index for group in groups for index in group if not 0 <= index < features]:
                problems[name] = f"has the feature {strange[0]}: the data has the features 0 to {features - 1}"
    return problems


def _as_list(value: Any) -> Any:
    return [_as_list(item) for item in value] if isinstance(value, tuple) else value


def name_problems(hyperparameters: Mapping[str, object], tables: ParameterTables) -> dict[str, str]:
    """Return a message for each name that the training program would refuse.

    Raises:
        LightgbmMissingError: LightGBM's names are not available.
    """
    refused = tables.refused
    own_names = parameter_names()
    first: dict[str, str] = {}  # maps LightGBM's main name to the first name that the user has set
    for name in hyperparameters:
        if own := own_names.get(name):
            first.setdefault(own, name)
    allowed = [name for name, own in own_names.items() if own not in refused]
    problems: dict[str, str] = {}
    for name, value in hyperparameters.items():
        own = own_names.get(name)
        if own is None:
            folded = name.strip().lower().replace("-", "_")
            if folded in tables.other_names:
                problems[name] = f"is not a LightGBM parameter: {tables.other_names[folded]}"
                continue
            near = similar(folded, allowed)
            # if the parameter is already set, suggest that name, because two names of a parameter are refused
            meant = f" (did you mean {first.get(own_names[near[0]], near[0])}?)" if near else ""
            problems[name] = f"is not a LightGBM parameter{meant}"
        elif own in refused:
            problems[name] = f"cannot be set: {refused[own]}"
        elif value != hyperparameters[first[own]]:
            problems[name] = f"is another name of {first[own]}, which is also set: set only {first[own]}"
    return problems


def objective_of(hyperparameters: Mapping[str, object]) -> str:
    """Return the objective, which may be set under an alias of the parameter."""
    try:
        own_names = parameter_names()
    except LightgbmMissingError:
        return DEFAULT_OBJECTIVE
    given = (str(value) for name, value in hyperparameters.items() if own_names.get(name) == "objective")
    return next(given, DEFAULT_OBJECTIVE)
