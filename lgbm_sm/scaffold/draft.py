"""The configuration of a new project while it is being decided."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lgbm_sm.config.loading import LoadedConfig, as_plain, effective, load_config
from lgbm_sm.config.sections import Config
from lgbm_sm.errors import ConfigError
from lgbm_sm.preparation.problems import as_yaml
from lgbm_sm.scaffold.config_text import with_values
from lgbm_sm.shipped import example_config_path

GIVEN = ("given",)
ANSWERED = ("answered",)


@dataclass(frozen=True)
class ChosenSetting:
    """A decided setting: its dotted key, its value in YAML's types, and the reasons."""

    key: str
    value: object
    why: tuple[str, ...]


@dataclass(frozen=True)
class Draft:
    """The example's configuration, with `overrides` (`section.key=value`) and their reasons."""

    overrides: tuple[str, ...] = ()
    reasons: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def config(self) -> Config:
        """The configuration so far.

        Raises:
            ConfigError: an override cannot be used.
        """
        return self._loaded.config

    @property
    def _loaded(self) -> LoadedConfig:
        return load_config(example_config_path(), self.overrides)

    def having(
        self, key: str, value: str | Sequence[str | int] | int, why: tuple[str, ...], called: str = ""
    ) -> "Draft":
        """Return the draft with one more setting. Errors name it by `called`, such as --name.

        Raises:
            ConfigError: the value cannot be used.
        """
        text = as_yaml(value) if isinstance(value, str | int) else f"[{', '.join(map(as_yaml, value))}]"
        draft = Draft((*self.overrides, f"{key}={text}"), {**self.reasons, key: why})
        try:
            _ = draft.config
        except ConfigError as error:
            message = error.message.replace(f"--set {key}: ", f"{called}: " if called else "")
            raise ConfigError(message, error.hint) from error
        return draft

    def decides(self, key: str) -> bool:
        """Return whether the key was set. Otherwise it has its default."""
        return any(value.key == key and value.source.startswith("--set") for value in effective(self._loaded))

    @property
    def choices(self) -> tuple[ChosenSetting, ...]:
        """Every setting that was set, in the order of the sections."""
        return tuple(
            ChosenSetting(value.key, value.value, self.reasons.get(value.key, GIVEN))
            for value in effective(self._loaded)
            if value.source.startswith("--set")
        )

    def as_text(self, template: str) -> str:
        """Return the text of a config.yaml: the template with the choices.

        Raises:
            ConfigError: an override removes something that the template has.
        """
        text = with_values(template, {choice.key: choice.value for choice in self.choices})
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "config.yaml")
            path.write_text(text, encoding="utf-8")
            written = load_config(path).config
        if as_plain(written) != as_plain(self.config):
            raise ConfigError(
                f"init cannot write all of {', '.join(self.overrides)} to config.yaml",
                "set single keys, or edit config.yaml after init",
            )
        return text
