"""The AWS account: where, who calls, by which clock, and what is there already."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from lgbm_sm.aws.account import DEFAULT_REGION, AwsAccount, aws_errors, open_session, region_of
from lgbm_sm.aws.ecr_repository import EcrRepository
from lgbm_sm.aws.refusals import is_about_clock
from lgbm_sm.aws.resources.endpoint import find_several_endpoints
from lgbm_sm.aws.s3 import S3Bucket, default_bucket_name
from lgbm_sm.config.instance_types import LOCAL, InstancePurpose
from lgbm_sm.config.sections import Config, Pattern
from lgbm_sm.doctor.findings import Area, Check, Finding, within
from lgbm_sm.doctor.quotas import QUOTA, WantedInstances, examine_quotas
from lgbm_sm.doctor.role import ROLE, examine_role
from lgbm_sm.errors import AwsError, LgbmSmError

REGION = Check("region", Area.AWS)
CREDENTIALS = Check("credentials", Area.AWS)
CLOCK = Check("clock", Area.AWS)
BUCKET = Check("bucket", Area.AWS)
REPOSITORY = Check("repository", Area.AWS)
ENDPOINTS = Check("endpoints", Area.AWS)

_CONNECT_SECONDS, _READ_SECONDS, _ATTEMPTS = 3, 5, 3
_SECONDS = 12  # for a check of one or two calls
# AWS refuses what was signed more than five minutes ago, or ahead: IAM's guide, "Elements of an AWS API request
# signature"; half of that is near enough to be told
_MOST_SKEW = timedelta(minutes=5)
_TOLERATED_SKEW = timedelta(seconds=150)


@dataclass(frozen=True)
class WantedAccount:
    """What is asked of AWS; without a `bucket` SageMaker's default one.

    `repositories` are ECR's, by name; these and `instances` are None, and `project` is empty, without a configuration.
    """

    region: str | None
    bucket: str | None
    execution_role: str | None
    repositories: tuple[str, ...] | None
    instances: tuple[WantedInstances, ...] | None
    project: str = ""


def wanted_of(config: Config | None, execution_role: str | None) -> WantedAccount:
    """Without a configuration nothing but the account itself."""
    if config is None:
        return WantedAccount(None, None, execution_role, None, None)
    serving = Pattern.BYOC if config.container.pattern is Pattern.SCRIPT_MODE else config.container.pattern
    names = dict.fromkeys((config.repository_of(Pattern.BYOC), config.repository_of(serving)))
    training, endpoint = config.training, config.endpoint
    instances = (
        WantedInstances(InstancePurpose.TRAINING, training.instance_type, training.instance_count),
        WantedInstances(InstancePurpose.ENDPOINT, endpoint.instance_type, 1),
    )
    wanted = tuple(instance for instance in instances if instance.instance_type != LOCAL)
    role = execution_role or config.aws.execution_role
    repositories = tuple(filter(None, names))
    return WantedAccount(config.aws.region, config.aws.bucket, role, repositories, wanted, config.project.name)


def examine_account(wanted: WantedAccount, clock: Callable[[], datetime]) -> Iterator[Finding]:
    """All findings of AWS; `clock` gives the time here, with its zone.

    What needs credentials is not looked at where there are none that AWS takes: one cause is told once.
    """
    dates: list[timedelta] = []
    account, arn = None, ""
    try:
        session = within(_SECONDS, REGION.name, lambda: open_impatient_session(wanted.region))
        region = within(_SECONDS, REGION.name, lambda: _examine_region(session, wanted.region))
    except LgbmSmError as error:
        yield REGION.problem(error.message, error.hint)
        yield CREDENTIALS.not_checked("the session of AWS's command line cannot be opened")
    else:
        yield region
        try:
            account, arn = within(_SECONDS, CREDENTIALS.name, lambda: _who_calls(session, clock, dates))
        except LgbmSmError as error:
            yield CREDENTIALS.problem(error.message, _remedy_for_credentials(error))
        else:
            yield CREDENTIALS.ok(f"{arn}, account {account.account_id}")
    yield judge_clock(dates[-1]) if dates else CLOCK.not_checked("AWS has not told its time")
    if account is None:
        for check in (ROLE, BUCKET, REPOSITORY, ENDPOINTS, QUOTA):
            yield check.not_checked("it needs credentials that AWS takes")
        return
    known = account
    yield ROLE.look(_SECONDS, lambda: examine_role(known, arn, wanted.execution_role))
    yield BUCKET.look(_SECONDS, lambda: _examine_bucket(known, wanted.bucket))
    if wanted.repositories is None or wanted.instances is None:
        for check in (REPOSITORY, ENDPOINTS, QUOTA):
            yield check.not_checked("it follows from the configuration")
        return
    for name in wanted.repositories:
        yield _examine_repository(known, name)
    yield ENDPOINTS.look(_SECONDS, lambda: _examine_endpoints(known, wanted.project))
    yield from examine_quotas(known, wanted.instances)


def _examine_endpoints(account: AwsAccount, project: str) -> Finding:
    try:
        names = find_several_endpoints(account, project)
    except AwsError as error:  # no command fails by that
        return ENDPOINTS.not_checked(error.message)
    if not names:
        return ENDPOINTS.ok(f"project {project} has one endpoint at most")
    command = f"aws sagemaker delete-endpoint --region {account.region} --endpoint-name NAME"
    return ENDPOINTS.warning(
        f"project {project} has {len(names)} endpoints in {account.region}, and each is billed: {', '.join(names)}",
        f"`{command}` deletes one",
    )


def open_impatient_session(region: str | None) -> Any:
    """As `lgbm_sm.aws.account.open_session`, whose clients wait seconds, not minutes.

    Raises:
        AwsError: AWS_PROFILE names no profile.
    """
    return open_session(region, attempts=_ATTEMPTS, connect_seconds=_CONNECT_SECONDS, read_seconds=_READ_SECONDS)


def _examine_region(session: Any, configured: str | None) -> Finding:
    with aws_errors("the region"):
        region, chosen = region_of(session), session.region_name
        partitions = session.get_available_partitions()
        known = {
            name for part in partitions for name in session.get_available_regions("sagemaker", partition_name=part)
        }
    if region not in known:
        said = f"{region} is not among the regions that botocore knows SageMaker in"
        return REGION.warning(said, "set aws.region to one where AWS offers SageMaker")
    if configured:
        return REGION.ok(f"{region}, from aws.region")
    if chosen:
        return REGION.ok(f"{region}, as the AWS command line takes it")
    return REGION.warning(
        f"none is set, and {DEFAULT_REGION} is taken", "set aws.region, or run `aws configure set region REGION`"
    )


def _who_calls(session: Any, clock: Callable[[], datetime], skews: list[timedelta]) -> tuple[AwsAccount, str]:
    """The account, and the caller's ARN; adds to `skews` how far ahead of AWS's clock ours is, refused or not."""

    def compare(http_response: Any, **_: Any) -> None:
        if told := _read_date(http_response.headers.get("Date", "")):
            skews.append(clock() - told)

    region = region_of(session)
    with aws_errors("the AWS identity (sts:GetCallerIdentity)", verb="determine"):
        sts = session.client("sts", region_name=region)
        sts.meta.events.register("after-call.sts.GetCallerIdentity", compare)
        identity = sts.get_caller_identity()
    return AwsAccount(identity["Account"], region, session), identity["Arn"]


def _read_date(header: str) -> datetime | None:
    """The time of a Date header; None if a proxy has written something else there."""
    try:
        told = parsedate_to_datetime(header)
    except (ValueError, OverflowError):
        return None
    return told if told.tzinfo else told.replace(tzinfo=UTC)


def _remedy_for_credentials(error: LgbmSmError) -> str:
    code = error.code if isinstance(error, AwsError) else ""
    if is_about_clock(error.message):
        return error.hint
    if "Expired" in code:
        return "`aws sso login`, or fetch new temporary credentials as you did before"
    if code in ("InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch"):
        return "`aws configure` with an access key that IAM lists, or set AWS_PROFILE"
    return error.hint


def judge_clock(skew: timedelta) -> Finding:
    """How far our clock is ahead of AWS's; behind, where negative."""
    seconds = abs(skew).total_seconds()
    if abs(skew) <= _TOLERATED_SKEW:
        return CLOCK.ok(f"within {seconds:.0f} s of AWS's" if seconds >= 1 else "as AWS's")
    said = f"{seconds:.0f} s {'ahead of' if skew > timedelta() else 'behind'} AWS's"
    remedy = "sudo timedatectl set-ntp true (Linux), or sudo sntp -sS time.apple.com (macOS)"
    if abs(skew) < _MOST_SKEW:
        return CLOCK.warning(f"{said}; beyond {_MOST_SKEW.total_seconds():.0f} s AWS refuses every call", remedy)
    return CLOCK.problem(f"{said}: AWS refuses what is signed with that time", remedy)


def _examine_bucket(account: AwsAccount, configured: str | None) -> Finding:
    name = configured or default_bucket_name(account)
    if S3Bucket(account, name).exists():
        return BUCKET.ok(f"{name} is there")
    if configured:
        return BUCKET.problem(f"aws.bucket: {name}: there is no such bucket", _bucket_creation(name, account.region))
    return BUCKET.ok(f"{name} is not there yet; the first upload makes it")


def _bucket_creation(name: str, region: str) -> str:
    return f"aws s3 mb s3://{name} --region {region}, or leave aws.bucket out"


def _examine_repository(account: AwsAccount, name: str) -> Finding:
    def ask() -> Finding:
        uri = EcrRepository(account, name).find_uri()
        return REPOSITORY.ok(uri or f"{name} is not there yet; `lgbm-sm push` makes it")

    return REPOSITORY.look(_SECONDS, ask)
