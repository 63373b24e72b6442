"""The values that a shell offers to complete an option or argument.

Each function gets the text that the user has typed so far.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any


def configuration_keys(incomplete: str) -> list[str]:
    """Return the keys of the configuration, each followed by `=`."""
    from lgbm_sm.config.keys import known_keys
    from lgbm_sm.config.sections import Config

    return [key for key in _keys("", known_keys(Config)) if key.startswith(incomplete)]


def prediction_outputs(incomplete: str) -> list[str]:
    """Return the outputs for `predict --give`."""
    from lgbm_sm.invocation.output_columns import PredictionOutput

    return [output.value for output in PredictionOutput if output.value.startswith(incomplete)]


def explained_steps(incomplete: str) -> list[str]:
    """Return the steps that `explain` has a page for."""
    from lgbm_sm.explain.pages import Step

    return [step.value for step in Step if step.value.startswith(incomplete)]


def training_jobs(ctx: Any, incomplete: str) -> list[str]:
    """Return the training jobs on record. The last one comes first."""
    return [name for name in _names_on_record(ctx, "training_jobs") if name.startswith(incomplete)]


def jobs_and_endpoints(ctx: Any, incomplete: str) -> list[str]:
    """Return the training jobs and the endpoints on record."""
    names = [*_names_on_record(ctx, "training_jobs"), *_names_on_record(ctx, "endpoints")]
    return [name for name in names if name.startswith(incomplete)]


def _keys(prefix: str, known: Any) -> Iterator[str]:
    for name, below in known.items():
        if name == "*":
            continue
        if below:
            yield from _keys(f"{prefix}{name}.", below)
        else:
            yield f"{prefix}{name}="


def _names_on_record(ctx: Any, kind: str) -> list[str]:
    """Yield the names on record.

    Yield nothing if the record cannot be read: an error message would disturb the user's command line.
    """
    from lgbm_sm.config.finding import find_config
    from lgbm_sm.errors import LgbmSmError
    from lgbm_sm.record.record import Record
    from lgbm_sm.record.record_file import WORK_FOLDER

    given = ctx.params.get("config") or (ctx.parent and ctx.parent.params.get("config"))
    path = Path(given) if given else find_config(Path.cwd())
    folder = path.parent if path else Path()
    try:
        entries = getattr(Record(folder / WORK_FOLDER), kind)()
    except LgbmSmError:
        return []
    return [entry.name for entry in reversed(entries)]
