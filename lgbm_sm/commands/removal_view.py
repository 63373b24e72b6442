"""Show what `stop` or `cleanup` has deleted, and fail if something is left."""

import shlex
from typing import Any

from lgbm_sm.commands.views import item_document
from lgbm_sm.console import Console
from lgbm_sm.errors import LeftOverError
from lgbm_sm.record.entries import Endpoint, TrainingJob
from lgbm_sm.removal import RemovalResult, describe
from lgbm_sm.wording import counted


def warn_of_adopted(console: Console, result: RemovalResult, effect: str) -> None:
    """Name the resources that were kept because another folder created them.

    `effect` has the command that includes them, and what it does: "`lgbm-sm stop --adopted` ends".
    """
    names = "".join(f"\n  {describe(item)}" for item in result.adopted)
    console.warn(f"kept, because another folder created them:{names}\n{effect} them too")


def show_cleanup(console: Console, result: RemovalResult) -> None:
    """Show the deleted and the kept resources.

    Raises:
        LeftOverError: a resource could not be deleted.
    """
    for item in result.kept:
        console.detail(f"kept: {item.entry.name}")
    _require_none_left(result, "could not delete everything", "lgbm-sm cleanup")
    text = f"{len(result.kept)} kept, nothing else left" if result.kept else "nothing left"
    console.result(_document(result), text)


def show_stopped(console: Console, result: RemovalResult) -> None:
    """Show the resources that remain after the endpoints have ended.

    Raises:
        LeftOverError: an endpoint could not be deleted.
    """
    _require_none_left(result, "could not end every endpoint", "lgbm-sm stop")
    if result.deleted:
        console.detail(f"`{_deploy_again(result)}` starts it again, `lgbm-sm cleanup` deletes the models too")
    other = "other " if result.adopted else ""
    kept = counted(len(result.kept), "resource")
    console.result(_document(result), f"no {other}endpoint left, {kept} kept")


def _require_none_left(result: RemovalResult, problem: str, command: str) -> None:
    if result.left:
        left = "".join(f"\n  {one.name}: {one.reason}" for one in result.left)
        raise LeftOverError(f"{problem}:{left}", f"resolve the problems listed above, then run `{command}` again")


def _deploy_again(result: RemovalResult) -> str:
    """Return the command that serves the model of the stopped endpoint again."""
    served = [item.entry.training_job for item in result.deleted if isinstance(item.entry, Endpoint)]
    jobs = [
        item.entry.name for item in result.kept if isinstance(item.entry, TrainingJob) and item.state == "Completed"
    ]
    # without --model, deploy takes the model of the last job
    is_default = not served or not served[-1] or served[-1] == (jobs or [""])[-1]
    return "lgbm-sm deploy" if is_default else f"lgbm-sm deploy --model {shlex.quote(served[-1])}"


def _document(result: RemovalResult) -> dict[str, Any]:
    return {
        "deleted": [item_document(item) for item in result.deleted],
        "kept": [item_document(item) for item in result.kept],
        "left": [],
    }
