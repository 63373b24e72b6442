"""The AWS account: sessions, clients and calls. This module turns every botocore error into an AwsError."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from lgbm_sm.aws.events import attach
from lgbm_sm.aws.refusals import known_remedy, remedy_for
from lgbm_sm.errors import AwsError

if TYPE_CHECKING:
    from lgbm_sm.aws.dry_run import DryRun

DEFAULT_REGION = "ap-northeast-1"  # the region in the example notebook
PROJECT_TAG = "lgbm-sm:project"
# botocore retries a throttled call with growing pauses: nine retries take at most two minutes
_ATTEMPTS = 10

IsMissing = Callable[[AwsError], bool]
"""A function that returns whether an error means "the resource does not exist"."""


def has_code(*codes: str) -> IsMissing:
    """Return a function that returns whether an error has one of these AWS error codes."""
    return lambda error: error.code in codes


@dataclass(frozen=True)
class AwsAccount:
    """An account and a region.

    `session` is a boto3 session. `caller_arn` is the ARN of the caller. It is empty if the ARN is unknown.
    """

    account_id: str
    region: str
    session: Any
    caller_arn: str = ""
    _clients: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def partition(self) -> str:
        """The partition of the region, such as aws or aws-cn. It is the second part of an ARN."""
        return partition_of(self.region)

    def client(self, service: str) -> Any:
        """Return the boto3 client of a service in this region. Each service has only one client."""
        if service not in self._clients:
            self._clients[service] = self.session.client(service, region_name=self.region)
        return self._clients[service]

    def arn(self, service: str, resource: str) -> str:
        """Return the ARN of a resource in this region."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account_id}:{resource}"

    def find(
        self, service: str, operation: str, what: str, is_missing: IsMissing, **parameters: Any
    ) -> dict[str, Any] | None:
        """Call an AWS operation and return the answer, or None if the resource does not exist.

        `what` names the resource in error messages. `is_missing` returns whether an error means "does not exist".

        Raises:
            AwsError: AWS refuses the call, or does not answer.
        """
        try:
            with aws_errors(what, verb=_verb_of(operation)):
                answer: dict[str, Any] = getattr(self.client(service), operation)(**parameters)
                return answer
        except AwsError as error:
            if is_missing(error):
                return None
            raise

    def find_pages(
        self, service: str, operation: str, what: str, is_missing: IsMissing, **parameters: Any
    ) -> Iterator[dict[str, Any]]:
        """Yield the pages of a listing. Yield nothing if the resource does not exist.

        The parameters and the errors are those of `find`.
        """
        try:
            with aws_errors(what):
                yield from self.client(service).get_paginator(operation).paginate(**parameters)
        except AwsError as error:
            if not is_missing(error):
                raise


def find_partition(region: str) -> str | None:
    """Return the partition of a region, such as aws or aws-cn, or None if botocore does not know the region."""
    from botocore.exceptions import UnknownRegionError

    try:
        partition: str = _regions().get_partition_for_region(region)
    except UnknownRegionError:
        return None
    return partition


def partition_of(region: str) -> str:
    """Return the partition of a region. The default is aws, if botocore does not know the region."""
    return find_partition(region) or "aws"


def dns_suffix_of(region: str) -> str:
    """Return the domain of the AWS hosts in a region, such as amazonaws.com."""
    suffix: str = _regions().get_partition_dns_suffix(partition_of(region))
    return suffix


@cache
def _regions() -> Any:
    # a botocore session would offer the same data, but it fails if the profile in AWS_PROFILE does not exist
    from botocore.loaders import Loader
    from botocore.regions import EndpointResolver

    return EndpointResolver(Loader().load_data("endpoints"))


