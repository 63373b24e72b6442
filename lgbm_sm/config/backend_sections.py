"""The sections of the backends: the AWS account, and this machine."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

from msgspec import field

from lgbm_sm.config import tag_limits, values
from lgbm_sm.config.keys import Key, Section, mapping_key


class BackendChoice(StrEnum):
    """The values of `local.backend`: how the program runs on this machine."""

    AUTO = "auto"
    PROCESS = "process"
    DOCKER = "docker"


def _with_subnets(groups: tuple[str, ...], others: Mapping[str, Any]) -> None:
    if bool(groups) != bool(others.get("subnets", groups)):
        raise ValueError("aws.subnets and aws.security_groups are given together, or neither")


class AwsSection(Section, frozen=True):
    """What stands where in the AWS account."""

    prefix: Annotated[str, Key(values.prefix, "Begins the key of every object written to S3.")] = "demo_lightgbm"
    bucket: Annotated[
        str | None,
        Key(values.bucket, "The bucket in S3; without a value sagemaker-<region>-<account>, made where it is missing."),
    ] = None
    region: Annotated[
        str | None,
        Key(
            values.region,
            "The region, such as eu-central-1; without a value that of the AWS command line, else ap-northeast-1.",
        ),
    ] = None
    immutable_tags: Annotated[
        bool, Key(values.truth, "Whether the tags in a repository that push makes can never name another image.")
    ] = False
    execution_role: Annotated[
        str | None,
        Key(
            values.execution_role,
            "The role that SageMaker assumes for jobs and endpoints, by name or ARN; without a value that of "
            "the SageMaker notebook that this runs on.",
        ),
    ] = None
    kms_key: Annotated[
        str | None,
        Key(
            values.kms_key,
            "The KMS key, by id, ARN or alias, that encrypts what is in S3 and the disks of instances; without "
            "a value AWS's own keys do.",
        ),
    ] = None
    subnets: Annotated[
        tuple[str, ...],
        Key(
            values.each(values.subnet),
            "The subnets of a VPC that jobs and endpoints are connected to; none without a value.",
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
    network_isolation: Annotated[
        bool, Key(values.truth, "Whether the containers of jobs and endpoints are kept from any network.")
    ] = False
    tags: Annotated[
        Mapping[str, str],
        mapping_key(
            tag_limits.value,
            "Your own tags, such as a cost center, on everything that is created in the account: training jobs, "
            "models, endpoints and their configs, repositories, and the default bucket.",
            whole=tag_limits.keys,
        ),
    ] = field(default_factory=dict)


class LocalSection(Section, frozen=True):
    """How the program runs when the instance type is local."""

    backend: Annotated[
        BackendChoice,
        Key(
            values.choice(BackendChoice),
            "process (a child process), docker (a container), or auto (a container once an image is built).",
        ),
    ] = BackendChoice.AUTO
    environment: Annotated[
        Mapping[str, str],
        mapping_key(
            values.variable, "Further environment variables of the containers, by name.", whole=values.variable_names
        ),
    ] = field(default_factory=dict)
    limits_of: Annotated[
        str | None,
        Key(
            values.known_instance_type,
            "An instance type, such as ml.m4.xlarge, whose memory and processors a container gets; without a "
            "value no limits.",
        ),
    ] = None
    memory: Annotated[
        str | None, Key(values.memory, "The most memory of a container, as in 2g; goes before limits_of.")
    ] = None
    cpus: Annotated[
        float | None, Key(values.cpus, "The most processors of a container, as in 1.5; goes before limits_of.")
    ] = None
    network: Annotated[
        bool, Key(values.truth, "false: containers reach no network, as with SageMaker's network isolation.")
    ] = True
