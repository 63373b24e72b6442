"""The AWS account: region, credentials, clock, bucket, repositories and endpoints."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from lgbm_sm.aws.account import DEFAULT_REGION, AwsAccount, aws_errors, identify, open_session, region_of
from lgbm_sm.aws.ecr_repository import EcrRepository
from lgbm_sm.aws.refusals import is_about_clock
from lgbm_sm.aws.resources.endpoint import find_several_endpoints
from lgbm_sm.aws.s3 import S3Bucket, default_bucket_name
from lgbm_sm.config.instance_types import InstancePurpose
from lgbm_sm.config.sections import Config, Pattern
from lgbm_sm.doctor.findings import DoctorArea, DoctorCheck, Finding, within
from lgbm_sm.doctor.quotas import QUOTA, WantedInstances, examine_quotas
from lgbm_sm.doctor.role import ROLE, examine_role
from lgbm_sm.errors import AwsError, LgbmSmError

REGION = DoctorCheck("region", DoctorArea.AWS)
CREDENTIALS = DoctorCheck("credentials", DoctorArea.AWS)
CLOCK = DoctorCheck("clock", DoctorArea.AWS)
BUCKET = DoctorCheck("bucket", DoctorArea.AWS)
REPOSITORY = DoctorCheck("repository", DoctorArea.AWS)
ENDPOINTS = DoctorCheck("endpoints", DoctorArea.AWS)

_IMPATIENT: Any = {"attempts": 3, "connect_seconds": 3, "read_seconds": 5}  # doctor must not wait for minutes
_SECONDS = 12  # the time limit of a check, which makes one or two calls
# AWS refuses a request if the clock differs by five minutes (IAM user guide, "Elements of an AWS API request
# signature"); warn from half of that
_MOST_SKEW = timedelta(minutes=5)
_TOLERATED_SKEW = timedelta(seconds=150)


@dataclass(frozen=True)
class WantedAccount:
    """The settings to check.

    Without a `bucket`, SageMaker's default bucket is checked. `repositories` are names in ECR. Without a configuration,
    `repositories` and `instances` are None, and `project` is empty.
    """

    region: str | None
    bucket: str | None
    execution_role: str | None
    repositories: tuple[str, ...] | None
    instances: tuple[WantedInstances, ...] | None
    project: str = ""


def wanted_of(config: Config | None, execution_role: str | None) -> WantedAccount:
    """Return the settings to check. Without a configuration, only the account is checked."""
    if config is None:
        return WantedAccount(None, None, execution_role, None, None)
    serving = Pattern.BYOC if config.container.pattern is Pattern.SCRIPT_MODE else config.container.pattern
    names = dict.fromkeys((config.repository_of(Pattern.BYOC), config.repository_of(serving)))
    training, endpoint = config.training, config.endpoint
    wanted: list[WantedInstances] = []
    if not training.is_local:
        wanted.append(WantedInstances(InstancePurpose.TRAINING, training.instance_type, training.instance_count))
    if not endpoint.is_local:
        wanted.append(WantedInstances(InstancePurpose.ENDPOINT, endpoint.instance_type, 1))
    role = execution_role or config.aws.execution_role
    repositories = tuple(filter(None, names))
    return WantedAccount(config.aws.region, config.aws.bucket, role, repositories, tuple(wanted), config.project.name)


def examine_account(wanted: WantedAccount, clock: Callable[[], datetime]) -> Iterator[Finding]:
    """Yield the findings about the AWS account. `clock` returns the local time with its time zone.

    Without valid credentials, skip all checks that need them. So one cause leads to only one problem.
    """
    dates: list[timedelta] = []
    account, arn = None, ""
    try:
        session = within(_SECONDS, REGION.name, lambda: open_session(wanted.region, **_IMPATIENT))
        region = within(_SECONDS, REGION.name, lambda: _examine_region(session, wanted.region))
    except LgbmSmError as error:
        yield REGION.problem(error.message, error.hint)
        yield CREDENTIALS.not_checked("fix the region first")
    else:
        yield region
        try:
            account, arn = within(_SECONDS, CREDENTIALS.name, lambda: _who_calls(session, clock, dates))
        except LgbmSmError as error:
            yield CREDENTIALS.problem(error.message, _fix_for_credentials(error))
        else:
            yield CREDENTIALS.ok(f"{arn}, account {account.account_id}")
    yield judge_clock(dates[-1]) if dates else CLOCK.not_checked("AWS did not send its time")
    if account is None:
        for check in (ROLE, BUCKET, REPOSITORY, ENDPOINTS, QUOTA):
            yield check.not_checked("fix the credentials first")
        return
    known = account
    yield ROLE.look(_SECONDS, lambda: examine_role(known, arn, wanted.execution_role))
    yield BUCKET.look(_SECONDS, lambda: _examine_bucket(known, wanted.bucket))
    if wanted.repositories is None or wanted.instances is None:
        for check in (REPOSITORY, ENDPOINTS, QUOTA):
            yield check.not_checked("fix the configuration first")
        return
    for name in wanted.repositories:
        yield _examine_repository(known, name)
    yield ENDPOINTS.look(_SECONDS, lambda: _examine_endpoints(known, wanted.project))
    yield from examine_quotas(known, wanted.instances)


def _examine_endpoints(account: AwsAccount, project: str) -> Finding:
    try:
        names = find_several_endpoints(account, project)
    except AwsError as error:  # no command depends on this call
        return ENDPOINTS.not_checked(error.message)
    if not names:
        return ENDPOINTS.ok(f"project {project} has at most one endpoint")
    command = f"aws sagemaker delete-endpoint --region {account.region} --endpoint-name NAME"
    return ENDPOINTS.warning(
        f"project {project} has {len(names)} endpoints in {account.region}, and AWS bills each one: {', '.join(names)}",
        f"delete the endpoints that you do not need: {command}",
    )


def _examine_region(session: Any, configured: str | None) -> Finding:
    with aws_errors("the region"):
        region, chosen = region_of(session), session.region_name
        partitions = session.get_available_partitions()
        known = {
            name for part in partitions for name in session.get_available_regions("sagemaker", partition_name=part)
        }
    if region not in known:
        said = f"botocore does not know SageMaker in the region {region}"
        return REGION.warning(said, "set aws.region to a region that offers SageMaker")
    if configured:
        return REGION.ok(f"{region}, from aws.region")
    if chosen:
        return REGION.ok(f"{region}, from the settings of the AWS command line")
    return REGION.warning(
        f"no region is set, so {DEFAULT_REGION} is used", "set aws.region, or run `aws configure set region REGION`"
    )


def _who_calls(session: Any, clock: Callable[[], datetime], skews: list[timedelta]) -> tuple[AwsAccount, str]:
    """Return the account and the caller's ARN.

    Also add the difference between this machine's clock and AWS's clock to `skews`, even if AWS refuses the call.
    """

    def compare(http_response: Any, **_: Any) -> None:
        if sent := _read_date(http_response.headers.get("Date", "")):
            skews.append(clock() - sent)

    session.events.register("after-call.sts.GetCallerIdentity", compare)
    account = identify(session)
    return account, account.caller_arn


def _read_date(header: str) -> datetime | None:
    """Return the time of a Date header, or None if a proxy has replaced the time with other text."""
    try:
        sent = parsedate_to_datetime(header)
    except (ValueError, OverflowError):
        return None
    return sent if sent.tzinfo else sent.replace(tzinfo=UTC)


def _fix_for_credentials(error: LgbmSmError) -> str:
    code = error.code if isinstance(error, AwsError) else ""
    if is_about_clock(error.message):
        return error.hint
    if "Expired" in code:
        return "run `aws sso login`, or get new temporary credentials"
    if code in ("InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch"):
        return "run `aws configure` with an active access key, or set AWS_PROFILE"
    return error.hint


def judge_clock(skew: timedelta) -> Finding:
    """Judge the difference between the clocks. It is positive if this machine's clock is ahead of AWS's clock."""
    seconds = abs(skew).total_seconds()
    if abs(skew) <= _TOLERATED_SKEW:
        return CLOCK.ok(f"within {max(seconds, 1):.0f} s of AWS's clock")
    said = f"{seconds:.0f} s {'ahead of' if skew > timedelta() else 'behind'} AWS's clock"
    fix = "sudo timedatectl set-ntp true (Linux), or sudo sntp -sS time.apple.com (macOS)"
    if abs(skew) < _MOST_SKEW:
        return CLOCK.warning(f"{said}; from {_MOST_SKEW.total_seconds():.0f} s on, AWS refuses every call", fix)
    return CLOCK.problem(f"{said}: AWS refuses every call", fix)


def _examine_bucket(account: AwsAccount, configured: str | None) -> Finding:
    name = configured or default_bucket_name(account)
    if S3Bucket(account, name).exists():
        return BUCKET.ok(f"{name} exists")
    if configured:
        return BUCKET.problem(f"aws.bucket: {name}: the bucket does not exist", _bucket_creation(name, account.region))
    return BUCKET.ok(f"{name} does not exist yet; the first upload creates it")


def _bucket_creation(name: str, region: str) -> str:
    return f"aws s3 mb s3://{name} --region {region}, or remove aws.bucket"


def _examine_repository(account: AwsAccount, name: str) -> Finding:
    def ask() -> Finding:
        uri = EcrRepository(account, name).find_uri()
        return REPOSITORY.ok(uri or f"{name} does not exist yet; `lgbm-sm push` creates it")

    return REPOSITORY.look(_SECONDS, ask)
