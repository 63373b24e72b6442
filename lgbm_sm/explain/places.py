"""The backend that a step runs on, and the reason for this choice."""

from dataclasses import dataclass

from lgbm_sm.config.instance_types import LOCAL
from lgbm_sm.config.sections import EndpointSection, Pattern, TrainingSection
from lgbm_sm.errors import LgbmSmError
from lgbm_sm.workspace import Workspace, choose_local_backend


@dataclass(frozen=True)
class Whereabouts:
    """The backend of a step, and lines that describe it.

    If a step runs in a container on this machine, both flags are false.
    """

    lines: list[str]
    on_sagemaker: bool = False
    as_process: bool = False


def where_jobs_run(workspace: Workspace) -> Whereabouts:
    """Return the backend that `lgbm-sm train` uses with this configuration."""
    return _whereabouts(workspace, "training", workspace.config.training, Pattern.BYOC)


def where_endpoints_run(workspace: Workspace) -> Whereabouts:
    """Return the backend that `lgbm-sm deploy` uses with this configuration."""
    config = workspace.config
    return _whereabouts(workspace, "endpoint", config.endpoint, config.container.pattern)


def _whereabouts(
    workspace: Workspace, name: str, section: TrainingSection | EndpointSection, pattern: Pattern
) -> Whereabouts:
    key = f"{name}.instance_type: {section.instance_type}"
    if not section.is_local:
        lines = [
            f"SageMaker, {section.instance_count} x {section.instance_type}, because of {key}",
            f"add `--set {name}.instance_type={LOCAL}` to see this machine instead",
        ]
        return Whereabouts(lines, on_sagemaker=True)
    remote = f"add `--set {name}.instance_type=ml.m5.xlarge` to see SageMaker instead"
    try:
        chosen = choose_local_backend(workspace, pattern)
    except LgbmSmError as error:
        return Whereabouts([f"a container on this machine, but not yet: {error.message}", error.hint, remote])
    line = f"{chosen.backend.noun} on this machine, because of {key} ({chosen.because})"
    return Whereabouts([line, remote], as_process=not chosen.backend.in_container)
