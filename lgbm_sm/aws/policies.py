"""IAM policies: what the caller of the commands needs, and what the role needs that SageMaker runs jobs as.

Each statement is for one thing that fails without it. A resource is `*` only where AWS knows no narrower one: Service
Authorization Reference, "Actions, resources, and condition keys" of each service.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lgbm_sm.config.sections import Config, Pattern
from lgbm_sm.errors import ConfigError

SAGEMAKER_SERVICE = "sagemaker.amazonaws.com"
SUGGESTED_ROLE = "lgbm-sm-execution"
_VERSION = "2012-10-17"
TRUST_POLICY: Mapping[str, Any] = {
    "Version": _VERSION,
    "Statement": [{"Effect": "Allow", "Principal": {"Service": SAGEMAKER_SERVICE}, "Action": "sts:AssumeRole"}],
}
TRAINING_LOGS, ENDPOINT_LOGS = "/aws/sagemaker/TrainingJobs", "/aws/sagemaker/Endpoints"

ROLE_ARN = re.compile(r"arn:aws[a-z-]*:iam::(?P<account>[0-9]{12}):role/(?:.+/)?(?P<name>[^/]+)")
# the domain is another one in some partitions, such as amazonaws.eu and c2s.ic.gov
ECR_URI = re.compile(r"(?P<account>[0-9]{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.[a-z0-9.-]+/(?P<name>[^:@]+)")
_PULLS = ("BatchCheckLayerAvailability", "BatchGetImage", "GetDownloadUrlForLayer")

Statement = dict[str, Any]


@dataclass(frozen=True)
class PolicyScope:
    """What the policies of a project name.

    `endpoint_name` is that of its endpoint; `repositories` are the project's own in ECR; `xgboost_image_uri` is AWS's
    image, empty where no pattern serves on it; `kms_key_arn` is that of the keys that data and volumes are encrypted
    with, empty where there is none of one's own; `in_vpc` says that jobs and endpoints run in subnets of the account;
    `tags_bucket` that a bucket which is made gets tags.
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
        """Of a resource in the account and the region."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account_id}:{resource}"

    @property
    def bucket_arn(self) -> str:
        return f"arn:{self.partition}:s3:::{self.bucket}"

    @property
    def repository_arns(self) -> list[str]:
        return [self.arn("ecr", f"repository/{name}") for name in self.repositories]

    @property
    def xgboost_arns(self) -> list[str]:
        """The repository of AWS's own account that the XGBoost image is in; none where it is not used."""
        if not self.xgboost_image_uri:
            return []
        match = ECR_URI.match(self.xgboost_image_uri)
        if match is None:
            raise ValueError(f"{self.xgboost_image_uri} is in no account's registry")
        return [f"arn:{self.partition}:ecr:{match['region']}:{match['account']}:repository/{match['name']}"]

    def sagemaker_arns(self, *kinds: str) -> list[str]:
        """The project's resources of these kinds: `<project>-<time>`, and its endpoint."""
        named = [f"{kind}/{self.project}-*" for kind in kinds]
        if "endpoint" in kinds:
            named.append(f"endpoint/{self.endpoint_name}")
        # SageMaker writes names in ARNs in lower case
        return [self.arn("sagemaker", one) for name in named for one in dict.fromkeys((name.lower(), name))]

    @property
    def endpoint_log_arns(self) -> list[str]:
        """The log groups of its endpoints: CloudWatch Logs writes ARNs of groups with `:*` at the end, or without."""
        names = (f"{self.project}-*", self.endpoint_name, f"{self.endpoint_name}:*")
        return [self.arn("logs", f"log-group:{ENDPOINT_LOGS}/{name}") for name in names]


def scope_of(
    config: Config,
    *,
    partition: str,
    region: str,
    account_id: str,
    execution_role: str | None = None,
    xgboost_image_uri: str = "",
) -> PolicyScope:
    """The scope that follows from a configuration.

    Raises:
        ConfigError: the execution role is another account's.
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
    """Of an alias's key only the alias is known: what may use it is then any key of the account."""
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
        said = f"{role} is in account {match['account']}, and the caller in {account_id}"
        raise ConfigError(said, "name a role of the caller's account: SageMaker takes no other")
    return role


