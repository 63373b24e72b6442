"""Create resources on SageMaker, whose reads and tags lag behind its writes.

The SDK creates a resource and then describes it, in two calls. A Describe that is denied or finds nothing does not mean
that the create failed. A create may be refused because a new resource that it names is not visible yet.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from lgbm_sm.aws.account import aws_errors
from lgbm_sm.aws.waiting import Patience
from lgbm_sm.errors import AwsError

# how long a Describe is repeated
VISIBLE_SECONDS = 60.0
# how long a create is repeated while a resource that it names is not visible
DEPENDENCY_SECONDS = 20.0
# SageMaker has an error code for a name that is taken only for jobs
_TAKEN_CODE, _TAKEN_WORDS = "ResourceInUse", "already existing"


class CreatedError(AwsError):
    """The resource was created and exists; a later call failed."""


def create(
    what: str,
    call: Callable[[], object],
    patience: Patience,
    *,
    needs: Collection[str] = (),
    failure: str = "cannot be created",
) -> bool:
    """Make an SDK call that creates or updates `what`; False if its name is taken.

    The SDK then describes the resource. If only that fails, the call counts as done; see `describe_created`.
    `needs` are the names of resources that were created a moment ago: a refusal that names one of them is repeated.

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
    """Describe `what`, which was just created.

    Repeat the call for a minute while it is denied or finds nothing. `find` returns None if it finds nothing. `follow`
    is the hint if that continues: how to follow or delete the resource.

    Raises:
        CreatedError: it cannot be described.
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
    """Return the operation that AWS refused, such as DescribeEndpoint.

    The result is empty if there was no answer.
    """
    return str(getattr(error.__cause__, "operation_name", ""))


def is_denied(error: AwsError) -> bool:
    """Return whether a permission is missing, or is not visible yet."""
    return "AccessDenied" in error.code


def created_error(what: str, error: AwsError, follow: str) -> CreatedError:
    """Return the error for a call that failed after `what` was created.

    `follow` is how to follow or delete it.
    """
    message = f"{what} exists and is billed, but it cannot be followed: {error.message}"
    return CreatedError(message, "; ".join(filter(None, (error.hint, follow))), error.code)


def _names_one_of(names: Collection[str], error: AwsError) -> bool:
    # SageMaker writes names in ARNs in lower case
    said = error.message.lower()
    return error.code == "ValidationException" and any(f'/{name.lower()}"' in said for name in names)
