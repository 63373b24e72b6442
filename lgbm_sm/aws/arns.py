"""What things on record are called where they are shown as left over: by their ARN, where they are AWS's."""

from lgbm_sm.aws.account import partition_of
from lgbm_sm.record.entries import (
    ContainerLog,
    Endpoint,
    EndpointConfig,
    Image,
    Model,
    Place,
    PushedImage,
    RecordedEntry,
    Repository,
    TrainingJob,
    Upload,
)


def arn_of(entry: RecordedEntry) -> str:
    """The ARN; the name of what is on this machine."""
    if entry.place is not Place.AWS or isinstance(entry, Image):
        return entry.name
    if isinstance(entry, Upload):
        return f"arn:{partition_of(entry.region)}:s3:::{entry.name.removeprefix('s3://')}"
    service, resource = _resource(entry)
    return f"arn:{partition_of(entry.region)}:{service}:{entry.region}:{entry.account}:{resource}"


def _resource(
    entry: TrainingJob | Endpoint | EndpointConfig | Model | ContainerLog | PushedImage | Repository,
) -> tuple[str, str]:
    """The service, and what it calls the thing."""
    match entry:
        case ContainerLog():
            return "logs", f"log-group:{entry.group}" + (f":log-stream:{entry.prefix}*" if entry.prefix else "")
        case PushedImage():
            return "ecr", f"repository/{entry.repository}:{entry.name.rpartition(':')[2]}"
        case Repository():
            return "ecr", f"repository/{entry.repository}"
        case TrainingJob() | Endpoint() | EndpointConfig() | Model():
            kind = entry.kind.replace("_", "-")
            # SageMaker writes all but jobs in lower case
            return "sagemaker", f"{kind}/{entry.name if isinstance(entry, TrainingJob) else entry.name.lower()}"
