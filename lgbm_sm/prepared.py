"""The prepared data that fits the configuration: `train` prepares it again if it does not."""

from pathlib import Path

from lgbm_sm import data
from lgbm_sm.errors import DataError
from lgbm_sm.preparation.changes import changes_since
from lgbm_sm.preparation.schema import PREPARE_HINT, Split, load_schema, training_channels, verify_split
from lgbm_sm.workspace import Workspace


def current_channels(workspace: Workspace) -> dict[str, Path]:
    """Return the channels to train on, after preparing them again if settings or table have changed.

    Channels that were edited are never replaced: `prepare-data` does that. A dry run writes nothing.

    Raises:
        DataError: nothing is prepared, a file was edited, or the data cannot be prepared again.
    """
    channels = training_channels(workspace.data_path)
    schema = load_schema(workspace.data_path)
    config, reporter = workspace.config, workspace.reporter
    if schema.origin is None:
        reporter.detail(
            f"unknown whether the data in {workspace.data_path} fits the configuration: it does not record what it was "
            "made from; `lgbm-sm prepare-data` prepares it again"
        )
        return channels
    changes = changes_since(schema.origin, config.data, config.training.objective, workspace.folder)
    if changes.unknown:
        reporter.warn(changes.unknown)
    if not changes.sentences:
        return channels
    stale = f"the data in {workspace.data_path} does not fit: {'; '.join(changes.sentences)}"
    if workspace.dry_run:
        raise DataError(stale, PREPARE_HINT)
    for split in Split:  # also the test rows, which preparing would replace
        verify_split(workspace.data_path, schema, split)
    reporter.warn(f"{stale}. It is prepared again")
    data.prepare_data(config.data, config.training.objective, base=workspace.folder, reporter=reporter)
    return training_channels(workspace.data_path)
