"""The quotas of instance types: in a new account many are 0, and a job is refused only after the slow steps."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lgbm_sm.aws import AwsAccount, aws_errors
from lgbm_sm.configuration.instance_types import InstancePurpose, platform_of, size_of
from lgbm_sm.diagnosis.findings import Area, Check, Finding, Status, within
from lgbm_sm.errors import AwsError, LgbmSmError
from lgbm_sm.progress import Reporter

QUOTA = Check("quota", Area.AWS)

_SERVICE_CODE = "sagemaker"
_SECONDS = 30  # SageMaker has some two thousand quotas, of which a page holds a hundred
_PAGE_SIZE = 100
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
    """A finding for each wanted type; one that nothing is wanted."""
    if not wanted:
        yield QUOTA.ok("no instance type is asked for")
        return
    try:
        quotas = within(_SECONDS, QUOTA.name, lambda: _read_quotas(account, wanted))
    except LgbmSmError as error:
        # jobs can be started without being allowed to read quotas
        unknown = isinstance(error, AwsError) and "Denied" in error.code
        yield QUOTA.warning(error.message, error.hint) if unknown else QUOTA.problem(error.message, error.hint)
        return
    for instances in wanted:
        yield judge_quota(instances, quotas, account.region)


def require_quota(account: AwsAccount, wanted: WantedInstances, reporter: Reporter) -> None:
    """Raises AwsError where fewer instances may run than are wanted; what cannot be known is a warning."""
    for finding in examine_quotas(account, (wanted,)):
        if finding.status is Status.PROBLEM:
            raise AwsError(finding.message, finding.remedy)
        if finding.status is Status.WARNING:
            reporter.warn(f"{finding.message} ({finding.remedy})")


def _read_quotas(account: AwsAccount, wanted: tuple[WantedInstances, ...]) -> dict[str, Quota]:
    """Quotas by name: what holds for the account, and AWS's defaults where a wanted one is not among these.

    Raises:
        AwsError: AWS refuses the call, or does not answer.
    """
    quotas = _listed(account, "list_service_quotas")
    if any(instances.quota_name not in quotas for instances in wanted):
        quotas = _listed(account, "list_aws_default_service_quotas") | quotas
    return quotas


def _listed(account: AwsAccount, operation: str) -> dict[str, Quota]:
    with aws_errors("the quotas of instance types"):
        pages = (
            account.client("service-quotas")
            .get_paginator(operation)
            .paginate(ServiceCode=_SERVICE_CODE, PaginationConfig={"PageSize": _PAGE_SIZE})
        )
        return {
            quota["QuotaName"]: Quota(quota["QuotaCode"], quota["Value"]) for page in pages for quota in page["Quotas"]
        }


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
