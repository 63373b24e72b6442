"""AWS's services as this program needs them: what botocore raises becomes an error of ours here."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lgbm_sm.errors import AwsError


def open_session() -> Any:
    """A boto3 session with the account and the region that the AWS command line would use."""
    import boto3

    return boto3.Session()


def registry_login(session: Any, registry_id: str, region: str) -> dict[str, str]:
    """`username` and `password` for an account's container registry (ECR) in a region; good for 12 hours.

    Raises:
        AwsError: there are no credentials, or they do not allow it, or AWS does not answer.
    """
    with aws_errors(f"a token for the container registry of account {registry_id}"):
        answer = session.client("ecr", region_name=region).get_authorization_token(registryIds=[registry_id])
    token = base64.b64decode(answer["authorizationData"][0]["authorizationToken"]).decode()
    username, _, password = token.partition(":")
    return {"username": username, "password": password}


@contextmanager
def aws_errors(what: str) -> Iterator[None]:
    """What botocore raises becomes an AwsError that says `what` cannot be had.

    Raises:
        AwsError: with AWS's own code and words.
    """
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError

    try:
        yield
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise AwsError(f"{what} cannot be had: {error}", "run `aws configure`, or set AWS_PROFILE") from error
    except ClientError as error:
        code, said = error.response["Error"]["Code"], error.response["Error"]["Message"]
        raise AwsError(f"{what} cannot be had: {code}: {said}", _remedy(code, error.operation_name)) from error
    except BotoCoreError as error:
        raise AwsError(f"{what} cannot be had: {error}", "see that AWS can be reached from here") from error


def _remedy(code: str, operation: str) -> str:
    if "Expired" in code:
        return "log in again: the credentials have expired"
    if "Denied" in code:
        return f"allow the identity {operation}"
    return "`aws sts get-caller-identity` says who calls"
