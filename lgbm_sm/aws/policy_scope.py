"""The names that a project's IAM policies contain, and functions that write policy statements."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lgbm_sm.aws.cloudwatch import endpoint_group
from lgbm_sm.config.sections import Config, Pattern
from lgbm_sm.errors import ConfigError

SUGGESTED_ROLE = "lgbm-sm-execution"

ROLE_ARN = re.compile(r"arn:aws[a-z-]*:iam::(?P<account>[0-9]{12}):role/(?:.+/)?(?P<name>[^/]+)")
# the domain depends on the partition: for example amazonaws.com, amazonaws.eu or c2s.ic.gov
ECR_URI = re.compile(r"(?P<account>[0-9]{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.[a-z0-9.-]+/(?P<name>[^:@]+)")
PULLS = ("BatchCheckLayerAvailability", "BatchGetImage", "GetDownloadUrlForLayer")

Statement = dict[str, Any]


@dataclass(frozen=True)
class PolicyScope:
    """The names that the policies of a project contain.

    `repositories` are the project's own repositories in ECR. `xgboost_image_uri` is set only if AWS's XGBoost image
    serves the model. `kms_key_arn` is set only if a key of the account encrypts data and volumes. `in_vpc` is true if
    jobs and endpoints run in subnets of the account. `tags_bucket` is true if a new default bucket gets tags.
    """

    partition: str
    region: str
    account_id: str
    project: str
    endpoint_name: str
    bucket: str
    may_make_bucket: bool
    prefix: str
    repositories: tuple[str, ...]
    role_arn: str
    xgboost_image_uri: str = ""
    kms_key_arn: str = ""
    in_vpc: bool = False
    tags_bucket: bool = False

    def arn(self, service: str, resource: str) -> str:
        """Return the ARN of a resource in the account and the region."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account_id}:{resource}"

    @property
    def bucket_arn(self) -> str:
        return f"arn:{self.partition}:s3:::{self.bucket}"

    @property
    def repository_arns(self) -> list[str]:
        return [self.arn("ecr", f"repository/{name}") for name in self.repositories]

    @property
    def xgboost_arns(self) -> list[str]:
        """The ARN of the AWS repository with the XGBoost image. The list is empty if the project does not use it."""
        if not self.xgboost_image_uri:
            return []
        match = ECR_URI.match(self.xgboost_image_uri)
        if match is None:
            raise ValueError(f"{self.xgboost_image_uri} is in no account's registry")
        return [f"arn:{self.partition}:ecr:{match['region']}:{match['account']}:repository/{match['name']}"]

    def sagemaker_arns(self, *kinds: str) -> list[str]:
        """Return ARNs that match the project's resources of these kinds. A `*` stands for the rest of a name."""
        named = [f"{kind}/{self.project}-*" for kind in kinds]
        if "endpoint" in kinds:
            named.append(f"endpoint/{self.endpoint_name}")
        # SageMaker writes names in ARNs in lower case
        return [self.arn("sagemaker", one) for name in named for one in dict.fromkeys((name.lower(), name))]

    @property
    def endpoint_log_arns(self) -> list[str]:
        """The log groups of the endpoints. CloudWatch Logs sometimes adds `:*` to these ARNs, so both forms match."""
        names = (f"{self.project}-*", self.endpoint_name, f"{self.endpoint_name}:*")
        return [self.arn("logs", f"log-group:{endpoint_group(name)}") for name in names]


def scope_of(
    config: Config,
    *,
    partition: str,
    region: str,
    account_id: str,
    execution_role: str | None = None,
    xgboost_image_uri: str = "",
) -> PolicyScope:
    """Return the policy scope of a configuration.

    Raises:
        ConfigError: the execution role belongs to another account.
    """
    serving = config.container.pattern
    names = dict.fromkeys((config.repository_of(Pattern.BYOC), config.repository_of(serving)))
    return PolicyScope(
        partition=partition,
        region=region,
        account_id=account_id,
        project=config.project.name,
        endpoint_name=config.endpoint_name,
        bucket=config.aws.bucket or f"sagemaker-{region}-{account_id}",
        may_make_bucket=config.aws.bucket is None,
        prefix=config.aws.prefix,
        repositories=tuple(filter(None, names)),
        role_arn=_role_arn(execution_role or config.aws.execution_role or SUGGESTED_ROLE, partition, account_id),
        kms_key_arn=_kms_key_arn(config.aws.kms_key, partition, region, account_id),
        in_vpc=bool(config.aws.subnets),
        tags_bucket=bool(config.aws.tags),
        xgboost_image_uri=xgboost_image_uri if serving is Pattern.SCRIPT_MODE else "",
    )


def _kms_key_arn(key: str | None, partition: str, region: str, account_id: str) -> str:
    """Return the ARN of a key. The ARN for an alias matches every key, because the alias does not show its key."""
    if key is None:
        return ""
    if key.startswith("arn:") and ":alias/" not in key:
        return key
    name = "*" if "alias/" in key else key
    return f"arn:{partition}:kms:{region}:{account_id}:key/{name}"


def _role_arn(role: str, partition: str, account_id: str) -> str:
    match = ROLE_ARN.fullmatch(role)
    if match is None:
        return f"arn:{partition}:iam::{account_id}:role/{role}"
    if match["account"] != account_id:
        message = f"{role} is in account {match['account']}, but the policy is for account {account_id}"
        raise ConfigError(message, f"set a role in account {account_id}: SageMaker accepts no role of another account")
    return role


def allow(
    sid: str, service: str, actions: tuple[str, ...], resources: list[str], condition: Mapping[str, Any] | None = None
) -> Statement:
    """Return a statement that allows actions of a service on resources."""
    statement = {
        "Sid": sid,
        "Effect": "Allow",
        "Action": one_or_list([f"{service}:{action}" for action in actions]),
        "Resource": one_or_list(resources),
    }
    return {**statement, "Condition": condition} if condition else statement


def one_or_list(values: list[str]) -> list[str] | str:
    """Return a single value without a list. Policies stay shorter: a managed policy has at most 6,144 characters."""
    return values[0] if len(values) == 1 else values


def as_list(value: list[str] | str) -> list[str]:
    """Return the Action or the Resource of a statement as a list."""
    return value if isinstance(value, list) else [value]
