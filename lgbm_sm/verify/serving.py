"""Run all checks of a server, from its start to its end."""

from collections.abc import Iterator
from pathlib import Path

from lgbm_sm.verify.checks import Result, broken_model, requests, skip, startup, stopping
from lgbm_sm.verify.checks.broken_model import judge_ping_truth, with_broken_model
from lgbm_sm.verify.checks.requests import Conversation, check_invocations, check_requests
from lgbm_sm.verify.checks.startup import Serving, check_startup
from lgbm_sm.verify.checks.stopping import MEMORY, RESTART, check_memory, check_restart, check_stop
from lgbm_sm.verify.limits import Limits
from lgbm_sm.verify.sandbox import Sandbox
from lgbm_sm.verify.server import ServingConditions
from lgbm_sm.verify.subject import Subject

CHECKS = (*startup.CHECKS, *broken_model.CHECKS, *requests.CHECKS, *stopping.CHECKS)
_NOT_FULL = "only with --full"


def check_serving(
    sandbox: Sandbox, subject: Subject, limits: Limits, model_path: Path | None, folder: Path, *, full: bool
) -> Iterator[Result]:
    """Yield the results for a model.tar.gz. Changed copies of the archive are written to `folder`."""
    if model_path is None:
        yield from skip(CHECKS, "no model: pass --model FILE")
        return
    not_isolated = _reason_not_to_isolate(sandbox, subject)
    conditions = ServingConditions(isolated=not not_isolated)
    serving = Serving(sandbox, model_path, subject.environment, limits, conditions, subject.request, not_isolated)
    server = serving.start()
    broken_path = with_broken_model(model_path, folder / "broken.tar.gz")
    broken = serving.start(model_path=broken_path) if broken_path else None
    ready = yield from check_startup(serving, server)
    if ready is None:
        yield from skip(CHECKS[len(startup.CHECKS) :], "the server never becomes ready")
        return
    conversation = Conversation(serving, ready.server, subject.request, ping_seconds=ready.ping_seconds)
    invocations = check_invocations(conversation, ready.first)
    yield judge_ping_truth(conversation, ready, invocations, broken)
    yield invocations
    if broken:
        broken.started.remove()
    if invocations.is_met:
        yield from check_requests(conversation)
    else:
        yield from skip(requests.CHECKS[1:], f"the server answers no request: see {invocations.check.name}")
        conversation.request = None
    yield check_memory(conversation) if full else MEMORY.skipped(_NOT_FULL)
    yield from check_stop(conversation)
    yield check_restart(conversation) if full else RESTART.skipped(_NOT_FULL)


def _reason_not_to_isolate(sandbox: Sandbox, subject: Subject) -> str:
    """Return why the server is not run without a network. Return "" if it is."""
    if not sandbox.engine.shares_network():
        return "a container without a network is reachable only if Docker runs directly on this machine"
    return "not tried, because --network is set" if subject.needs_network else ""
