"""AWS's services as this program needs them: what botocore raises becomes an error of ours here."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from lgbm_sm.errors import AwsError

DEFAULT_REGION = "ap-northeast-1"  # the notebook's


@dataclass(frozen=True)
class AwsAccount:
    """Who calls, and where. `session` is boto3's."""

    account_id: str
    region: str
    session: Any

    def client(self, service: str) -> Any:
        """boto3's client of a service, in this region."""
        return self.session.client(service, region_name=self.region)


class Accounts:
    """The caller's account in each region that is asked for; nobody is called before that."""

    def __init__(self) -> None:
        self._known: dict[str | None, AwsAccount] = {}

    def get(self, region: str | None, account_id: str | None = None) -> AwsAccount:
        """The account in `region`, by default that of the AWS command line.

        Raises:
            AwsError: see `connect`; or it is not `account_id`.
        """
        if region not in self._known:
            self._known[region] = connect(region)
        account = self._known[region]
        if account_id not in (None, account.account_id):
            raise AwsError(
                f"the credentials belong to account {account.account_id}, and this is in {account_id}",
                "set AWS_PROFILE to an identity of that account",
            )
        return account


def open_session(region: str | None = None) -> Any:
    """A boto3 session with the account that the AWS command line would use, and its region unless one is given.

    Raises:
        AwsError: AWS_PROFILE names no profile.
    """
    import boto3

    with aws_errors("a session"):
        return boto3.Session(region_name=region)


def region_of(session: Any) -> str:
    """The region of a session; the notebook's where none is set."""
    return session.region_name or DEFAULT_REGION


def connect(region: str | None = None) -> AwsAccount:
    """The account that the credentials belong to.

    Raises:
        AwsError: there are no credentials, or they are refused, or AWS does not answer.
    """
    session = open_session(region)
    with aws_errors("the identity of the caller"):
        identity = session.client("sts", region_name=region_of(session)).get_caller_identity()
    return AwsAccount(identity["Account"], region_of(session), session)


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
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        NoCredentialsError,
        PartialCredentialsError,
        ProfileNotFound,
    )

    try:
        yield
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise AwsError(f"{what} cannot be had: {error}", "run `aws configure`, or set AWS_PROFILE") from error
    except ProfileNotFound as error:
        raise AwsError(str(error), "`aws configure list-profiles` lists them; set AWS_PROFILE to one") from error
    except ClientError as error:
        code, said = error.response["Error"]["Code"], error.response["Error"]["Message"]
        raise AwsError(f"{what} cannot be had: {code}: {said}", _remedy(code, error.operation_name), code) from error
    except BotoCoreError as error:
        raise AwsError(f"{what} cannot be had: {error}", "see that AWS can be reached from here") from error


def _remedy(code: str, operation: str) -> str:
    if "Expired" in code:
        return "log in again: the credentials have expired"
    if "Denied" in code or code == "403":
        return f"allow the identity {operation}"
    if "Throttl" in code or code in ("TooManyRequestsException", "SlowDown"):
        return "AWS limits the rate of calls: try again in a minute"
    return "`aws sts get-caller-identity` says who calls"
