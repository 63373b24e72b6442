"""The sections of the configuration: their keys and their defaults."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_core.core_schema import ValidationInfo

from lgbm_sm.configuration.instance_types import LOCAL
from lgbm_sm.configuration.values import (
    LONGEST_PROJECT_NAME,
    BaseImage,
    Bucket,
    Column,
    DataName,
    EntryPoint,
    ExecutionRole,
    FilePath,
    Hyperparameter,
    HyperparameterValue,
    InstanceType,
    KmsKey,
    KnownInstanceType,
    Memory,
    Prefix,
    ProjectName,
    RandomState,
    Region,
    Repository,
    SecurityGroup,
    Share,
    Subnet,
    Variables,
    WholeNumber,
    XgboostVersion,
)

# SageMaker's limits for CreateTrainingJob's HyperParameters
_MOST_HYPERPARAMETERS = 100
_LONGEST_HYPERPARAMETER_KEY = 256

DEFAULT_HYPERPARAMETERS: Mapping[str, HyperparameterValue] = {
    "boosting_type": "gbdt",
    "objective": "regression",
    "num_leaves": 31,
    "learning_rate": 0.05,
    "feature_fraction": 0.9,
    "bagging_fraction": 0.8,
    "bagging_freq": 5,
    "verbose": 0,
    "num_boost_round": 20,
    "early_stopping_round": 5,
}


class Pattern(StrEnum):
    """How the program gets into a SageMaker container."""

    BYOC = "byoc"
    INFERENCE_TOOLKIT = "inference_toolkit"
    SCRIPT_MODE = "script_mode"


class LocalBackend(StrEnum):
    """What runs the program on this machine."""

    AUTO = "auto"
    PROCESS = "process"
    DOCKER = "docker"


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ProjectSection(_Section):
    """What the whole is called."""

    name: ProjectName = Field(
        default="sagemaker-lightgbm-regression",
        description="Begins the name of every training job and endpoint: letters, digits and inner hyphens, at most "
        f"{LONGEST_PROJECT_NAME} characters. Also the default ECR repository of the pattern byoc.",
    )


class DataFiles(_Section):
    """Three tables that are split already, with the same columns."""

    train: FilePath = Field(description="The table to train on.")
    validation: FilePath = Field(description="The table that early stopping looks at.")
    test: FilePath = Field(description="The table that predict sends, its target kept aside.")


class DataSection(_Section):
    """Which table to learn from, and how to split it."""

    name: DataName = Field(
        default="boston",
        description="A shipped data set (boston, diabetes, breast-cancer, iris), or, with file or files, "
        "the name that your own data get in file names.",
    )
    file: FilePath | None = Field(
        default=None, description="Your own table, CSV or Parquet; a relative path starts at config.yaml's folder."
    )
    files: DataFiles | None = Field(
        default=None, description="Instead of file: your own tables, split already, as train, validation and test."
    )
    header: Annotated[bool, Field(strict=True)] | None = Field(
        default=None, description="Whether the first line of your CSV names its columns; without a value: find out."
    )
    target: Column | None = Field(
        default=None, description="The column to predict, by name or by position from 0 (-1 is the last)."
    )
    drop: tuple[Column, ...] = Field(default=(), description="Columns to leave out, by name or by position from 0.")
    categorical: tuple[Column, ...] = Field(
        default=(), description="Numeric columns to treat as categories; text columns are categories anyway."
    )
    test_size: Share = Field(default=0.2, description="The share of all rows that becomes the test split.")
    validation_size: Share = Field(
        default=0.25, description="The share of the remaining rows that becomes the validation split."
    )
    random_state: RandomState = Field(
        default=45, description="The seed of both splits: the same seed gives the same rows."
    )
    folder: FilePath = Field(
        default=Path("data"), description="Where prepare-data writes; a relative path starts at config.yaml's folder."
    )

    @field_validator("files")
    @classmethod
    def _one_way(cls, files: DataFiles | None, info: ValidationInfo) -> DataFiles | None:
        if files is not None and info.data.get("file") is not None:
            raise ValueError("data.file is given too: one of both is wanted")
        return files


class ContainerSection(_Section):
    """Which kind of SageMaker container runs the program."""

    pattern: Pattern = Field(
        default=Pattern.BYOC,
        description="byoc (own image, own server), inference_toolkit (own image with Multi Model Server) or "
        "script_mode (AWS's XGBoost image with our script).",
    )
    repository: Repository | None = Field(
        default=None,
        description="The ECR repository of the image; without a value project.name for byoc and "
        "demo-sagemaker-inftoolkit for inference_toolkit.",
    )
    base_image: BaseImage | None = Field(
        default=None, description="What the image is built on; without a value what its Dockerfile names."
    )
    build_args: Variables = Field(
        default_factory=dict, description="Further build arguments of the image, by name; part of its tag."
    )
    xgboost_version: XgboostVersion = Field(
        default="1.5-1",
        description="Which of AWS's XGBoost images serves under script_mode: 1.5-1, 1.7-1 or 3.0-5.",
    )
    ca_bundle: FilePath | None = Field(
        default=None,
        description="A PEM file with the certificates of a TLS proxy: used while the image is built and not left in "
        "it, and by containers that install requirements when they start. A relative path starts at config.yaml's "
        "folder.",
    )


class TrainingSection(_Section):
    """Where and how the model is trained."""

    instance_type: InstanceType = Field(
        default=LOCAL, description="local for this machine, or a SageMaker instance type such as ml.m4.2xlarge."
    )
    instance_count: Annotated[WholeNumber, Field(ge=1)] = Field(default=1, description="How many hosts train: 1.")
    # the range of SageMaker's MaxRuntimeInSeconds: 28 days
    max_runtime_seconds: Annotated[WholeNumber, Field(ge=1, le=2_419_200)] = Field(
        default=3600,
        description="On SageMaker: a job that runs longer is stopped, and what its model is then is kept, in seconds.",
    )
    volume_size_gb: Annotated[WholeNumber, Field(ge=1, le=16_384)] = Field(
        default=10, description="On SageMaker: the disk of the job's instance, in GB; data and model have to fit."
    )
    hyperparameters: Mapping[str, Hyperparameter] = Field(
        default_factory=lambda: dict(DEFAULT_HYPERPARAMETERS),
        description="LightGBM's parameters and aliases, with num_boost_round and early_stopping_round among them. "
        "A mapping given here replaces the default one as a whole; a key without a value is left out.",
    )

    @field_validator("instance_count")
    @classmethod
    def _one_host(cls, count: int) -> int:
        if count > 1:
            raise ValueError(f"training on several hosts is not supported yet: 1 is wanted, not {count}")
        return count

    @field_validator("hyperparameters")
    @classmethod
    def _within_limits(cls, values: Mapping[str, HyperparameterValue]) -> Mapping[str, HyperparameterValue]:
        if len(values) > _MOST_HYPERPARAMETERS:
            raise ValueError(
                f"{len(values)} hyperparameters are given; SageMaker takes at most {_MOST_HYPERPARAMETERS}"
            )
        for key in values:
            if len(key) > _LONGEST_HYPERPARAMETER_KEY:
                raise ValueError(
                    f"the key {key[:20]}… has {len(key)} characters; SageMaker takes {_LONGEST_HYPERPARAMETER_KEY}"
                )
        return values


class EndpointSection(_Section):
    """Where the model answers."""

    instance_type: InstanceType = Field(
        default=LOCAL, description="local for this machine, or a SageMaker instance type such as ml.m4.xlarge."
    )
    instance_count: Annotated[WholeNumber, Field(ge=1, le=1000)] = Field(
        default=1, description="On SageMaker: how many instances answer; each is billed."
    )
    source_dir: FilePath | None = Field(
        default=None,
        description="A folder with inference code of your own, and requirements.txt where it needs packages; it "
        "becomes the folder code of the model artifact. A relative path starts at config.yaml's folder.",
    )
    entry_point: EntryPoint | None = Field(
        default=None,
        description="The .py file that defines model_fn, input_fn, predict_fn and output_fn, or transform_fn: in "
        "source_dir (without a value inference.py), or without a source_dir a path that starts at config.yaml's "
        "folder.",
    )
    # the range of SageMaker's ContainerStartupHealthCheckTimeoutInSeconds; 480 s is what it waits when not told
    startup_timeout_seconds: Annotated[WholeNumber, Field(ge=60, le=3600)] = Field(
        default=480, description="How long the server may take until it answers, in seconds: 60 to 3600."
    )


class AwsSection(_Section):
    """What stands where in the AWS account."""

    prefix: Prefix = Field(default="demo_lightgbm", description="Begins the key of every object written to S3.")
    bucket: Bucket | None = Field(
        default=None,
        description="The bucket in S3; without a value sagemaker-<region>-<account>, made where it is missing.",
    )
    region: Region | None = Field(
        default=None,
        description="The region, such as eu-central-1; without a value that of the AWS command line, else "
        "ap-northeast-1.",
    )
    immutable_tags: Annotated[bool, Field(strict=True)] = Field(
        default=False, description="Whether the tags in a repository that push makes can never name another image."
    )
    execution_role: ExecutionRole | None = Field(
        default=None,
        description="The role that SageMaker assumes for jobs and endpoints, by name or ARN; without a value that of "
        "the SageMaker notebook that this runs on.",
    )
    kms_key: KmsKey | None = Field(
        default=None,
        description="The KMS key, by id, ARN or alias, that encrypts what is in S3 and the disks of instances; without "
        "a value AWS's own keys do.",
    )
    subnets: tuple[Subnet, ...] = Field(
        default=(), description="The subnets of a VPC that jobs and endpoints are connected to; none without a value."
    )
    security_groups: tuple[SecurityGroup, ...] = Field(
        default=(),
        validate_default=True,
        description="The security groups of jobs and endpoints in these subnets.",
    )
    network_isolation: Annotated[bool, Field(strict=True)] = Field(
        default=False, description="Whether the containers of jobs and endpoints are kept from any network."
    )

    @field_validator("security_groups")
    @classmethod
    def _with_subnets(cls, groups: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if bool(groups) != bool(info.data.get("subnets", groups)):
            raise ValueError("aws.subnets and aws.security_groups are given together, or neither")
        return groups


class LocalSection(_Section):
    """How the program runs when the instance type is local."""

    backend: LocalBackend = Field(
        default=LocalBackend.AUTO,
        description="process (a child process), docker (a container), or auto (a container once an image is built).",
    )
    environment: Variables = Field(
        default_factory=dict, description="Further environment variables of the containers, by name."
    )
    limits_of: KnownInstanceType | None = Field(
        default=None,
        description="An instance type, such as ml.m4.xlarge, whose memory and processors a container gets; without a "
        "value no limits.",
    )
    memory: Memory | None = Field(
        default=None, description="The most memory of a container, as in 2g; goes before limits_of."
    )
    cpus: Annotated[float, Field(strict=True, ge=0.01, allow_inf_nan=False)] | None = Field(
        default=None, description="The most processors of a container, as in 1.5; goes before limits_of."
    )
    network: Annotated[bool, Field(strict=True)] = Field(
        default=True,
        description="false: containers reach no network, as with SageMaker's network isolation.",
    )


class Config(_Section):
    """The whole configuration."""

    project: ProjectSection = Field(default_factory=ProjectSection, description="What the whole is called.")
    data: DataSection = Field(default_factory=DataSection, description="Which table to learn from.")
    container: ContainerSection = Field(default_factory=ContainerSection, description="Which container.")
    training: TrainingSection = Field(default_factory=TrainingSection, description="Where and how to train.")
    endpoint: EndpointSection = Field(default_factory=EndpointSection, description="Where the model answers.")
    aws: AwsSection = Field(default_factory=AwsSection, description="What stands where in the AWS account.")
    local: LocalSection = Field(default_factory=LocalSection, description="How the program runs on this machine.")

    @property
    def repository_name(self) -> str | None:
        """The ECR repository of the image that serves; None for script_mode, which has no image of its own."""
        return self.repository_of(self.container.pattern)

    def repository_of(self, pattern: Pattern) -> str | None:
        """The repository of a pattern's image: the one that trains is byoc's, whichever pattern serves."""
        named = self.container.repository if pattern is self.container.pattern else None
        match pattern:
            case Pattern.SCRIPT_MODE:
                return None
            case Pattern.INFERENCE_TOOLKIT:
                return named or "demo-sagemaker-inftoolkit"
            case Pattern.BYOC:
                return named or self.project.name.lower()  # ECR knows no upper case
