"""Check the quotas of instance types before the slow steps.

In a new account, many quotas are 0. SageMaker itself refuses a job only after the image and the data are uploaded.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lgbm_sm.aws.account import AwsAccount, aws_errors
from lgbm_sm.config.instance_types import InstancePurpose
from lgbm_sm.doctor.findings import DoctorArea, DoctorCheck, Finding, Status, within
from lgbm_sm.errors import AwsError, LgbmSmError, TimedOutError
from lgbm_sm.progress import Reporter

QUOTA = DoctorCheck("quota", DoctorArea.AWS)

_SERVICE_CODE = "sagemaker"
_PAGE_SIZE = 100
# SageMaker has about 2,000 quotas on 20 pages, and each page takes a fraction of a second
_SECONDS = 15
_CONNECT_SECONDS, _READ_SECONDS, _ATTEMPTS = 2, 3, 2
_NOT_REQUIRED = "this warning stops nothing: SageMaker itself refuses a job or an endpoint if the quota is too small"
# the end of a quota's name, such as "ml.m4.xlarge for endpoint usage"
_USAGE = {InstancePurpose.TRAINING: "training job usage", InstancePurpose.ENDPOINT: "endpoint usage"}
_SECTION = {InstancePurpose.TRAINING: "training", InstancePurpose.ENDPOINT: "endpoint"}


@dataclass(frozen=True)
class WantedInstances:
    """A number of instances of one type, and their purpose."""

    purpose: InstancePurpose
    instance_type: str
    count: int

    @property
    def quota_name(self) -> str:
        return f"{self.instance_type} for {_USAGE[self.purpose]}"


@dataclass(frozen=True)
class Quota:
    """A quota: the largest number of instances that may run at the same time. `code` is its code in Service Quotas."""

    code: str
    value: float


def examine_quotas(account: AwsAccount, wanted: tuple[WantedInstances, ...]) -> Iterator[Finding]:
    """Yield a finding for each instance type. Without an instance type, yield one finding.

    If Service Quotas does not answer, yield only a warning, because a job can start without this check.
    """
    if not wanted:
        yield QUOTA.ok("not needed: no instance type is configured")
        return
    found: dict[str, Quota] = {}
    failure: LgbmSmError | None = None
    try:
        within(_SECONDS, QUOTA.name, lambda: _read_quotas(account, wanted, found))
    except TimedOutError as error:
        failure = TimedOutError(f"Service Quotas: {error.message}", _NOT_REQUIRED)
    except AwsError as error:
        failure = AwsError(error.message, error.hint if "Denied" in error.code else _NOT_REQUIRED)
    quotas = dict(found)  # a copy, because the thread may still run after the time limit
    for instances in wanted:
        if failure is None or instances.quota_name in quotas:
            yield judge_quota(instances, quotas, account.region)
    if failure and any(instances.quota_name not in quotas for instances in wanted):
        yield QUOTA.warning(failure.message, failure.hint)


def require_quota(account: AwsAccount, wanted: WantedInstances, reporter: Reporter) -> None:
    """Raise AwsError if the quota is too small. Warn if the quota is unknown."""
    for finding in examine_quotas(account, (wanted,)):
        if finding.status is Status.PROBLEM:
            raise AwsError(finding.message, finding.fix)
        if finding.status is Status.WARNING:
            reporter.warn(f"{finding.message} ({finding.fix})")


def _read_quotas(account: AwsAccount, wanted: tuple[WantedInstances, ...], found: dict[str, Quota]) -> None:
    """Add quotas to `found`, page by page, until it contains all needed quotas. The keys are the names of the quotas.

    The quotas of the account take precedence over AWS's default quotas.

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
        with aws_errors("the quotas of instance types", "are unknown"):
            pages = client.get_paginator(operation).paginate(
                ServiceCode=_SERVICE_CODE, PaginationConfig={"PageSize": _PAGE_SIZE}
            )
            for page in pages:
                for quota in page["Quotas"]:
                    found.setdefault(quota["QuotaName"], Quota(quota["QuotaCode"], quota["Value"]))
                if all(one.quota_name in found for one in wanted):
                    return


def judge_quota(wanted: WantedInstances, quotas: Mapping[str, Quota], region: str) -> Finding:
    """Judge whether the quota allows the configured number of instances."""
    quota = quotas.get(wanted.quota_name)
    if quota is None:
        return QUOTA.warning(
            f"Service Quotas has no quota `{wanted.quota_name}` in {region}: the region may not offer this type",
            f"set {_SECTION[wanted.purpose]}.instance_type to a type of {region}, or aws.region to another region",
        )
    if quota.value >= wanted.count:
        return QUOTA.ok(f"{wanted.quota_name}: {quota.value:g}")
    return QUOTA.problem(
        f"{wanted.quota_name}: must be at least {wanted.count}, is {quota.value:g}",
        f"aws service-quotas request-service-quota-increase --service-code {_SERVICE_CODE} "
        f"--quota-code {quota.code} --desired-value {wanted.count} --region {region}",
    )
