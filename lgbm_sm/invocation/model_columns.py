"""The columns that a model reads, and the settings that decide how a table spells them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from msgspec import structs

from lgbm_sm.config.keys import keys_of
from lgbm_sm.config.sections import DataSection, DateReading
from lgbm_sm.preparation.column_settings import ColumnSettings, settings_of_columns

# `--set` of these keys describes the table that is predicted, not the one that the model was trained on
READING_KEYS = ("separator", "encoding", "header", "missing", "decimal", "thousands")
_OF_TRAINING = ("missing", "decimal", "thousands", "dates", "drop")
_BY_COLUMN = ("missing", "decimal", "thousands", "dates")
DATE_PARTS = ("year", "month", "day", "weekday", "hour", "minute")


@dataclass(frozen=True)
class ModelColumns:
    """The schema of a model, and the settings of its data."""

    schema: Mapping[str, Any]
    section: DataSection

    @staticmethod
    def of(
        schema: Mapping[str, Any], trained: Mapping[str, Any], section: DataSection, given: Collection[str]
    ) -> "ModelColumns":
        """Return the columns of a model that was `trained` with these settings.

        Keys of `section` that are `given`, that is with --set, replace them. Its separator and its encoding always do.
        """
        keys, default = keys_of(DataSection), DataSection()
        values: dict[str, Any] = {"categorical": (), "numeric": ()}
        for key in _OF_TRAINING:
            if f"data.{key}" not in given:
                value = trained.get(f"data.{key}")
                values[key] = getattr(default, key) if value is None else keys[key].check(value)
        if "data.header" not in given:
            values["header"] = None
        return ModelColumns(schema, structs.replace(section, **values))

    @cached_property
    def features(self) -> dict[str, Mapping[str, Any]]:
        """The features of the schema by name, in their order."""
        return {feature["name"]: feature for feature in self.schema["features"]}

    @property
    def target(self) -> str:
        name: str = self.schema["target"]["name"]
        return name

    @property
    def classes(self) -> list[str | float]:
        return list(self.schema["target"]["classes"] or ())

    @cached_property
    def dates(self) -> list[str]:
        """The columns of dates that features such as `when_year` are made of."""
        names = {
            name.removesuffix(f"_{part}"): None
            for name in self.features
            for part in DATE_PARTS
            if name.endswith(f"_{part}")
        }
        found = self.settings([name for name in names if name])
        return [name for name, settings in found.items() if settings.dates is DateReading.PARTS]

    def made_of(self, names: Collection[str]) -> list[str]:
        """Return the features that are made of those of these columns that have dates."""
        dates = [date for date in self.dates if date in names]
        return [name for name in self.features if any(name.startswith(f"{date}_") for date in dates)]

    @property
    def texts(self) -> set[str]:
        """The columns whose cells are taken as the file spells them."""
        names = {name for name, feature in self.features.items() if feature["type"] == "categorical"}
        return names | ({self.target} if any(isinstance(value, str) for value in self.classes) else set())

    def settings(self, names: Sequence[str], doubtful: Collection[str] = ()) -> dict[str, ColumnSettings]:
        """Return the settings of these columns, which have different names."""
        values = {key: _of_these(getattr(self.section, key), names) for key in _BY_COLUMN}
        found = settings_of_columns(structs.replace(self.section, **values), names, doubtful)
        return {name: self._of_feature(name, one) for name, one in zip(names, found, strict=True)}

    def _of_feature(self, name: str, settings: ColumnSettings) -> ColumnSettings:
        feature = self.features.get(name)
        if feature is None:
            return settings
        is_numeric = feature["type"] == "numeric" and settings.dates in (None, DateReading.DROP)
        missing = tuple(dict.fromkeys((*settings.missing, *feature.get("missing", ()))))
        return replace(settings, missing=missing, is_numeric=is_numeric)


def _of_these(given: Any, names: Sequence[str]) -> Any:
    """Return a setting without the columns that are not among `names`.

    A position is one in the table of the training, which is known only if its columns had no names.
    """
    if not isinstance(given, Mapping):
        return given
    by_name = {
        f"Column_{reference}" if reference.isdecimal() else reference: value for reference, value in given.items()
    }
    return {name: value for name, value in {**by_name, **given}.items() if name in names}
