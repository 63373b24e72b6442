"""The sections `aws` and `local` of the configuration."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

from msgspec import field

from lgbm_sm.config import tag_limits, values
from lgbm_sm.config.keys import ConfigSection, Key, mapping_key


class BackendChoice(StrEnum):
    """The values of `local.backend`: how the program runs on this machine."""

    AUTO = "auto"
    PROCESS = "process"
    DOCKER = "docker"


def _with_subnets(groups: tuple[str, ...], others: Mapping[str, Any]) -> None:
    if bool(groups) != bool(others.get("subnets", groups)):
        raise ValueError("set both aws.subnets and aws.security_groups, or neither")


class AwsSection(ConfigSection, frozen=True):
    """Names and settings in the AWS account."""

    prefix: Annotated[str, Key(values.prefix, "The prefix of the keys of all objects in S3.")] = "demo_lightgbm"
    bucket: Annotated[
        str | None,
        Key(
            values.bucket,
            "The S3 bucket. Default: sagemaker-<region>-<account>, which is created if it does not exist.",
        ),
    ] = None
    region: Annotated[
        str | None,
        Key(
            values.region,
            "The region, such as eu-central-1. Default: the region of the AWS CLI, or ap-northeast-1.",
        ),
    ] = None
    immutable_tags: Annotated[bool, Key(values.truth, "Create ECR repositories with immutable tags.")] = False
    execution_role: Annotated[
        str | None,
        Key(
            values.execution_role,
            "The role that SageMaker assumes for jobs and endpoints, by name or ARN. Default: in a SageMaker notebook, "
            "the notebook's role.",
        ),
    ] = None
    kms_key: Annotated[
        str | None,
        Key(
            values.kms_key,
            "The KMS key for objects in S3 and for the disks of instances, by id, ARN or alias. Default: AWS's own "
            "keys.",
        ),
    ] = None
    subnets: Annotated[
        tuple[str, ...],
        Key(
            values.each(values.subnet),
            "The VPC subnets that jobs and endpoints connect to. Default: no VPC.",
        ),
    ] = ()
    security_groups: Annotated[
        tuple[str, ...],
        Key(
            values.each(values.security_group),
            "The security groups of jobs and endpoints in these subnets.",
            beside=_with_subnets,
        ),
    ] = ()
    network_isolation: Annotated[bool, Key(values.truth, "Run jobs and endpoints without network access.")] = False
    tags: Annotated[
        Mapping[str, str],
        mapping_key(
            tag_limits.value,
            "Your own tags, such as a cost center, for all resources that lgbm-sm creates in the account: training "
            "jobs, models, endpoints and their configs, repositories, and the default bucket.",
            whole=tag_limits.keys,
        ),
    ] = field(default_factory=dict)


class LocalSection(ConfigSection, frozen=True):
    """How the program runs on this machine."""

    backend: Annotated[
        BackendChoice,
        Key(
            values.choice(BackendChoice),
            "process (a child process), docker (a container), or auto (a container if the image is built).",
        ),
    ] = BackendChoice.AUTO
    environment: Annotated[
        Mapping[str, str],
        mapping_key(
            values.variable, "More environment variables of the containers, by name.", whole=values.variable_names
        ),
    ] = field(default_factory=dict)
    limits_of: Annotated[
        str | None,
        Key(
            values.known_instance_type,
            "Limit containers to the memory and processors of an instance type, such as ml.m4.xlarge. Default: no "
            "limits.",
        ),
    ] = None
    memory: Annotated[
        str | None, Key(values.memory, "Maximum memory of a container, such as 2g. Overrides limits_of.")
    ] = None
    cpus: Annotated[
        float | None, Key(values.cpus, "Maximum number of processors of a container, such as 1.5. Overrides limits_of.")
    ] = None
    network: Annotated[
        bool,
        Key(
            values.truth,
            "Whether containers have network access. With false, they have none, as with network isolation.",
        ),
    ] = True
