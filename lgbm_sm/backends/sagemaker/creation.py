"""Create resources on SageMaker. A new resource becomes visible only some time after it was created.

The SDK makes two calls: it creates a resource, and then describes it. If the Describe call is denied or finds nothing,
the resource may still exist. SageMaker may refuse a create call because it does not see another new resource yet.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from lgbm_sm.aws.account import aws_errors
from lgbm_sm.aws.waiting import Patience
from lgbm_sm.errors import AwsError

# how long a Describe call is repeated
VISIBLE_SECONDS = 60.0
# how long a create call is repeated while SageMaker does not see a resource that the call needs
DEPENDENCY_SECONDS = 20.0
# an existing name gives this error code for jobs, and these words for other resources
_TAKEN_CODE, _TAKEN_WORDS = "ResourceInUse", "already existing"


class CreatedError(AwsError):
    """The resource was created and exists, but a later call failed."""


def create(
    what: str,
    call: Callable[[], object],
    patience: Patience,
    *,
    needs: Collection[str] = (),
    failure: str = "cannot be created",
) -> bool:
    """Make an SDK call that creates or updates `what`. Return False if a resource with this name already exists.

    The SDK then describes the resource. If only this second call fails, the creation counts as done. `needs` are the
    names of resources that were just created. If SageMaker refuses the call because it does not see one of them yet,
    repeat the call.

    Raises:
        AwsError: SageMaker refuses the call, or does not answer.
    """
    for seconds in patience.rounds(DEPENDENCY_SECONDS):
        try:
            with aws_errors(what, failure):
                call()
        except AwsError as error:
            if refused_operation(error).startswith("Describe"):
                return True
            if error.code == _TAKEN_CODE or _TAKEN_WORDS in error.message:
                return False
            if not _names_one_of(needs, error) or seconds >= DEPENDENCY_SECONDS:
                raise
        else:
            return True
    raise AssertionError  # the last round returns or raises


def describe_created(
    what: str, find: Callable[[], Mapping[str, Any] | None], patience: Patience, *, follow: str
) -> Mapping[str, Any]:
    """Describe a resource that was just created.

    `find` makes the call, and returns None if it finds nothing. If the call is denied or finds nothing, repeat it for a
    minute. `follow` is the hint for the error: commands that show or delete the resource.

    Raises:
        CreatedError: the resource cannot be described.
    """
    refusal = AwsError("SageMaker does not find it")
    for _ in patience.rounds(VISIBLE_SECONDS):
        try:
            found = find()
        except AwsError as error:
            if not is_denied(error):
                raise created_error(what, error, follow) from error
            refusal = error
        else:
            if found is not None:
                return found
    raise created_error(what, refusal, follow) from refusal


def refused_operation(error: AwsError) -> str:
    """Return the operation that AWS refused, such as DescribeEndpoint, or "" if AWS did not answer."""
    return str(getattr(error.__cause__, "operation_name", ""))


def is_denied(error: AwsError) -> bool:
    """Return whether AWS denied the call. The permission may be missing, or too new to have an effect."""
    return "AccessDenied" in error.code


def created_error(what: str, error: AwsError, follow: str) -> CreatedError:
    """Return the error for a call that failed after `what` was created.

    `follow` is a hint: commands that show or delete the resource.
    """
    message = f"{what} exists and is billed, but its state cannot be read: {error.message}"
    return CreatedError(message, "; ".join(filter(None, (error.hint, follow))), error.code)


def _names_one_of(names: Collection[str], error: AwsError) -> bool:
    # SageMaker writes names in ARNs in lower case
    said = error.message.lower()
    return error.code == "ValidationException" and any(f'/{name.lower()}"' in said for name in names)
