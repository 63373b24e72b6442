"""`serve`: from the start of a server to its end."""

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from lgbm_sm.model.artifact import MANIFEST_FILE
from lgbm_sm.verify.checks import Result
from lgbm_sm.verify.checks.requests import Conversation, check_invocations, check_requests
from lgbm_sm.verify.checks.serving import CHECKS, ENDING, FULL, PING_TRUTH, REQUESTS
from lgbm_sm.verify.checks.startup import Ready, Serving, check_startup
from lgbm_sm.verify.checks.stopping import check_memory, check_restart, check_stop
from lgbm_sm.verify.limits import Limits
from lgbm_sm.verify.sandbox import Sandbox
from lgbm_sm.verify.server import INVOCATIONS_PATH, Server, ServingConditions
from lgbm_sm.verify.subject import Subject

_GARBAGE = b"\x00\xff no model \xfe\n" * 16
_CODE = "code"
_LIE_SECONDS = 1.0  # that a server of a broken model is watched for after the good one was ready
_NOT_FULL = "only with --full"


def check_serving(
    sandbox: Sandbox, subject: Subject, limits: Limits, model_path: Path | None, folder: Path, *, full: bool
) -> Iterator[Result]:
    """`model_path` is a model.tar.gz; `folder` takes what is made of it."""
    if model_path is None:
        yield from skip_serving("there is no model: pass --model FILE")
        return
    not_isolated = "--network: not tried" if subject.needs_network else ""
    if not sandbox.engine.shares_network():
        not_isolated = "this machine reaches a container without a network only where the engine runs on it directly"
    conditions = ServingConditions(isolated=not not_isolated)
    serving = Serving(sandbox, model_path, subject.environment, limits, conditions, subject.request, not_isolated)
    server = serving.start()
    broken_path = _with_broken_model(model_path, folder / "broken.tar.gz")
    broken = serving.start(model_path=broken_path) if broken_path else None
    ready = yield from check_startup(serving, server)
    if ready is None:
        for check in (*REQUESTS, *ENDING, *FULL):
            yield check.skipped("the server is never ready")
        return
    conversation = Conversation(serving, ready.server, subject.request, ping_seconds=ready.ping_seconds)
    invocations = check_invocations(conversation, ready.first)
    yield _check_truth(conversation, ready, invocations, broken)
    yield invocations
    if broken:
        broken.started.remove()
    if invocations.is_met:
        yield from check_requests(conversation)
    else:
        yield from _skip_after(invocations)
        conversation.request = None
    yield check_memory(conversation) if full else FULL[0].skipped(_NOT_FULL)
    yield from check_stop(conversation)
    yield check_restart(conversation) if full else FULL[1].skipped(_NOT_FULL)


def skip_serving(reason: str) -> Iterator[Result]:
    """Every check of the area."""
    for check in CHECKS:
        yield check.skipped(reason)


def _skip_after(invocations: Result) -> Iterator[Result]:
    for check in REQUESTS:
        if check not in (invocations.check, PING_TRUTH):
            yield check.skipped(f"no request is answered: see {invocations.check.name}")


def _check_truth(conversation: Conversation, ready: Ready, invocations: Result, broken: Server | None) -> Result:
    """A 200 before the model predicts, or with a model that never will, is a lie."""
    first, startup = ready.first, ready.startup
    if first is not None and not first.is_ok and invocations.is_met:
        return PING_TRUTH.broken(f"200 after {startup.seconds:.1f} s, and the first request then gave {first}")
    if broken is None:
        return PING_TRUTH.skipped("there is nothing but code in the archive that could be broken")
    limits = conversation.serving.limits
    seconds = min(startup.seconds + _LIE_SECONDS, limits.startup)
    # it came up at the same time, and is asked for as long
    ping = broken.watch_pings(seconds, limits)
    if ping.status != 200:
        code = broken.exit_code()
        how = f"the container ended with exit code {code}" if code is not None else f"/ping: {ping}"
        return PING_TRUTH.passed(f"with a broken model {how}")
    request = conversation.request
    if request is None:
        return PING_TRUTH.warned("200 with a broken model; whether it predicts all the same needs --request FILE")
    reply = broken.ask("POST", INVOCATIONS_PATH, request.body, request.content_type, seconds=conversation.seconds)
    if reply.is_ok:
        return PING_TRUTH.warned("with a broken model it answers as with a good one: the archive is not used")
    return PING_TRUTH.broken(f"200 with a model that cannot be loaded, and then {reply}")


def _with_broken_model(model_path: Path, path: Path) -> Path | None:
    """The same archive with garbage in the place of every file but the code; None where there is no other.

    It has no manifest, by which a server of ours would refuse it unread.
    """
    broken = 0
    with tarfile.open(model_path, "r:gz") as archive, tarfile.open(path, "w:gz", compresslevel=1) as made:
        for member in archive:
            parts = [part for part in PurePosixPath(member.name).parts if part != "."]
            if parts == [MANIFEST_FILE]:  # the model itself is what must not load
                continue
            content = archive.extractfile(member)
            if content is None or parts[0] == _CODE:
                made.addfile(member, content)
                continue
            member.size = len(_GARBAGE)
            made.addfile(member, io.BytesIO(_GARBAGE))
            broken += 1
    return path if broken else None
