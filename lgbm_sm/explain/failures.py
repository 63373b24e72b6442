"""`explain "<an error message>"` and `explain --job NAME`: what happened, and what is known of it."""

import difflib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from lgbm_sm.aws.sagemaker_resources import SageMakerResources
from lgbm_sm.errors import TrainingError
from lgbm_sm.explain.pages import Step
from lgbm_sm.explain.sections import Section, aligned, section
from lgbm_sm.known_issues.lookup import find_troubles
from lgbm_sm.record.entries import Endpoint, Entry, Place, TrainingJob
from lgbm_sm.workspace import Workspace

_LAST_LINES = 15


def explain_message(text: str) -> list[Section]:
    """The known causes of an error's text, the most specific first; or where to look."""
    known = _known(text)
    if known:
        return known
    close = difflib.get_close_matches(text, list(Step), n=1)
    return [
        section(
            "Not known",
            "no known failure has these words",
            [f"did you mean the step: `lgbm-sm explain {close[0]}`?"] if close else [],
            "give the whole message, or the last lines of the log, where its cause mostly stands a few lines before",
            "`lgbm-sm logs` and `lgbm-sm logs --training` show the logs, `lgbm-sm doctor` what is wrong here or in the "
            "account, `lgbm-sm explain --job NAME` what is known of one job or endpoint",
        )
    ]


def _known(text: str) -> list[Section]:
    return [
        section(
            f"Known: {trouble.id}",
            aligned([("cause", trouble.cause), ("remedy", trouble.remedy), ("source", trouble.source)]),
        )
        for trouble in find_troubles(text)
    ]


def explain_entry(workspace: Workspace, name: str) -> list[Section]:
    """What happened to a training job or an endpoint, on record or, where AWS may be asked, of SageMaker's.

    Raises:
        TrainingError: there is none of that name.
        AwsError: AWS refuses a call, or does not answer.
        EngineError: it is in a container, and the engine does not answer.
    """
    entry = _find_entry(workspace, name)
    backend = workspace.backends[entry.place]
    facts = backend.facts(entry)
    log = backend.read_log(entry).decode("utf-8", errors="replace").splitlines()
    last_lines = log[-_LAST_LINES:]
    # a server says why it cannot serve in a line of its own, and may go on after it
    errors = [line for line in log[:-_LAST_LINES] if line.startswith("error: ")][-1:]
    reason = facts.get("reason", "")
    known = _known("\n".join((reason, *errors, *last_lines))) if _has_failed(facts) else []
    return [
        section("What happened", aligned([(key, value) for key, value in facts.items() if value])),
        section("The end of its log", [*errors, *last_lines] or ["it has written nothing"]),
        *(known or [section("Known causes", _nothing_known(facts))]),
    ]


def _has_failed(facts: Mapping[str, str]) -> bool:
    return facts["state"] not in ("Completed", "InService", "InProgress", "Creating", "Updating")


def _nothing_known(facts: Mapping[str, str]) -> list[str]:
    if not _has_failed(facts):
        return ["none is needed: it has not failed"]
    return ["none of the known failures has these words", "`lgbm-sm logs` shows all that was written"]


def _find_entry(workspace: Workspace, name: str) -> Entry:
    for entry in workspace.record.entries():
        if entry.name == name:
            return entry
    if not workspace.sagemaker.is_wanted:
        raise TrainingError(
            f"--job {name}: no training job and no endpoint of this name is on record",
            "`lgbm-sm status` shows those that are; --aws asks SageMaker too",
        )
    account = workspace.accounts.get(workspace.config.aws.region)
    resources = SageMakerResources(account)
    where: dict[str, Any] = {
        "name": name,
        "project": workspace.config.project.name,
        "place": Place.AWS,
        "created_at": datetime.now(UTC),
        "account": account.account_id,
        "region": account.region,
    }
    if resources.find_job(name):
        return TrainingJob(**where, folder=workspace.record.jobs_path / name)
    if resources.find_endpoint(name):
        return Endpoint(**where, folder=workspace.record.endpoints_path / name, training_job="")
    raise TrainingError(
        f"--job {name}: neither on record nor in {account.region} is there such a training job or endpoint",
        "`lgbm-sm status` shows those that are there",
    )
