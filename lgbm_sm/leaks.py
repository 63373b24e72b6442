"""Refuse to score a model on rows of its training data.

Rows are compared by their positions in the table.
"""

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import structs

from lgbm_sm import data
from lgbm_sm.config.keys import keys_of
from lgbm_sm.config.sections import DataSection
from lgbm_sm.errors import DataError
from lgbm_sm.model.lineage import Lineage, shown_data
from lgbm_sm.preparation.origin import TARGET, DataOrigin, data_settings, differences, split_digest
from lgbm_sm.preparation.schema import Schema, Split
from lgbm_sm.preparation.splits import Integers, split_rows
from lgbm_sm.preparation.table_digest import digest_now, table_paths
from lgbm_sm.preparation.targets import predicted_as
from lgbm_sm.workspace import Workspace

# no option can restore these: TARGET is not a key, and the record has only the names of the files
_NO_OPTION = (TARGET, "data.file", "data.files")
_BINARY = 2
_SPLITS = (Split.TRAIN, Split.VALIDATION, Split.TEST)


def require_unseen(workspace: Workspace, model: Lineage, schema: Schema) -> None:
    """Check that the model was not trained on any test row of the prepared data.

    The model's validation rows also count, because they decided when the training stopped. If the rows cannot be
    compared, a warning is shown.

    Raises:
        DataError: the model was trained on at least one test row. The message has the number of these rows.
    """
    tested = schema.origin
    if model.origin is None or tested is None:
        whose = f"model {model.name}" if model.origin is None else f"the data in {workspace.data_path}"
        _report_unknown(workspace, model, f"{whose} does not record its rows")
        return
    if model.origin.table_sha256 != tested.table_sha256:
        made, now = (
            shown_data(model.dataset, model.origin.table_sha256),
            shown_data(schema.dataset, tested.table_sha256),
        )
        _report_unknown(
            workspace, model, f"the model was trained on table {made}, and the test rows are from table {now}"
        )
        return
    if model.origin.split_sha256 == tested.split_sha256:
        return
    classes = len(schema.target.classes or ())
    section, base = workspace.config.data, workspace.folder
    splits = [_positions(origin, classes, section, base) for origin in (model.origin, tested)]
    if splits[0] is None or splits[1] is None:
        _report_unknown(workspace, model, "its split cannot be computed again")
        return
    seen = {*splits[0][Split.TRAIN], *splits[0][Split.VALIDATION]}
    test = splits[1][Split.TEST]
    if count := len(seen.intersection(test)):
        raise _leak(workspace, model, model.origin, tested, f"{count:,} of the {len(test):,} test rows")


def _report_unknown(workspace: Workspace, model: Lineage, why: str) -> None:
    workspace.reporter.warn(f"unknown whether model {model.name} was trained on some of the test rows: {why}")


def _leak(workspace: Workspace, model: Lineage, trained: DataOrigin, tested: DataOrigin, which: str) -> DataError:
    config = workspace.config
    now = data_settings(config.data, predicted_as(config.training.objective))
    hint = f"`{_restoring(trained, now)}` restores the model's own test rows"
    if now == tested.settings:
        hint += "; or run `lgbm-sm train` and `lgbm-sm deploy` for a model that was not trained on these"
    changed = differences(trained.settings, tested.settings)
    return DataError(
        f"{which} are among the rows that model {model.name} was trained on, so its metrics would be too good: "
        f"{'; '.join(changed) or 'another version of lgbm-sm has split the table'}",
        hint,
    )


def _restoring(trained: DataOrigin, now: Mapping[str, Any]) -> str:
    """Return the command that prepares the model's data again."""
    changed = [key for key, value in trained.settings.items() if key not in _NO_OPTION and value != now.get(key)]
    options = [shlex.quote(f"{key}={json.dumps(trained.settings[key])}") for key in changed]
    return " ".join(["lgbm-sm prepare-data", *(f"--set {option}" for option in options)])


def _positions(origin: DataOrigin, classes: int, section: DataSection, base: Path) -> Mapping[Split, Integers] | None:
    """Compute the row positions of each split again.

    Return None if the result differs from the recorded split, or if the table is missing or has changed.
    """
    settings = origin.settings
    rows: Mapping[Split, Integers]
    if not classes and settings["data.files"] is None and not settings.get("data.drop_missing_target"):
        rows = split_rows(
            origin.rows,
            test_size=settings["data.test_size"],
            validation_size=settings["data.validation_size"],
            random_state=settings["data.random_state"],
        )
    else:
        then, paths = _section_of(settings, section), table_paths(section, base)
        is_built_in = settings["data.file"] is None and settings["data.files"] is None
        if not is_built_in and (not paths or digest_now(paths, base / section.folder) != origin.table_sha256):
            return None
        rows = data.split_positions(then, "multiclass" if classes > 2 else "binary", base)
    return rows if split_digest([rows[split] for split in _SPLITS]) == origin.split_sha256 else None


def _section_of(settings: Mapping[str, Any], section: DataSection) -> DataSection:
    """Return the section with the recorded settings, but with the user's current table."""
    built_in = settings["data.file"] is None and settings["data.files"] is None
    names = {key: f"data.{key}" for key in section.__struct_fields__ if f"data.{key}" not in _NO_OPTION}
    keys = keys_of(DataSection)
    values = {key: keys[key].check(settings[name]) for key, name in names.items() if settings.get(name) is not None}
    then = structs.replace(section, **values)
    return structs.replace(then, file=None, files=None) if built_in else then
