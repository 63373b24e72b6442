"""Names of jobs, models, endpoint configs, endpoints and image tags."""

import re
import secrets
import string
from datetime import datetime

from lgbm_sm import contract

_ENDING_LENGTH = 3
_ENDINGS = string.digits + string.ascii_lowercase
IMAGE_TAG_LENGTH = 12  # of an image that lgbm-sm built: the start of the digest of its build context
LONGEST_PROJECT_NAME = contract.NAME_CHARACTERS - 24  # "-YYYY-MM-DD-HH-MM-SS-xxx" follows it: see `timestamped_name`
_LETTERS = "abcdefghjkmnpqrstuvwxyz"  # without those that look like others
_LETTERS_LENGTH = 5


def project_name_of(text: str) -> str:
    """Return a project name that begins with `text` and ends with five random letters.

    Characters that are not allowed become hyphens. The name identifies the project in the account, so two projects of
    the same table need different names.
    """
    plain = re.sub(r"[^a-zA-Z0-9]+", "-", text)[: LONGEST_PROJECT_NAME - _LETTERS_LENGTH - 1].strip("-")
    letters = "".join(secrets.choice(_LETTERS) for _ in range(_LETTERS_LENGTH))
    return f"{plain or 'lightgbm'}-{letters}"


def timestamped_name(project_name: str, now: datetime) -> str:
    """Return `<project>-YYYY-MM-DD-HH-MM-SS-xxx`, as the SDK names jobs and endpoints.

    The SDK ends with milliseconds, which can be the same for two commands that start together; here the last three
    characters are random. Raises ValueError if the name is longer than SageMaker allows; the configuration refuses such
    projects first.
    """
    ending = "".join(secrets.choice(_ENDINGS) for _ in range(_ENDING_LENGTH))
    name = f"{project_name}-{now:%Y-%m-%d-%H-%M-%S}-{ending}"
    if len(name) > contract.NAME_CHARACTERS:
        raise ValueError(f"{name} has {len(name)} characters, more than {contract.NAME_CHARACTERS}")
    return name


def script_mode_repository(project_name: str) -> str:
    """Return the project's local name of AWS's XGBoost image in Docker."""
    return f"{project_name.lower()}-script-mode"


def is_timestamped(name: str, project_name: str) -> bool:
    """Return whether `timestamped_name` can have created the name for the project; case is ignored."""
    pattern = rf"{re.escape(project_name)}-\d{{4}}(-\d\d){{5}}-[0-9a-z]{{3}}"
    return re.fullmatch(pattern, name, re.IGNORECASE) is not None


def is_endpoint_name(name: str, project_name: str, endpoint_name: str) -> bool:
    """Return whether an endpoint has `endpoint.name`, or a timestamped name of the project."""
    return name.lower() == endpoint_name.lower() or is_timestamped(name, project_name)