class Accounts:
    """The caller's account in each region. The first request for a region calls AWS.

    `announce` gets one line of text for each region, before other calls to that region. `tell_retry` gets a line before
    each retry. With a `dry_run`, no call changes anything in AWS.
    """

    def __init__(
        self,
        announce: Callable[[str], None] = lambda _: None,
        dry_run: "DryRun | None" = None,
        tell_retry: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.dry_run = dry_run
        self._tell_retry = tell_retry
        self._known: dict[str | None, AwsAccount] = {}
        self._announce = announce

    def get(self, region: str | None, account_id: str | None = None) -> AwsAccount:
        """Return the account in `region`. The default is the region of the AWS CLI.

        Raises:
            AwsError: there are no valid credentials, AWS does not answer, or the account is not `account_id`.
        """
        if region not in self._known:
            found = connect(region, self.dry_run, self._tell_retry)
            if found.region not in self._known:
                self._announce(f"AWS account {found.account_id}, {found.region}")
            self._known[region] = self._known.setdefault(found.region, found)
        account = self._known[region]
        if account_id not in (None, account.account_id):
            raise AwsError(
                f"the credentials are for account {account.account_id}, but the resource is in account {account_id}",
                "set AWS_PROFILE to an identity of that account",
            )
        return account

    @property
    def reached(self) -> tuple[AwsAccount, ...]:
        """The requested accounts, one for each region."""
        return tuple({account.region: account for account in self._known.values()}.values())


def open_session(
    region: str | None = None,
    *,
    attempts: int = _ATTEMPTS,
    connect_seconds: float | None = None,
    read_seconds: float | None = None,
    tell_retry: Callable[[str], None] = lambda _: None,
) -> Any:
    """Open a boto3 session with the credentials of the AWS CLI.

    Without `region`, the session uses the region of the AWS CLI. The clients of the session try each call up to
    `attempts` times. Without `connect_seconds` and `read_seconds`, the timeouts are botocore's. `tell_retry` gets a
    line of text before each retry.

    Raises:
        AwsError: the profile in AWS_PROFILE does not exist.
    """
    import boto3
    import botocore.session
    from botocore.config import Config

    waits = {"connect_timeout": connect_seconds, "read_timeout": read_seconds}
    settings = Config(
        retries={"total_max_attempts": attempts, "mode": "standard"},
        **{name: seconds for name, seconds in waits.items() if seconds is not None},
    )

    with aws_errors("a session", verb="open"):
        session = botocore.session.get_session()
        session.set_default_client_config(settings)
        attach(session, tell_retry)
        return boto3.Session(botocore_session=session, region_name=region)


def region_of(session: Any) -> str:
    """Return the region of a session, or DEFAULT_REGION if the session has none."""
    return session.region_name or DEFAULT_REGION


def connect(
    region: str | None = None,
    dry_run: "DryRun | None" = None,
    tell_retry: Callable[[str], None] = lambda _: None,
) -> AwsAccount:
    """Open a session and return its account.

    Raises:
        AwsError: there are no valid credentials, or AWS does not answer.
    """
    session = open_session(region, tell_retry=tell_retry)
    if dry_run:
        dry_run.attach(session)
    return identify(session)


def identify(session: Any) -> AwsAccount:
    """Return the account of a session's credentials.

    Raises:
        AwsError: there are no credentials, AWS refuses the credentials, or AWS does not answer.
    """
    region = region_of(session)
    with aws_errors("the AWS identity (sts:GetCallerIdentity)", verb="determine"):
        identity = session.client("sts", region_name=region).get_caller_identity()
    return AwsAccount(identity["Account"], region, session, identity["Arn"])


def registry_login(session: Any, registry_id: str, region: str) -> dict[str, str]:
    """Return `username` and `password` for the container registry (ECR) of an account. They are valid for 12 hours.

    Raises:
        AwsError: there are no credentials, the credentials do not allow it, or AWS does not answer.
    """
    import base64

    with aws_errors(f"a login token for the ECR registry of account {registry_id}"):
        answer = session.client("ecr", region_name=region).get_authorization_token(registryIds=[registry_id])
    token = base64.b64decode(answer["authorizationData"][0]["authorizationToken"]).decode()
    username, _, password = token.partition(":")
    return {"username": username, "password": password}


_CHANGES = ("abort", "create", "delete", "put", "stop", "update")


def _verb_of(operation: str) -> str:
    """Return the verb for an error message, such as "create". Return "get" if the operation only reads."""
    verb = operation.removeprefix("batch_").partition("_")[0]
    return verb if verb in _CHANGES else "get"


@contextmanager
def aws_errors(what: str, failure: str = "", *, verb: str = "get") -> Iterator[None]:
    """Turn botocore's errors into an AwsError.

    The message is "could not <verb> <what>". With `failure`, the message is "<what> <failure>".

    Raises:
        AwsError: botocore raised an error. The AwsError has the code and the text from AWS.
    """
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        NoCredentialsError,
        PartialCredentialsError,
        ProfileNotFound,
    )
    from botocore.parsers import ResponseParserError

    failed = f"{what} {failure}" if failure else f"could not {verb} {what}"
    try:
        yield
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise AwsError(
            f"{failed}: {error}",
            "run `aws configure`, or set AWS_PROFILE; to work without AWS, set training.instance_type and "
            "endpoint.instance_type to local",
        ) from error
    except ProfileNotFound as error:
        raise AwsError(
            str(error), "set AWS_PROFILE to one of the profiles that `aws configure list-profiles` shows"
        ) from error
    except ClientError as error:
        code, said = error.response["Error"]["Code"], error.response["Error"]["Message"]
        text = f"{failed}: {code}: {said}"
        raise AwsError(text, remedy_for(code, error.operation_name, text), code) from error
    except ResponseParserError as error:
        said = " ".join(str(error).split())
        raise AwsError(
            f"{failed}: {said}", "check AWS_ENDPOINT_URL, and whether a proxy answers instead of AWS"
        ) from error
    except BotoCoreError as error:
        text = f"{failed}: {error}"
        raise AwsError(text, known_remedy(text) or "check that this machine can reach AWS") from error
