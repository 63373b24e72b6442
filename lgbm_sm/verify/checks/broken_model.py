"""Check how a server answers pings if it cannot load its model."""

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
    "If /ping answers 200, SageMaker sends requests to the container and stops the old version of the endpoint.",
    "answer /ping with 200 only after the model is loaded, and with another status if it fails to load",
    DEVELOPER_GUIDE_HOSTING,
)
CHECKS = (PING_TRUTH,)

_GARBAGE = b"\x00\xff no model \xfe\n" * 16
_CODE = "code"
_LIE_SECONDS = 1.0  # wait this much longer for the broken model than the good model took


def judge_ping_truth(
    conversation: Conversation, ready: Ready, invocations: Result, broken: CheckedServer | None
) -> Result:
    """Judge whether /ping answers 200 although the model cannot predict.

    `broken` is a server with a broken model. It was started at the same time as the server with the good model.
    """
    first, startup = ready.first, ready.startup
    if first is not None and not first.is_ok and invocations.is_met:
        return PING_TRUTH.broken(f"200 after {startup.seconds:.1f} s, but the first request then gave {first}")
    if broken is None:
        return PING_TRUTH.skipped("the archive contains only code, so there is no model to break")
    limits = conversation.serving.limits
    ping = broken.watch_pings(min(startup.seconds + _LIE_SECONDS, limits.startup), limits)
    if ping.status != 200:
        code = broken.exit_code()
        how = f"the container ended with exit code {code}" if code is not None else f"/ping: {ping}"
        return PING_TRUTH.passed(f"with a broken model, {how}")
    request = conversation.request
    if request is None:
        return PING_TRUTH.warned("200 with a broken model; pass --request FILE to check whether the server predicts")
    reply = broken.ask(
        "POST", contract.INVOCATIONS_PATH, request.body, request.content_type, seconds=conversation.seconds
    )
    if reply.is_ok:
        return PING_TRUTH.warned("the server also predicts with a broken model, so it does not use the archive")
    return PING_TRUTH.broken(f"200 with a model that fails to load, and then {reply}")


def with_broken_model(model_path: Path, path: Path) -> Path | None:
    """Write a copy of an archive in which random bytes replace the model. Return None if there is only code.

    The copy has no manifest. lgbm-sm's own servers would find the change in the manifest, and not load the model.
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