def caller_policy(scope: PolicyScope) -> dict[str, Any]:
    """What the identity needs that runs the commands.

    sts:GetCallerIdentity is not in it: AWS allows it to everybody.
    """
    statements = [*_of_data(scope), *_of_images(scope), *_of_sagemaker(scope), *_of_logs(scope), *_of_looks(scope)]
    return {"Version": _VERSION, "Statement": statements}


def _of_data(scope: PolicyScope) -> list[Statement]:
    """For prepare-data --upload, the artifacts of train and deploy, status and cleanup."""
    objects = f"{scope.bucket_arn}/{scope.prefix}/*"
    statements = [
        # HeadBucket; without it a missing object is a 403
        _allow("LookAtBucket", "s3", ("ListBucket",), [scope.bucket_arn]),
        _allow(
            "FindVersions",
            "s3",
            ("ListBucketVersions",),
            [scope.bucket_arn],
            {"StringLike": {"s3:prefix": f"{scope.prefix}/*"}},
        ),
        # AWS defines no s3:prefix for it: a statement with that condition would never allow it
        _allow("FindUploads", "s3", ("ListBucketMultipartUploads",), [scope.bucket_arn]),
        _allow("ReadObjects", "s3", ("GetObject", "GetObjectVersion"), [objects]),
        # a large file goes in parts, which are taken back when it fails
        _allow("WriteObjects", "s3", ("AbortMultipartUpload", "PutObject"), [objects]),
        # cleanup deletes versions, never the newest alone; and what a new data set replaces goes too
        _allow("DeleteObjects", "s3", ("DeleteObjectVersion",), [objects]),
    ]
    if scope.may_make_bucket:
        made = ("CreateBucket", "PutBucketPublicAccessBlock", "PutEncryptionConfiguration")
        tagging = ("PutBucketTagging",) if scope.tags_bucket else ()
        statements.append(_allow("MakeBucket", "s3", (*made, *tagging), [scope.bucket_arn]))
    if scope.kms_key_arn:
        # objects are put and read with it, and SageMaker is lent it for the volumes of jobs
        uses = ("CreateGrant", "Decrypt", "DescribeKey", "GenerateDataKey")
        statements.append(_allow("UseKey", "kms", uses, [scope.kms_key_arn]))
    return statements


def _of_images(scope: PolicyScope) -> list[Statement]:
    """For push, build of script_mode, status and cleanup."""
    repositories = scope.repository_arns
    layers = ("BatchCheckLayerAvailability", "CompleteLayerUpload", "InitiateLayerUpload", "UploadLayerPart")
    statements = [
        _allow("LogInToRegistry", "ecr", ("GetAuthorizationToken",), ["*"]),
        _allow("LookAtRepositories", "ecr", ("DescribeRepositories", "ListTagsForResource"), repositories),
        _allow("MakeRepositories", "ecr", ("CreateRepository", "PutLifecyclePolicy", "TagResource"), repositories),
        # what arrived is read back, and put again in the form that hosting takes
        _allow("PushImages", "ecr", (*layers, "PutImage"), repositories),
        _allow("ReadManifests", "ecr", ("BatchGetImage", "ListImages"), repositories),
        _allow("DeleteImages", "ecr", ("BatchDeleteImage", "DeleteRepository"), repositories),
    ]
    if scope.xgboost_image_uri:
        statements.append(_allow("PullXgboostImage", "ecr", _PULLS, scope.xgboost_arns))
    return statements


def _of_sagemaker(scope: PolicyScope) -> list[Statement]:
    """For train, deploy, predict, status and cleanup."""
    tags = ("AddTags", "ListTags")
    jobs = ("CreateTrainingJob", "DeleteTrainingJob", "DescribeTrainingJob", "StopTrainingJob")
    models = ("CreateModel", "DeleteModel", "DescribeModel")
    configs = ("CreateEndpointConfig", "DeleteEndpointConfig", "DescribeEndpointConfig")
    endpoints = ("CreateEndpoint", "DeleteEndpoint", "DescribeEndpoint", "InvokeEndpoint", "UpdateEndpoint")
    lists = ("ListEndpointConfigs", "ListEndpoints", "ListModels", "ListTrainingJobs")
    return [
        _allow("TrainingJobs", "sagemaker", (*jobs, *tags), scope.sagemaker_arns("training-job")),
        _allow("Models", "sagemaker", (*models, *tags), scope.sagemaker_arns("model")),
        # CreateEndpoint and UpdateEndpoint are asked of the endpoint and of its config
        _allow(
            "Endpoints",
            "sagemaker",
            (*configs, *endpoints, *tags),
            scope.sagemaker_arns("endpoint-config", "endpoint"),
        ),
        # cleanup looks for what is on no record, by tag and by name
        _allow("FindByName", "sagemaker", lists, ["*"]),
        _allow("FindByTag", "tag", ("GetResources",), ["*"]),
        # jobs and models run as this role, and it may be lent to no other service
        _allow(
            "PassRole",
            "iam",
            ("PassRole",),
            [scope.role_arn],
            {"StringEquals": {"iam:PassedToService": SAGEMAKER_SERVICE}},
        ),
    ]


