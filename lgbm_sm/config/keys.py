"""Declare the keys of a section, and read a section.

One line declares a key, with its type, its check, its purpose and its default. A section is a msgspec Struct, because
Python creates such a class in microseconds. `read` checks the values instead of msgspec, because msgspec reports only
the first problem and `read` reports all of them.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeVar, get_args

from msgspec import NODEFAULT, Struct
from msgspec.structs import fields

from lgbm_sm.config.problems import KnownKeys, RefusedPartsError, UnfitValueError, collecting

ValueCheck = Callable[[object], Any]
"""Takes a value that the user wrote, and returns the value for the section.

Raises UnfitValueError, or a ValueError with a sentence for the user.
"""


class ConfigSection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the configuration: each field is `name: Annotated[type, Key(…)] = default`.

    A key whose default is None may be left empty. `read` checks the values. The constructor does not check them.
    """


AnySection = TypeVar("AnySection", bound=ConfigSection)


class Key(Struct, frozen=True):
    """The check of a value, and the purpose of the key.

    `beside` raises ValueError if the value contradicts another value of the section. It also checks a default value.
    `below` has the names that are allowed below the key.
    """

    check: ValueCheck
    description: str
    beside: Callable[[Any, Mapping[str, Any]], None] | None = None
    below: KnownKeys = {}


def section_key(
    section: type[ConfigSection], description: str, *, beside: Callable[[Any, Mapping[str, Any]], None] | None = None
) -> Key:
    """Return a key whose value is another section."""
    return Key(partial(read, section), description, beside, known_keys(section))


def mapping_key(
    each: ValueCheck,
    description: str,
    *,
    whole: ValueCheck = lambda values: values,
    suggested: Mapping[str, object] = {},
) -> Key:
    """Return a key that allows any name below it.

    `each` checks one value. `whole` checks the mapping of all values. For a wrong name, messages suggest a name from
    `suggested`.
    """
    below: dict[str, KnownKeys] = {"*": {}, **{name: {} for name in suggested}}
    return Key(lambda given: whole(_read_mapping(each, given)), description, below=below)


def _read_mapping(each: ValueCheck, given: object) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise UnfitValueError("a mapping", given)
    values: dict[str, Any] = {}
    refused: dict[str | int, ValueError] = {}
    for name, value in given.items():
        with collecting(refused, name):
            values[name] = each(value)
    if refused:
        raise RefusedPartsError(refused)
    return values


@cache
def keys_of(section: type[ConfigSection]) -> dict[str, Key]:
    """Return the keys of a section by name, in the order of their declaration."""
    return {field.name: get_args(field.type)[1] for field in fields(section)}


def known_keys(section: type[ConfigSection]) -> KnownKeys:
    """Return the names of the keys of a section, and the names below each key."""
    return {name: key.below for name, key in keys_of(section).items()}


def read(section: type[AnySection], given: object) -> AnySection:
    """Check the values in `given`, and return them as a section.

    Raises:
        RefusedPartsError: at least one value is wrong. The error contains all problems.
        UnfitValueError: `given` is not a mapping.
    """
    if not isinstance(given, Mapping):
        raise UnfitValueError("a mapping", given)
    keys = keys_of(section)
    values: dict[str, Any] = {}
    refused: dict[str | int, ValueError] = {
        name: ValueError("is not a known key") for name in given if name not in keys
    }
    for field in fields(section):
        name = field.name
        if name not in given or (given[name] is None and field.default is None):
            if field.required:
                refused[name] = ValueError("is missing")
            else:
                values[name] = field.default_factory() if field.default is NODEFAULT else field.default
            continue
        with collecting(refused, name):
            values[name] = keys[name].check(given[name])
    for name, value in values.items():
        if beside := keys[name].beside:
            with collecting(refused, name):
                beside(value, values)
    if refused:
        raise RefusedPartsError(refused)
    return section(**values)


def plain(value: object) -> Any:
    """Convert a value to mappings, lists and scalars, as YAML and JSON have them."""
    match value:
        case ConfigSection():
            return {name: plain(getattr(value, name)) for name in value.__struct_fields__}
        case Mapping():
            return {name: plain(single) for name, single in value.items()}
        case tuple() | list():
            return [plain(item) for item in value]
        case StrEnum():
            return value.value
        case Path():
            return str(value)
    return value
