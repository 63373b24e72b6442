"""Names of jobs and endpoints."""

import re
from datetime import datetime

MAXIMUM_LENGTH = 63  # of every SageMaker resource name: [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}


def timestamped_name(project_name: str, now: datetime) -> str:
    """`<project>-YYYY-MM-DD-HH-MM-SS-mmm`, as the SDK names jobs and endpoints: 24 characters more than the project.

    Raises ValueError when the result is longer than SageMaker allows; the configuration refuses such projects first.
    """
    name = f"{project_name}-{now:%Y-%m-%d-%H-%M-%S}-{now.microsecond // 1000:03d}"
    if len(name) > MAXIMUM_LENGTH:
        raise ValueError(f"{name} has {len(name)} characters, more than {MAXIMUM_LENGTH}")
    return name


def is_timestamped(name: str, project_name: str) -> bool:
    """Whether it is a name that `timestamped_name` gives for the project; SageMaker does not tell cases apart."""
    pattern = rf"{re.escape(project_name)}-\d{{4}}(-\d\d){{5}}-\d{{3}}"
    return re.fullmatch(pattern, name, re.IGNORECASE) is not None
