"""Load the configuration from config.yaml, the environment and `--set`.

The environment overrides config.yaml. `--set` overrides both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from lgbm_sm.config.finding import DEFAULT_FILE_NAME, find_config
from lgbm_sm.config.instance_types import InstancePurpose, unknown_instance_type
from lgbm_sm.config.keys import known_keys, plain, read
from lgbm_sm.config.problems import (
    DEFAULT_ORIGIN,
    KeyPath,
    KnownKeys,
    Location,
    Origin,
    Problem,
    RefusedPartsError,
    known_below,
    refused_value,
)
from lgbm_sm.config.sections import DEFAULT_HYPERPARAMETERS, Config
from lgbm_sm.config.settings import ENVIRONMENT_PREFIX, OVERRIDE_SOURCE, Reading, Setting
from lgbm_sm.config.tolerance import ignored, refusal, require_tolerable
from lgbm_sm.errors import ConfigError
from lgbm_sm.shipped import containers_path

_HYPERPARAMETERS = ("training", "hyperparameters")


@dataclass(frozen=True)
class LoadedConfig:
    """A configuration and the sources of its values.

    `sources` maps each dotted key to its source: "config.yaml:14", the name of an environment variable, "--set" or
    "default". `path` is the file that was read, or None. Relative paths in the configuration start at `folder`, which
    is an absolute path.
    """

    config: Config
    sources: Mapping[str, str]
    path: Path | None
    folder: Path
    warnings: tuple[str, ...] = ()

    @property
    def overridden(self) -> frozenset[str]:
        """The dotted keys that `--set` has set."""
        return frozenset(key for key, source in self.sources.items() if source == OVERRIDE_SOURCE)


class EffectiveValue(NamedTuple):
    """A dotted key, its value (a scalar, a list or a mapping), and the source of the value."""

    key: str
    value: object
    source: str


def load_config(
    path: Path | None,
    overrides: Sequence[str] = (),
    environ: Mapping[str, str] = MappingProxyType({}),
    *,
    any_hyperparameters: bool = False,
    needs: Sequence[KeyPath] | None = None,
) -> LoadedConfig:
    """Read and check the configuration.

    Without a `path`, the function reads the file that `find_config` finds, if any. `overrides` are texts
    `section.key=value`. `environ` has variables LGBM_SM_SECTION__KEY. In both, the values are YAML. The environment of
    the process itself is not read. With `any_hyperparameters`, the names of hyperparameters are not checked, because
    they may be for another image. With `needs`, only problems of these keys and of `overrides` are errors. Other
    problems are warnings, and their keys have their defaults.

    Raises:
        ConfigError: the configuration has problems. The message has one line per problem: first those of the file in
            the order of its lines, then the problems of the environment, then the problems of --set.
    """
    if path is None:
        path = find_config(Path.cwd())
    known = known_keys(Config)
    reading = _read(path, overrides, environ, known)
    merged = _Merged(reading.settings, known)
    folder = path.parent.resolve() if path else Path.cwd()
    if not any_hyperparameters:
        _check_hyperparameters(merged, folder, reading)
    config = _checked(merged, reading, needs)
    warnings = [*reading.warnings, *ignored(reading.problems), *_instance_type_warnings(config, merged)]
    sources = {key: merged.origin(tuple(key.split(".", 2))).source for key, _ in _values(config)}
    return LoadedConfig(config=config, sources=sources, path=path, folder=folder, warnings=tuple(warnings))


def effective(loaded: LoadedConfig) -> list[EffectiveValue]:
    """Return all settings, in the order of the sections."""
    return [EffectiveValue(key, value, loaded.sources[key]) for key, value in _values(loaded.config)]


def as_plain(config: Config) -> dict[str, dict[str, object]]:
    """Return the configuration as nested mappings, lists and scalars."""
    nested: dict[str, dict[str, object]] = plain(config)
    return nested


def _values(config: Config) -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for section, keys in as_plain(config).items():
        for key, value in keys.items():
            if isinstance(value, dict) and value:
                found.extend((f"{section}.{key}.{name}", single) for name, single in value.items())
            else:
                found.append((f"{section}.{key}", value))
    return found


def _read(path: Path | None, overrides: Sequence[str], environ: Mapping[str, str], known: KnownKeys) -> Reading:
    """Read all sources. Import the YAML library only if a source has settings."""
    reading = Reading()
    if path is None and not overrides and not any(name.startswith(ENVIRONMENT_PREFIX) for name in environ):
        return reading
    from lgbm_sm.config.source import read_environment, read_overrides, read_yaml

    if path is not None:
        read_yaml(_file_text(path), str(path), known, reading)
    read_environment(environ, known, reading)
    read_overrides(overrides, known, reading)
    return reading


def _file_text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        hint = f"name your file with --config, or omit --config to read ./{DEFAULT_FILE_NAME}"
        raise ConfigError(f"{path} does not exist", hint) from error
    except OSError as error:
        raise ConfigError(f"failed to read {path}: {error.strerror}") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            f"{path}:{line}: not UTF-8 text (byte 0x{content[error.start]:02x})",
            "save the file as UTF-8",
        ) from error


def _check_hyperparameters(merged: "_Merged", folder: Path, reading: Reading) -> None:
    given = merged.hyperparameters()
    if all(repr(value) == repr(DEFAULT_HYPERPARAMETERS.get(name)) for name, value in given.items()):
        return
    from lgbm_sm.config.lightgbm_parameters import LightgbmMissingError, name_problems, read_tables, value_problems

    tables = read_tables(containers_path(folder))
    try:
        names, values = name_problems(given, tables), value_problems(given, tables, folder)
    except LightgbmMissingError as error:
        reading.warnings.append(f"the hyperparameters are not checked: {error} (run `lgbm-sm doctor`)")
        return
    for name, sentence in names.items():
        path = (*_HYPERPARAMETERS, name)
        reading.problems.append(Problem.at(merged.origin(path), f"{'.'.join(path)} {sentence}", path))
    for name, problem in values.items():
        reading.problems.append(merged.problem((*_HYPERPARAMETERS, name), problem))


def _checked(merged: "_Merged", reading: Reading, needs: Sequence[KeyPath] | None) -> Config:
    """Return the checked configuration. `load_config` explains `needs`."""
    while True:
        refused: list[KeyPath] = []
        config = None
        try:
            config = read(Config, merged.nested())
        except RefusedPartsError as error:
            for location, reason in error.refused():
                reading.problems.append(merged.problem(location, reason))
                refused.append(tuple(part for part in location if isinstance(part, str)))
        if needs is None and reading.problems:
            raise refusal(reading.problems)
        require_tolerable(reading.problems, needs or ())
        if config is not None:
            return config
        for path in refused:
            merged.drop(path, keep=needs or ())


def _instance_type_warnings(config: Config, merged: "_Merged") -> list[str]:
    warnings = []
    for section, instance_type, purpose in (
        ("training", config.training.instance_type, InstancePurpose.TRAINING),
        ("endpoint", config.endpoint.instance_type, InstancePurpose.ENDPOINT),
    ):
        if sentence := unknown_instance_type(purpose, instance_type):
            origin = merged.origin((section, "instance_type"))
            warnings.append(Problem.at(origin, f"{section}.instance_type: {sentence}").message)
    return warnings


class _Merged:
    """The merged settings of all sources. Each key has the setting that takes precedence."""

    def __init__(self, settings: Sequence[Setting], known: KnownKeys) -> None:
        self._known = known
        self._holding: dict[KeyPath, Setting] = {}
        self._seed_hyperparameters()
        for setting in settings:
            self._lay(setting)

    def _seed_hyperparameters(self) -> None:
        for name, value in DEFAULT_HYPERPARAMETERS.items():
            path = (*_HYPERPARAMETERS, name)
            self._holding[path] = Setting(path, value, DEFAULT_ORIGIN)

    def _lay(self, setting: Setting) -> None:
        path = setting.path
        if known_below(self._known, path):
            for below in [key for key in self._holding if key[: len(path)] == path]:
                del self._holding[below]
            if setting.value is None and path == _HYPERPARAMETERS:
                self._seed_hyperparameters()
                return
        if setting.value is None and "*" in (known_below(self._known, path[:2]) or ()):
            self._holding.pop(path, None)
        else:
            self._holding[path] = setting

    def drop(self, path: KeyPath, *, keep: Sequence[KeyPath]) -> None:
        """Remove a refused setting.

        If no source has set it, the refused value is a default. Then remove the settings of its section, except `keep`.
        """
        depth = 2 if any(key[:2] == path[:2] for key in self._holding) else 1
        for key in [key for key in self._holding if key[:depth] == path[:depth] and key not in keep]:
            del self._holding[key]

    def hyperparameters(self) -> dict[str, object]:
        """Return the hyperparameters by name. Their values are not checked yet."""
        parent = len(_HYPERPARAMETERS)
        return {
            path[parent]: setting.value
            for path, setting in self._holding.items()
            if path[:parent] == _HYPERPARAMETERS and len(path) > parent
        }

    def nested(self) -> dict[str, dict[str, object]]:
        """Return the sections as nested mappings."""
        sections: dict[str, dict[str, object]] = {_HYPERPARAMETERS[0]: {_HYPERPARAMETERS[1]: {}}}
        for path in sorted(self._holding, key=len):
            section = sections.setdefault(path[0], {})
            value = self._holding[path].value
            if len(path) == 2:
                section[path[1]] = value
            else:
                below = section.get(path[1])
                section[path[1]] = {**(below if isinstance(below, dict) else {}), path[2]: value}
        return sections

    def origin(self, path: KeyPath) -> Origin:
        """Return the origin of the key.

        If no source sets the key itself, return the origin of its mapping, or of another key in the section.
        """
        for candidate in (path, path[:2]):
            if candidate in self._holding:
                return self._holding[candidate].origin
        beside = (setting.origin for key, setting in self._holding.items() if key[:2] == path[:2])
        return max(beside, key=lambda origin: origin.order, default=DEFAULT_ORIGIN)

    def problem(self, location: Location, error: ValueError) -> Problem:
        """Return the message for an invalid value."""
        names = tuple(part for part in location if isinstance(part, str))
        origin = self.origin(names)
        indexes = [part for part in location if isinstance(part, int)]
        setting = self._holding.get(names)
        if setting and indexes and indexes[0] < len(setting.items):
            origin = setting.items[indexes[0]]
        return Problem.at(origin, refused_value(location, error, origin), names)
