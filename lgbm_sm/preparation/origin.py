"""Record the origin of prepared data: the table, the settings, the split and the digests.

`prepare-data` writes the origin to schema.json. Training copies it to the model's metadata.json.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta, Struct

from lgbm_sm.config.keys import plain

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from lgbm_sm.config.sections import DataSection

TARGET = "target_kind"  # the only part of the objective that changes the prepared files
_OWN_FOLDER = "folder"  # the key data.folder does not change the content of the files
_SHORT_DIGITS = 12

Sha256 = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]


class DataOrigin(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The table, the settings that shaped it, and the split.

    `table_sha256` is the digest of the table's bytes. For three tables, it is the digest of their digests. `rows` is
    the number of rows of the table. `settings` has each key of the section `data` (with file names instead of paths),
    and the kind of target that the objective needs. `split_sha256` is the digest of the row positions of train,
    validation and test.
    """

    table_sha256: Sha256
    rows: Annotated[int, Meta(ge=1)]
    settings: dict[str, Any]
    split_sha256: Sha256

    @property
    def name(self) -> str:
        """The name of the data set, with the first digits of its table's digest."""
        return f"{self.settings.get('data.name', 'unknown')} (table {self.table_sha256[:_SHORT_DIGITS]})"


def data_settings(section: "DataSection", target: str) -> dict[str, Any]:
    """Return the settings that decide the content of the prepared data, as JSON values.

    `target` is the kind of target that the objective needs: "classes" or "number".
    """
    settings = {f"data.{key}": _without_folders(getattr(section, key)) for key in section.__struct_fields__}
    del settings[f"data.{_OWN_FOLDER}"]
    return {**settings, TARGET: target}


def split_digest(splits: "Sequence[NDArray[np.int64]]") -> str:
    """Return the SHA-256 of row positions, from 0, of train, validation and test."""
    import numpy as np

    digest = hashlib.sha256()
    for positions in splits:
        digest.update(f"{len(positions)}\n".encode())
        digest.update(np.asarray(positions, dtype="<i8").tobytes())
    return digest.hexdigest()


def fingerprint_of(document: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a schema's canonical JSON, without the fingerprint itself."""
    content = {key: value for key, value in document.items() if key != "fingerprint"}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def short(fingerprint: str) -> str:
    """Return the first digits of a fingerprint for a message, or "unknown"."""
    return fingerprint[:_SHORT_DIGITS] or "unknown"


def differences(recorded: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each setting that differs from its recorded value."""
    return [
        f"{_label(key)} was {_shown(recorded.get(key))}, and is now {_shown(now.get(key))}"
        for key in dict.fromkeys((*recorded, *now))
        if recorded.get(key) != now.get(key)
    ]


def _label(key: str) -> str:
    return "the kind of target (training.hyperparameters.objective)" if key == TARGET else key


def _shown(value: Any) -> str:
    return "not set" if value is None else json.dumps(value, ensure_ascii=False)


def _without_folders(value: Any) -> Any:
    """Replace paths by file names, because a path has no meaning on another machine."""
    if isinstance(value, Path):
        return value.name
    if isinstance(value, Struct):
        return {key: _without_folders(getattr(value, key)) for key in value.__struct_fields__}
    return plain(value)
