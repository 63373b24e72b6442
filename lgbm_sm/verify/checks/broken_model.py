"""The check of a server's pings with a model that it cannot load."""

import io
import tarfile
from pathlib import Path, PurePosixPath

from lgbm_sm import contract
from lgbm_sm.model.artifact import MANIFEST_FILE
from lgbm_sm.verify.checks import DEVELOPER_GUIDE_HOSTING, Result, rule
from lgbm_sm.verify.checks.requests import Conversation
from lgbm_sm.verify.checks.startup import Ready
from lgbm_sm.verify.server import CheckedServer

PING_TRUTH = rule(
    "serve-ping-truth",
    "200 means that the container accepts requests: the platform then sends traffic to it, and stops the old version.",
    "answer /ping with a status other than 200 until the model is loaded, and if it fails to load",
    DEVELOPER_GUIDE_HOSTING,
)
CHECKS = (PING_TRUTH,)

_GARBAGE = b"\x00\xff no model \xfe\n" * 16
_CODE = "code"
_LIE_SECONDS = 1.0  # how much longer the broken model is watched than the good one took


def judge_ping_truth(
    conversation: Conversation, ready: Ready, invocations: Result, broken: CheckedServer | None
) -> Result:
    """Judge whether /ping answered 200 although the model could not predict.

    `broken` serves a broken model, and was started at the same time as the good one.
    """
    first, startup = ready.first, ready.startup
    if first is not None and not first.is_ok and invocations.is_met:
        return PING_TRUTH.broken(f"200 after {startup.seconds:.1f} s, but the first request then gave {first}")
    if broken is None:
        return PING_TRUTH.skipped("the archive holds only code, so there is no model to break")
    limits = conversation.serving.limits
    ping = broken.watch_pings(min(startup.seconds + _LIE_SECONDS, limits.startup), limits)
    if ping.status != 200:
        code = broken.exit_code()
        how = f"the container ended with exit code {code}" if code is not None else f"/ping: {ping}"
        return PING_TRUTH.passed(f"with a broken model, {how}")
    request = conversation.request
    if request is None:
        return PING_TRUTH.warned("200 with a broken model; pass --request FILE to check whether it still predicts")
    reply = broken.ask(
        "POST", contract.INVOCATIONS_PATH, request.body, request.content_type, seconds=conversation.seconds
    )
    if reply.is_ok:
        return PING_TRUTH.warned("predicts with a broken model too, so it does not use the archive")
    return PING_TRUTH.broken(f"200 with a model that fails to load, and then {reply}")


def with_broken_model(model_path: Path, path: Path) -> Path | None:
    """Copy an archive with garbage in place of its model; None if it holds only code.

    The copy has no manifest, because lgbm-sm's own servers would compare it and never try to load the model.
    """
    broken = 0
    with tarfile.open(model_path, "r:gz") as archive, tarfile.open(path, "w:gz", compresslevel=1) as made:
        for member in archive:
            parts = [part for part in PurePosixPath(member.name).parts if part != "."]
            if parts == [MANIFEST_FILE]:
                continue
            content = archive.extractfile(member)
            if content is None or parts[0] == _CODE:
                made.addfile(member, content)
                continue
            member.size = len(_GARBAGE)
            made.addfile(member, io.BytesIO(_GARBAGE))
            broken += 1
    return path if broken else None
