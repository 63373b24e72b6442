"""The schema: the columns of a table, as schema.json describes them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Union

from lgbm_runtime.core.errors import SchemaError

FORMAT_VERSION = 1

_NUMBER = re.compile(r"[-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?")

Value = Union[str, int, float]

# Words for true, and words for false, in lower case.
_TRUTHS = (("true", "t", "yes", "y"), ("false", "f", "no", "n"))


@dataclass(frozen=True)
class Feature:
    """One column of a table.

    `levels` are the categories of a categorical feature, or the classes of a target: all texts or all numbers. The
    position of a category is its code. `levels` is None for a numeric column. `missing` are more texts that mean a
    missing cell in this column.

    `codes` maps each category to its code. For booleans, it also has the other spellings of true and false.
    """

    name: str
    levels: tuple[Value, ...] | None = None
    missing: tuple[str, ...] = ()
    codes: dict[Value, float] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        levels = self.levels or ()
        codes = {level if isinstance(level, str) else float(level): float(code) for code, level in enumerate(levels)}
        object.__setattr__(self, "codes", {**_spellings(codes), **codes})

    @cached_property
    def missing_numbers(self) -> frozenset[float]:
        """Return the numbers that mean a missing cell, such as -999."""
        return frozenset(map(float, filter(_NUMBER.fullmatch, self.missing)))

    @property
    def is_text(self) -> bool:
        """Return whether the categories are texts. A cell must be exactly equal to its category."""
        return bool(self.levels) and isinstance(self.levels[0], str)  # type: ignore[index]


@dataclass(frozen=True)
class Schema:
    """The features in the order of the columns, and the target.

    `classes` are the classes of the target in the order of their codes, or None if the target is numeric. `document` is
    the JSON object of the schema, or None.
    """

    features: tuple[Feature, ...]
    target_name: str = "target"
    classes: tuple[Value, ...] | None = None
    document: dict[str, Any] | None = field(default=None, repr=False, compare=False)

    @staticmethod
    def from_json(document: Any) -> Schema:
        """Return the schema in a parsed schema.json. Raises SchemaError."""
        top = _object(document, "the schema")
        version = top.get("format_version")
        if version != FORMAT_VERSION or isinstance(version, bool):
            raise SchemaError(f"format_version must be {FORMAT_VERSION}, got {version!r}")
        described = top.get("features")
        if not isinstance(described, list) or not described:
            raise SchemaError("features must be a list of at least one feature")
        features = tuple(_feature(one, f"features[{index}]") for index, one in enumerate(described))
        target = _object(top.get("target"), "target")
        target_name = _name(target, "target")
        _refuse_repeated([feature.name for feature in features] + [target_name], "column name")
        classes = target.get("classes")
        return Schema(features, target_name, None if classes is None else _values(classes, "target.classes"), top)

    @staticmethod
    def without_channel(width: int, names: Sequence[str] | None = None, target_name: str = "target") -> Schema:
        """Return a schema of `width` numeric features, with a numeric target in the last column.

        `names` are the names of the features. The default names are `Column_0`, `Column_1` and so on.
        """
        if names is None:
            names = [f"Column_{index}" for index in range(width)]
        if len(names) != width:
            raise SchemaError(f"got {len(names)} names for {width} features")
        _refuse_repeated([*names, target_name], "column name")
        return Schema(tuple(Feature(name) for name in names), target_name)

    @property
    def width(self) -> int:
        """Return the number of features."""
        return len(self.features)

    @property
    def feature_names(self) -> list[str]:
        return [feature.name for feature in self.features]

    @cached_property
    def categorical_indices(self) -> list[int]:
        """Return the positions of the categorical features, from 0."""
        return [index for index, feature in enumerate(self.features) if feature.levels is not None]

    @cached_property
    def is_plain(self) -> bool:
        """Return whether no number is a category or means a missing cell, in any feature."""
        return not self.categorical_indices and not any(feature.missing_numbers for feature in self.features)

    @property
    def target(self) -> Feature:
        """Return the target as a column. Its categories are the classes."""
        return Feature(self.target_name, self.classes)

    def to_json(self) -> dict[str, Any] | None:
        """Return the JSON object of the schema, for metadata.json."""
        return self.document


def _feature(described: Any, place: str) -> Feature:
    feature = _object(described, place)
    name = _name(feature, place)
    kind = feature.get("type")
    if kind == "numeric":
        if feature.get("levels") is not None:
            raise SchemaError(f"{place} ({name}) is numeric but has levels")
        return Feature(name, missing=_texts(feature.get("missing", []), f"{place} ({name}).missing"))
    if kind == "categorical":
        levels = _values(feature.get("levels"), f"{place} ({name}).levels")
        return Feature(name, levels, _texts(feature.get("missing", []), f"{place} ({name}).missing"))
    raise SchemaError(f"{place} ({name}).type must be numeric or categorical, got {kind!r}")


def _object(value: Any, place: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise SchemaError(f"{place} is not a JSON object")
    return value


def _name(owner: dict[str, Any], place: str) -> str:
    name = owner.get("name")
    if not isinstance(name, str) or not name:
        raise SchemaError(f"{place}.name must be a text that is not empty")
    return name


def _values(values: Any, place: str) -> tuple[Value, ...]:
    if not isinstance(values, list) or not values:
        raise SchemaError(f"{place} must be a list of at least one value")
    if all(isinstance(value, str) for value in values):
        _refuse_repeated(values, f"{place}: value")
    elif all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
        numbers = [_number(value, place) for value in values]
        _refuse_repeated(numbers, f"{place}: value")
    else:
        raise SchemaError(f"{place} must be all texts or all numbers")
    return tuple(values)


def _texts(values: Any, place: str) -> tuple[str, ...]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise SchemaError(f"{place} must be a list of texts")
    return tuple(values)


def _spellings(codes: Mapping[Value, float]) -> dict[Value, float]:
    """Return the codes of all spellings of true and false if the categories are booleans."""
    found: dict[Value, float] = {}
    for words in _TRUTHS:
        same = [code for category, code in codes.items() if isinstance(category, str) and category.lower() in words]
        if len(same) == 1:
            found.update({spelled: same[0] for word in words for spelled in (word, word.title(), word.upper())})
        elif same:
            return {}
    is_boolean = len(codes) == 2 or set(codes) <= {"true", "false"}
    return found if is_boolean and len(set(found.values())) == len(codes) else {}


def _number(value: float, place: str) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise SchemaError(f"{place} holds {value!r}, which is not a finite number")
    return number


def _refuse_repeated(values: Sequence[Value], what: str) -> None:
    seen = set()
    for value in values:
        if value in seen:
            raise SchemaError(f"{what} {value!r} occurs twice")
        seen.add(value)
