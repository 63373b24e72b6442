"""Declare the keys of a section, and read a section.

A key is one declaration: its type, its check, its purpose, and its default. A section is a msgspec Struct, because
Python creates such a class in microseconds. msgspec does not check the values, because it stops at the first problem;
`read` reports all of them at once.
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
"""Return the value as a section holds it, or raise ValueError: UnfitValueError, or a sentence for the user."""


class ConfigSection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the configuration: each field is `name: Annotated[type, Key(…)] = default`.

    A key whose default is None may be left empty. `read` checks the values that users write; the constructor does not
    check.
    """


AnySection = TypeVar("AnySection", bound=ConfigSection)


class Key(Struct, frozen=True):
    """The check of a value, and the purpose of the key.

    `beside` raises ValueError if a value, even the default, contradicts another value of the section. `below` are the
    names allowed below the key.
    """

    check: ValueCheck
    description: str
    beside: Callable[[Any, Mapping[str, Any]], None] | None = None
    below: KnownKeys = {}


def section_key(
    section: type[ConfigSection], description: str, *, beside: Callable[[Any, Mapping[str, Any]], None] | None = None
) -> Key:
    """Return a key for the keys of another section."""
    return Key(partial(read, section), description, beside, known_keys(section))


def mapping_key(
    each: ValueCheck,
    description: str,
    *,
    whole: ValueCheck = lambda values: values,
    suggested: Mapping[str, object] = {},
) -> Key:
    """Return a key that allows any name below it.

    Messages suggest `suggested`; `each` checks a value, and `whole` the mapping.
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
    """Return the keys by name, in their order."""
    return {field.name: get_args(field.type)[1] for field in fields(section)}


def known_keys(section: type[ConfigSection]) -> KnownKeys:
    """Return the names below a section."""
    return {name: key.below for name, key in keys_of(section).items()}


def read(section: type[AnySection], given: object) -> AnySection:
    """Return the section with the values in `given`.

    Raises:
        RefusedPartsError: names every problem.
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
    """Return the value in the types of YAML and JSON: mappings, lists and scalars."""
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
