"""The quotas of instance types: in a new account many are 0, and a job is refused only after the slow steps."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lgbm_sm.aws.account import AwsAccount, aws_errors
from lgbm_sm.config.instance_types import InstancePurpose, platform_of, size_of
from lgbm_sm.doctor.findings import Area, Check, Finding, Status, within
from lgbm_sm.errors import AwsError, LgbmSmError, TimedOutError
from lgbm_sm.progress import Reporter

QUOTA = Check("quota", Area.AWS)

_SERVICE_CODE = "sagemaker"
_PAGE_SIZE = 100
# a page takes a fraction of a second, and SageMaker has some two thousand quotas: twenty pages
_SECONDS = 15
_CONNECT_SECONDS, _READ_SECONDS, _ATTEMPTS = 2, 3, 2
_GOES_ON = "nothing waits for this: SageMaker refuses a job or an endpoint if the quota is too small"
# how Service Quotas names them: "ml.m4.xlarge for endpoint usage"
_USAGE = {InstancePurpose.TRAINING: "training job usage", InstancePurpose.ENDPOINT: "endpoint usage"}
_SECTION = {InstancePurpose.TRAINING: "training", InstancePurpose.ENDPOINT: "endpoint"}


@dataclass(frozen=True)
class WantedInstances:
    """How many instances of a type, and for what."""

    purpose: InstancePurpose
    instance_type: str
    count: int

    @property
    def quota_name(self) -> str:
        return f"{self.instance_type} for {_USAGE[self.purpose]}"


@dataclass(frozen=True)
class Quota:
    """The most instances that may run at once; `code` is that of Service Quotas."""

    code: str
    value: float


def examine_quotas(account: AwsAccount, wanted: tuple[WantedInstances, ...]) -> Iterator[Finding]:
    """A finding for each wanted type; one that nothing is wanted.

    What Service Quotas does not tell within seconds is a warning: a job can be started without it.
    """
    if not wanted:
        yield QUOTA.ok("no instance type is asked for")
        return
    told: dict[str, Quota] = {}
    failure: LgbmSmError | None = None
    try:
        within(_SECONDS, QUOTA.name, lambda: _read_quotas(account, wanted, told))
    except TimedOutError as error:
        failure = TimedOutError(f"Service Quotas: {error.message}", _GOES_ON)
    except AwsError as error:
        failure = AwsError(error.message, error.hint if "Denied" in error.code else _GOES_ON)
    quotas = dict(told)  # a thread that is given up may still add to it
    for instances in wanted:
        if failure is None or instances.quota_name in quotas:
            yield judge_quota(instances, quotas, account.region)
    if failure and any(instances.quota_name not in quotas for instances in wanted):
        yield QUOTA.warning(failure.message, failure.hint)


def require_quota(account: AwsAccount, wanted: WantedInstances, reporter: Reporter) -> None:
    """Raises AwsError where fewer instances may run than are wanted; what cannot be known is a warning."""
    for finding in examine_quotas(account, (wanted,)):
        if finding.status is Status.PROBLEM:
            raise AwsError(finding.message, finding.remedy)
        if finding.status is Status.WARNING:
            reporter.warn(f"{finding.message} ({finding.remedy})")


def _read_quotas(account: AwsAccount, wanted: tuple[WantedInstances, ...], told: dict[str, Quota]) -> None:
    """Add to `told` quotas by name, as they come: what holds for the account, else AWS's defaults.

    Reads no further than needed to know that as many may run as are wanted.

    Raises:
        AwsError: AWS refuses the call, or does not answer.
    """
    from botocore.config import Config

    settings = Config(
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        retries={"total_max_attempts": _ATTEMPTS, "mode": "standard"},
    )
    client = account.session.client("service-quotas", region_name=account.region, config=settings)
    for operation in ("list_service_quotas", "list_aws_default_service_quotas"):
        with aws_errors("the quotas of instance types", "are not known"):
            pages = client.get_paginator(operation).paginate(
                ServiceCode=_SERVICE_CODE, PaginationConfig={"PageSize": _PAGE_SIZE}
            )
            for page in pages:
                for quota in page["Quotas"]:
                    told.setdefault(quota["QuotaName"], Quota(quota["QuotaCode"], quota["Value"]))
                if all(one.quota_name in told and told[one.quota_name].value >= one.count for one in wanted):
                    return
        if all(one.quota_name in told for one in wanted):
            return


def judge_quota(wanted: WantedInstances, quotas: Mapping[str, Quota], region: str) -> Finding:
    """Whether as many may run as are wanted; else the nearest type of which they may."""
    quota = quotas.get(wanted.quota_name)
    nearest = nearest_allowed(wanted, quotas)
    instead = f"set {_SECTION[wanted.purpose]}.instance_type: {nearest}" if nearest else ""
    if quota is None:
        return QUOTA.warning(
            f"Service Quotas has no {wanted.quota_name} in {region}, which may not offer that type",
            instead or "set aws.region to one that offers it",
        )
    if quota.value >= wanted.count:
        return QUOTA.ok(f"{wanted.quota_name}: {quota.value:g}")
    request = (
        f"aws service-quotas request-service-quota-increase --service-code {_SERVICE_CODE} "
        f"--quota-code {quota.code} --desired-value {wanted.count} --region {region}"
    )
    return QUOTA.problem(
        f"{wanted.quota_name}: {quota.value:g}, and {wanted.count} is wanted",
        f"{instead}, or {request}" if instead else request,
    )


def nearest_allowed(wanted: WantedInstances, quotas: Mapping[str, Quota]) -> str | None:
    """The type closest in processors and memory of which as many may run, on the same platform; None where none may.

    Types of unknown size, such as those with GPUs, are neither found nor have a neighbour.
    """
    size = size_of(wanted.instance_type)
    if size is None:
        return None
    found = []
    for name, quota in quotas.items():
        instance_type, separator, usage = name.partition(" for ")
        other = size_of(instance_type) if separator else None
        if usage != _USAGE[wanted.purpose] or other is None or quota.value < wanted.count:
            continue
        if platform_of(instance_type) != platform_of(wanted.instance_type) or instance_type == wanted.instance_type:
            continue
        distance = abs(math.log2(other[0] / size[0])) + abs(math.log2(other[1] / size[1]))
        is_smaller = other[0] < size[0] or other[1] < size[1]
        burstable = instance_type.startswith("ml.t")  # slows down when its credits are used up
        found.append((distance, is_smaller, burstable, instance_type))
    return min(found)[-1] if found else None
