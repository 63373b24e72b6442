"""The pages of `explain "ERROR"` and `explain --job NAME`."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from lgbm_sm.aws.sagemaker_lookup import SageMakerResources
from lgbm_sm.errors import TrainingError, UsageError
from lgbm_sm.explain.pages import Step
from lgbm_sm.explain.sections import Section, aligned, section
from lgbm_sm.known_issues.lookup import find_issues
from lgbm_sm.record.entries import Endpoint, Entry, TrainingJob, aws_fields
from lgbm_sm.wording import similar
from lgbm_sm.workspace import Workspace

_LAST_LINES = 15
_WORD = re.compile(r"[\w-]+")


def explain_message(text: str) -> list[Section]:
    """Return the known issues that match an error message, or hints if none matches.

    The most specific issue comes first.

    Raises:
        UsageError: `text` is a single word that is neither a step nor part of a known issue.
    """
    known = _known_issues(text)
    if known:
        return known
    if _WORD.fullmatch(text):
        close = similar(text.lower(), Step)
        raise UsageError(
            f"{text} is not a step, and no known issue mentions it",
            f"did you mean `lgbm-sm explain {close[0]}`?"
            if close
            else f"the steps are {', '.join(Step)}; to look up an error, give its whole message in quotes",
        )
    return [
        section(
            "Not known",
            "no known issue matches this message",
            "give the whole message, or the last lines of the log: the cause is often a few lines above the error",
            "`lgbm-sm logs` and `lgbm-sm logs --training` show the logs; `lgbm-sm doctor` checks this machine and the "
            "AWS account; `lgbm-sm explain --job NAME` shows what happened to a job or an endpoint",
        )
    ]


def _known_issues(text: str) -> list[Section]:
    return [
        section(
            f"Known issue: {issue.id}",
            aligned([("cause", issue.cause), ("fix", issue.fix), ("source", issue.source)]),
        )
        for issue in find_issues(text)
    ]


def explain_entry(workspace: Workspace, name: str) -> list[Section]:
    """Return the state, the log and matching known issues of a training job or an endpoint.

    Raises:
        TrainingError: no job or endpoint has this name.
        AwsError: AWS refuses a call, or does not answer.
        EngineError: the job or endpoint runs in a container, but Docker does not answer.
    """
    entry = _find_entry(workspace, name)
    backend = workspace.backend_of(entry)
    facts = backend.facts(entry)
    log = backend.read_log(entry).decode("utf-8", errors="replace").splitlines()
    last_lines = log[-_LAST_LINES:]
    # a server prints the reason of a failure on one line, and it may print more lines after that
    errors = [line for line in log[:-_LAST_LINES] if line.startswith("error: ")][-1:]
    reason = facts.get("reason", "")
    known = _known_issues("\n".join((reason, *errors, *last_lines))) if _has_failed(facts) else []
    return [
        section("What happened", aligned([(key, value) for key, value in facts.items() if value])),
        section("The end of its log", [*errors, *last_lines] or ["the log is empty"]),
        *(known or [section("Known issues", _nothing_known(facts))]),
    ]


def _has_failed(facts: Mapping[str, str]) -> bool:
    return facts["state"] not in ("Completed", "InService", "InProgress", "Creating", "Updating")


def _nothing_known(facts: Mapping[str, str]) -> list[str]:
    if not _has_failed(facts):
        return ["none: it has not failed"]
    return ["none matches", "`lgbm-sm logs` shows the whole log"]


def _find_entry(workspace: Workspace, name: str) -> Entry:
    for entry in workspace.record.entries():
        if entry.name == name:
            return entry
    if not workspace.sagemaker.is_wanted:
        raise TrainingError(
            f"--job {name}: the record has no training job or endpoint with this name",
            "`lgbm-sm status` lists them; add --aws to ask SageMaker too",
        )
    account = workspace.accounts.get(workspace.config.aws.region)
    resources = SageMakerResources(account)
    where = aws_fields(account, workspace.config.project.name, datetime.now(UTC))
    if resources.find_job(name):
        return TrainingJob(name=name, **where, folder=workspace.record.jobs_path / name)
    if resources.find_endpoint(name):
        return Endpoint(name=name, **where, folder=workspace.record.endpoints_path / name, training_job="")
    raise TrainingError(
        f"--job {name}: no training job or endpoint with this name is on record or in {account.region}",
        "`lgbm-sm status` lists them",
    )