def _of_logs(scope: PolicyScope) -> list[Statement]:
    """Logs followed, shown and deleted: all jobs of an account share a group, each endpoint has its own."""
    training = scope.arn("logs", f"log-group:{TRAINING_LOGS}")
    streams = f"{training}:log-stream:{scope.project}-*"
    uses = ("DeleteLogGroup", "DeleteLogStream", "DescribeLogStreams", "GetLogEvents")
    return [
        _allow("FindLogGroups", "logs", ("DescribeLogGroups",), ["*"]),
        _allow("FindJobLogs", "logs", ("DescribeLogStreams",), [training, f"{training}:*"]),
        _allow("UseJobLogs", "logs", ("DeleteLogStream", "GetLogEvents"), [streams]),
        _allow("UseEndpointLogs", "logs", uses, scope.endpoint_log_arns),
    ]


def _of_looks(scope: PolicyScope) -> list[Statement]:
    """For doctor."""
    quotas = ("ListAWSDefaultServiceQuotas", "ListServiceQuotas")
    return [
        _allow("LookAtRole", "iam", ("GetRole",), [scope.role_arn]),
        _allow("LookAtQuotas", "servicequotas", quotas, ["*"]),
    ]


def role_policy(scope: PolicyScope) -> dict[str, Any]:
    """What SageMaker needs as the execution role.

    Source: developer guide, "How to use SageMaker AI execution roles", CreateTrainingJob and CreateModel.
    """
    objects = f"{scope.bucket_arn}/{scope.prefix}"
    written = [f"{scope.arn('logs', f'log-group:{TRAINING_LOGS}')}*", *scope.endpoint_log_arns]
    logs = ("CreateLogGroup", "CreateLogStream", "DescribeLogStreams", "PutLogEvents")
    statements = [
        _allow("LogInToRegistry", "ecr", ("GetAuthorizationToken",), ["*"]),
        _allow("PullImages", "ecr", _PULLS, [*scope.repository_arns, *scope.xgboost_arns]),
        # the objects of a channel are found by their prefix
        _allow("FindObjects", "s3", ("ListBucket",), [scope.bucket_arn]),
        _allow("ReadObjects", "s3", ("GetObject",), [f"{objects}/*"]),
        _allow("WriteOutput", "s3", ("PutObject",), [f"{objects}/{scope.project}/output/*"]),
        _allow("WriteLogs", "logs", logs, written),
        _allow("WriteMetrics", "cloudwatch", ("PutMetricData",), ["*"]),
    ]
    if scope.kms_key_arn:
        uses = ("CreateGrant", "Decrypt", "DescribeKey", "Encrypt", "GenerateDataKey")
        statements.append(_allow("UseKey", "kms", uses, [scope.kms_key_arn]))
    if scope.in_vpc:
        interfaces = ("NetworkInterface", "NetworkInterfacePermission")
        changes = tuple(f"{verb}{thing}" for verb in ("Create", "Delete") for thing in interfaces)
        looks = ("DhcpOptions", "NetworkInterfaces", "SecurityGroups", "Subnets", "Vpcs")
        actions = (*changes, *(f"Describe{thing}" for thing in looks))
        statements.append(_allow("JoinNetwork", "ec2", actions, ["*"]))
    return {"Version": _VERSION, "Statement": statements}


def _allow(
    sid: str, service: str, actions: tuple[str, ...], resources: list[str], condition: Mapping[str, Any] | None = None
) -> Statement:
    statement = {
        "Sid": sid,
        "Effect": "Allow",
        "Action": _alone([f"{service}:{action}" for action in actions]),
        "Resource": _alone(resources),
    }
    return {**statement, "Condition": condition} if condition else statement


def _alone(values: list[str]) -> list[str] | str:
    """One value without brackets: a managed policy has 6,144 characters at most."""
    return values[0] if len(values) == 1 else values
