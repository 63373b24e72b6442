"""Prepared data: schema.json, the layout of the data folder, and the check of its files."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct, structs

from lgbm_sm.errors import DataError
from lgbm_sm.preparation.origin import DataOrigin, Sha256, fingerprint_of
from lgbm_sm.wording import counted, shortened_list

SCHEMA_FILE = "schema/schema.json"
_SHOWN_FILES = 5
PREPARE_HINT = "run `lgbm-sm prepare-data`"


class Split(StrEnum):
    """A part of the prepared data. Each part has a folder and one file."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"
    TEST_TARGET = "test_target"


FOLDERS: Mapping[Split, str] = {
    Split.TRAIN: "train",
    Split.VALIDATION: "valid",
    Split.TEST: "test",
    Split.TEST_TARGET: "test_target",
}
# maps each channel to its folder; the test rows are not a channel, because training must not see them
CHANNELS: Mapping[str, str] = {"train": "train", "validation": "valid", "schema": "schema"}

# categories are either all text, or all numbers
Categories = tuple[str | int | float, ...]


class Feature(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One feature column.

    `levels` are the categories of a categorical feature: all text, matched exactly, or all numbers, matched by value.
    The position of a category is its code. `missing` are more texts that mean a missing cell in this column. The
    program in the container knows the usual texts.
    """

    name: Annotated[str, Meta(min_length=1)]
    type: Literal["numeric", "categorical"]
    levels: Categories | None = None
    missing: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (self.type == "categorical") != bool(self.levels):
            raise ValueError(f"feature {self.name}: categorical features have levels, numeric ones have none")
        _check_categories(self.levels or (), f"feature {self.name}: category")


class TargetColumn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The target column, with the classes of a classification.

    The position of a class is its code, 0 to k-1.
    """

    name: Annotated[str, Meta(min_length=1)]
    classes: Categories | None

    def __post_init__(self) -> None:
        _check_categories(self.classes or (), "class")


class SplitFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file: its path in the data folder, its number of rows, and its SHA-256 in hex."""

    # exactly one folder deep, so that a hand-written schema.json cannot point outside the data folder
    file: Annotated[str, Meta(pattern=r"\A[a-z_]+/[A-Za-z0-9_-][A-Za-z0-9._-]*\.csv\Z")]
    rows: Annotated[int, Meta(ge=0)]
    sha256: Sha256


class Schema(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The content of schema.json. Features are in the order of the files' columns.

    `origin` is missing if another program or an earlier version prepared the data. `fingerprint` is the SHA-256 of all
    other content. It identifies the data set.
    """

    format_version: Literal[1]
    dataset: str
    target: TargetColumn
    features: Annotated[tuple[Feature, ...], Meta(min_length=1)]
    splits: dict[Split, SplitFile]
    origin: DataOrigin | None = None
    fingerprint: Annotated[str, Meta(pattern=r"\A([0-9a-f]{64})?\Z")] = ""

    def __post_init__(self) -> None:
        _refuse_repeated((*self.feature_names, self.target.name), "column name")
        for split, folder in FOLDERS.items():
            if split not in self.splits:
                raise ValueError(f"split {split} is not listed")
            if not self.splits[split].file.startswith(f"{folder}/"):
                raise ValueError(f"split {split}: {self.splits[split].file} is not in {folder}/")

    @property
    def feature_names(self) -> tuple[str, ...]:
        return tuple(feature.name for feature in self.features)

    def with_fingerprint(self) -> "Schema":
        """Return the schema with the SHA-256 of its content."""
        return structs.replace(self, fingerprint=fingerprint_of(self.document))

    @property
    def document(self) -> dict[str, Any]:
        """The schema as a JSON object, for schema.json and for the model's metadata.json."""
        document: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self))
        return document

    def to_bytes(self) -> bytes:
        """The content of schema.json."""
        return (json.dumps(self.document, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def schema_path(data_folder: Path) -> Path:
    """Return the path of schema.json in a data folder."""
    return data_folder / SCHEMA_FILE


def load_schema(data_folder: Path) -> Schema:
    """Return the schema of the data in `data_folder`.

    Raises:
        DataError: schema.json does not exist, is not a schema of this format, or was edited.
    """
    schema = read_schema(data_folder)
    if schema.fingerprint and schema.fingerprint != fingerprint_of(schema.document):
        raise DataError(
            f"{schema_path(data_folder)} was edited: its content does not match its fingerprint", PREPARE_HINT
        )
    return schema


def read_schema(data_folder: Path) -> Schema:
    """Return the schema, even if it was edited.

    Raises:
        DataError: schema.json does not exist, or is not a schema of this format.
    """
    path = schema_path(data_folder)
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"no prepared data: {path} does not exist", PREPARE_HINT) from error
    except OSError as error:
        raise DataError(f"failed to read {path}: {error.strerror}", PREPARE_HINT) from error
    try:
        return msgspec.json.decode(content, type=Schema)
    except msgspec.DecodeError as error:
        raise DataError(f"{path} is not a schema: {error}", PREPARE_HINT) from error


def training_channels(data_folder: Path) -> dict[str, Path]:
    """Map each channel (train, validation, schema) to its folder, after checking its files.

    Raises:
        DataError: there is no prepared data, a channel's file is missing or changed, or there is an unexpected file.
    """
    schema = load_schema(data_folder)
    _refuse_strays(data_folder, "schema", {schema_path(data_folder)})
    verify_split(data_folder, schema, Split.TRAIN)
    verify_split(data_folder, schema, Split.VALIDATION)
    return {channel: data_folder / folder for channel, folder in CHANNELS.items()}


def verify_split(data_folder: Path, schema: Schema, split: Split | str) -> Path:
    """Return the path of the split's file, after checking that `schema` describes it.

    Raises:
        DataError: the file is missing, its SHA-256 differs, or its channel folder has an unexpected file.
    """
    split = Split(split)
    path = data_folder / schema.splits[split].file
    if FOLDERS[split] in CHANNELS.values():
        _refuse_strays(data_folder, FOLDERS[split], {path})
    try:
        digest = file_sha256(path)
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing, but {schema_path(data_folder)} lists it", PREPARE_HINT) from error
    except OSError as error:
        raise DataError(f"failed to read {path}: {error.strerror}", PREPARE_HINT) from error
    if digest != schema.splits[split].sha256:
        raise DataError(f"{path} has changed: its SHA-256 is not the one in {schema_path(data_folder)}", PREPARE_HINT)
    return path


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hex. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def stray_files(data_folder: Path, folder: str, known: Iterable[Path]) -> Iterator[Path]:
    """Yield the files under a channel folder that are not `known`, at any depth.

    Hidden files are left out: programs do not read them, and file managers create them.
    """
    expected = set(known)
    for path in sorted((data_folder / folder).rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(data_folder).parts)
        if path not in expected and not hidden and not path.is_dir():
            yield path


def strays_error(strays: list[Path]) -> DataError:
    """Return the error for unexpected files in channel folders."""
    files = counted(len(strays), "unexpected file")
    return DataError(
        f"{files} in the channel folders, which training would read too: {shortened_list(strays, _SHOWN_FILES)}",
        f"move or delete {'it' if len(strays) == 1 else 'them'}, then run the command again",
    )


def _refuse_strays(data_folder: Path, folder: str, known: set[Path]) -> None:
    if strays := list(stray_files(data_folder, folder, known)):
        raise strays_error(strays)


def _check_categories(values: Categories, what: str) -> None:
    if len({isinstance(value, str) for value in values}) > 1:
        raise ValueError(f"{what}: all values must be text, or all numbers")
    _refuse_repeated(values, what)


def _refuse_repeated(values: tuple[str | float, ...], what: str) -> None:
    seen: set[str | float] = set()
    for value in values:
        if value in seen:
            raise ValueError(f"{what} {value!r} occurs twice")
        seen.add(value)
