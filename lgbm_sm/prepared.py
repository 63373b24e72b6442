"""Return prepared data that fits the configuration. Prepare the data again if needed."""

from pathlib import Path

from lgbm_sm import data
from lgbm_sm.errors import DataError
from lgbm_sm.preparation.changes import changes_since
from lgbm_sm.preparation.schema import PREPARE_HINT, Split, load_schema, training_channels, verify_split
from lgbm_sm.workspace import Workspace


def current_channels(workspace: Workspace) -> dict[str, Path]:
    """Return the channels to train on. If settings or table have changed, prepare again.

    Channels that the user has edited are not replaced here; only `prepare-data` replaces them. A dry run writes
    nothing.

    Raises:
        DataError: there is no prepared data, a file was edited, or the data cannot be prepared again.
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
    for split in Split:  # check the test rows too, because preparing again would replace them
        verify_split(workspace.data_path, schema, split)
    reporter.warn(f"{stale}. It is prepared again")
    data.prepare_data(config.data, config.training.objective, base=workspace.folder, reporter=reporter)
    return training_channels(workspace.data_path)
