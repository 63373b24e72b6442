"""How a section declares its keys, and how it is read.

A key is one declaration: its type, what checks a value of it, what it is for, and its default. msgspec's Struct stands
behind a section, since such a class is made in microseconds; values are checked here instead of by msgspec, which
stops at the first problem, while a user is told all of them at once, in words.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeVar, get_args

from msgspec import NODEFAULT, Struct
from msgspec.structs import fields

from lgbm_sm.config.problems import KnownKeys, RefusedPartsError, UnfitValueError

Check = Callable[[object], Any]
"""Returns the value as a section holds it, or raises ValueError: UnfitValueError, or a sentence for the user."""


class Section(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the configuration: each field is `name: Annotated[type, Key(…)] = default`.

    A key whose default is None also takes nothing as its value. `read` checks what users write; values given to the
    constructor are taken as they are.
    """


AnySection = TypeVar("AnySection", bound=Section)


class Key(Struct, frozen=True):
    """What checks a value, and what the key is for.

    `beside` raises ValueError where a value, the default too, does not go with the others of the section. `below` are
    the names that may stand below the key.
    """

    check: Check
    description: str
    beside: Callable[[Any, Mapping[str, Any]], None] | None = None
    below: KnownKeys = {}


def section_key(
    section: type[Section], description: str, *, beside: Callable[[Any, Mapping[str, Any]], None] | None = None
) -> Key:
    """A key that holds the keys of another section."""
    return Key(partial(read, section), description, beside, known_keys(section))


def mapping_key(
    each: Check, description: str, *, whole: Check = lambda values: values, suggested: Mapping[str, object] = {}
) -> Key:
    """A key below which any name may stand; `suggested` are those that messages name. `whole` checks all of them."""
    below: dict[str, KnownKeys] = {"*": {}, **{name: {} for name in suggested}}
    return Key(lambda given: whole(_read_mapping(each, given)), description, below=below)


def _read_mapping(each: Check, given: object) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise UnfitValueError("a mapping", given)
    values: dict[str, Any] = {}
    refused: dict[str | int, ValueError] = {}
    for name, value in given.items():
        try:
            values[name] = each(value)
        except ValueError as error:
            refused[name] = error
    if refused:
        raise RefusedPartsError(refused)
    return values


@cache
def keys_of(section: type[Section]) -> dict[str, Key]:
    """The keys by name, in their order."""
    return {field.name: get_args(field.type)[1] for field in fields(section)}


def known_keys(section: type[Section]) -> KnownKeys:
    """The names below a section."""
    return {name: key.below for name, key in keys_of(section).items()}


def read(section: type[AnySection], given: object) -> AnySection:
    """The section that `given` describes.

    Raises:
        RefusedPartsError: with all that is wrong.
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
        try:
            values[name] = keys[name].check(given[name])
        except ValueError as error:
            refused[name] = error
    for name, value in values.items():
        try:
            if beside := keys[name].beside:
                beside(value, values)
        except ValueError as error:
            refused[name] = error
    if refused:
        raise RefusedPartsError(refused)
    return section(**values)


def plain(value: object) -> Any:
    """The value as YAML and JSON write it: mappings, lists and scalars."""
    match value:
        case Section():
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
