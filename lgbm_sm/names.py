"""Names of jobs, models, endpoint configs, endpoints and image tags."""

import re
import secrets
import string
from datetime import datetime

from lgbm_sm import contract

_ENDING_LENGTH = 3
_ENDINGS = string.digits + string.ascii_lowercase
IMAGE_TAG_LENGTH = 12  # the tag of a built image is this many characters of the digest of its build context
LONGEST_PROJECT_NAME = contract.NAME_CHARACTERS - 24  # `timestamped_name` adds 24 characters
_LETTERS = "abcdefghjkmnpqrstuvwxyz"  # without letters that look like other characters
_LETTERS_LENGTH = 5


def project_name_of(text: str) -> str:
    """Return a project name that begins with `text` and ends with five random letters.

    Characters that are not allowed become hyphens. The name identifies the project in the AWS account, so two projects
    with the same table need different names.
    """
    plain = re.sub(r"[^a-zA-Z0-9]+", "-", text)[: LONGEST_PROJECT_NAME - _LETTERS_LENGTH - 1].strip("-")
    letters = "".join(secrets.choice(_LETTERS) for _ in range(_LETTERS_LENGTH))
    return f"{plain or 'lightgbm'}-{letters}"


def timestamped_name(project_name: str, now: datetime) -> str:
    """Return `<project>-YYYY-MM-DD-HH-MM-SS-xxx`, where xxx are three random characters.

    The SageMaker SDK uses the same form, but with milliseconds at the end. Two commands that start together could get
    the same name that way. Raise ValueError if the name is longer than SageMaker allows. This cannot happen with a
    valid configuration, because it limits the length of project names.
    """
    ending = "".join(secrets.choice(_ENDINGS) for _ in range(_ENDING_LENGTH))
    name = f"{project_name}-{now:%Y-%m-%d-%H-%M-%S}-{ending}"
    if len(name) > contract.NAME_CHARACTERS:
        raise ValueError(f"{name} has {len(name)} characters, more than {contract.NAME_CHARACTERS}")
    return name


def script_mode_repository(project_name: str) -> str:
    """Return the project's name for AWS's XGBoost image in Docker on this machine."""
    return f"{project_name.lower()}-script-mode"


def is_timestamped(name: str, project_name: str) -> bool:
    """Return whether the name has the form of `timestamped_name` for this project. Ignore upper and lower case."""
    pattern = rf"{re.escape(project_name)}-\d{{4}}(-\d\d){{5}}-[0-9a-z]{{3}}"
    return re.fullmatch(pattern, name, re.IGNORECASE) is not None


def is_endpoint_name(name: str, project_name: str, endpoint_name: str) -> bool:
    """Return whether `name` is the configured endpoint name, or a timestamped name of the project."""
    return name.lower() == endpoint_name.lower() or is_timestamped(name, project_name)
