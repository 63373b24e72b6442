"""Where a step runs, and why there."""

from dataclasses import dataclass

from lgbm_sm.config.instance_types import LOCAL
from lgbm_sm.config.sections import Pattern
from lgbm_sm.errors import LgbmSmError
from lgbm_sm.record.entries import Place
from lgbm_sm.workspace import Workspace, choose_local_backend


@dataclass(frozen=True)
class Whereabouts:
    """`place` is None where the configuration wants one that cannot be had yet; `lines` say where and why."""

    place: Place | None
    lines: list[str]


def find_whereabouts(
    workspace: Workspace, section: str, instance_type: str, count: int, pattern: Pattern
) -> Whereabouts:
    """Of the program of the section `training` or `endpoint`."""
    key = f"{section}.instance_type: {instance_type}"
    if instance_type != LOCAL:
        return Whereabouts(
            Place.AWS,
            [
                f"SageMaker, {count} x {instance_type}, since {key}",
                f"`--set {section}.instance_type={LOCAL}` shows this machine",
            ],
        )
    remote = f"`--set {section}.instance_type=ml.m4.xlarge` shows SageMaker"
    try:
        chosen = choose_local_backend(workspace, pattern)
    except LgbmSmError as error:
        return Whereabouts(None, [f"a container on this machine, once it can be: {error.message}", error.hint, remote])
    lines = [f"{chosen.backend.noun} on this machine, since {key}, {chosen.because}", remote]
    return Whereabouts(chosen.backend.place, lines)
