"""The sections of the configuration: their keys and their defaults."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from msgspec import field

from lgbm_sm import contract
from lgbm_sm.config import values
from lgbm_sm.config.backend_sections import AwsSection, BackendChoice, LocalSection
from lgbm_sm.config.hyperparameters import hyperparameter, hyperparameter_limits
from lgbm_sm.config.instance_types import LOCAL
from lgbm_sm.config.keys import ConfigSection, Key, mapping_key, section_key
from lgbm_sm.config.values import HyperparameterValue

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
    """The kinds of SageMaker containers: pattern A, B and C."""

    BYOC = "byoc"
    INFERENCE_TOOLKIT = "inference_toolkit"
    SCRIPT_MODE = "script_mode"


class DateReading(StrEnum):
    """The conversion of a column of dates."""

    DROP = "drop"
    ORDINAL = "ordinal"
    PARTS = "parts"


class ProjectSection(ConfigSection, frozen=True):
    """The name of the project."""

    name: Annotated[
        str,
        Key(
            values.project_name,
            "The name of the project in the AWS account: letters, digits and hyphens, at most "
            f"{values.LONGEST_PROJECT_NAME} characters. The names of training jobs, models and endpoint configs begin "
            "with this name. It is also the default ECR repository of the pattern byoc.",
        ),
    ] = "sagemaker-lightgbm-regression"


class DataFiles(ConfigSection, frozen=True):
    """Three tables with the same columns, already split."""

    train: Annotated[Path, Key(values.path, "The table to train on.")]
    validation: Annotated[Path, Key(values.path, "The table that early stopping uses.")]
    test: Annotated[Path, Key(values.path, "The table that predict sends, without its target.")]


def _no_file_too(files: DataFiles | None, others: Mapping[str, Any]) -> None:
    if files is not None and others.get("file") is not None:
        raise ValueError("data.file is set too: set only one of them")


class DataSection(ConfigSection, frozen=True):
    """The table to learn from, and how to split it."""

    name: Annotated[
        str,
        Key(
            values.data_name,
            "A built-in data set (boston, diabetes, breast-cancer, iris). If you set file or files: a name for your "
            "own data, which prepare-data uses in file names.",
        ),
    ] = "boston"
    file: Annotated[
        Path | None,
        Key(values.path, "Your own table, CSV or Parquet. Relative paths start at the folder of config.yaml."),
    ] = None
    files: Annotated[
        DataFiles | None,
        section_key(
            DataFiles,
            "If your data is already split: three tables (train, validation and test) instead of file.",
            beside=_no_file_too,
        ),
    ] = None
    header: Annotated[
        bool | None,
        Key(values.truth, "Whether the first line of your CSV names the columns. Default: auto-detect."),
    ] = None
    target: Annotated[
        str | int | None, Key(values.column, "The column to predict, by name or by position from 0 (-1 is the last).")
    ] = None
    drop: Annotated[
        tuple[str | int, ...], Key(values.each(values.column), "Columns to leave out, by name or by position from 0.")
    ] = ()
    categorical: Annotated[
        tuple[str | int, ...],
        Key(
            values.each(values.column),
            "Columns of numbers to treat as categories. Columns of text are always categories.",
        ),
    ] = ()
    numeric: Annotated[
        tuple[str | int, ...],
        Key(
            values.each(values.column),
            "Columns to read as numbers, also if they have leading zeros or odd cells. Cells that are not numbers are "
            "refused, unless data.missing lists them.",
        ),
    ] = ()
    missing: Annotated[
        tuple[str, ...] | Mapping[str, tuple[str, ...]],
        Key(
            values.one_or_by_column(values.missing_texts),
            "More texts that mean a missing cell, for all columns ([unknown]) or by column ({area: [unknown, -999]}).",
        ),
    ] = ()
    decimal: Annotated[
        str | Mapping[str, str] | None,
        Key(
            values.one_or_by_column(values.decimal_mark),
            "The decimal mark of a CSV: . or , for all columns or by column. Default: auto-detect.",
        ),
    ] = None
    thousands: Annotated[
        str | Mapping[str, str] | None,
        Key(
            values.one_or_by_column(values.thousands_mark),
            "The thousands separator: , . ' or a space, for all columns or by column. Default: auto-detect.",
        ),
    ] = None
    dates: Annotated[
        DateReading | Mapping[str, DateReading] | None,
        Key(
            values.one_or_by_column(values.choice(DateReading)),
            "How to convert dates, for all columns or by column: drop, ordinal (days since 1970) or parts (year, "
            "month, day, weekday, and the time). Default: refuse them.",
        ),
    ] = None
    separator: Annotated[
        str | None,
        Key(values.separator, "The character between the cells of your CSV, such as ; or |. Default: auto-detect."),
    ] = None
    encoding: Annotated[
        str | None,
        Key(values.encoding, "The encoding of your CSV, such as utf-8 or windows-1252. Default: auto-detect."),
    ] = None
    drop_missing_target: Annotated[
        bool, Key(values.truth, "Leave out the rows without a target. false: refuse them.")
    ] = False
    test_size: Annotated[float, Key(values.share, "The share of all rows to use for the test split.")] = 0.2
    validation_size: Annotated[float, Key(values.share, "The share of the remaining rows to use for validation.")] = (
        0.25
    )
    random_state: Annotated[
        int,
        Key(
            values.whole_number(0, values.LARGEST_RANDOM_STATE),
            "The seed of both splits: the same seed gives the same rows.",
        ),
    ] = 45
    folder: Annotated[
        Path,
        Key(values.path, "The folder that prepare-data writes to. Relative paths start at the folder of config.yaml."),
    ] = Path("data")


class ContainerSection(ConfigSection, frozen=True):
    """The kind of SageMaker container that runs the program."""

    pattern: Annotated[
        Pattern,
        Key(
            values.choice(Pattern),
            "byoc (own image, own server), inference_toolkit (own image with Multi Model Server) or "
            "script_mode (AWS's XGBoost image with a script).",
        ),
    ] = Pattern.BYOC
    repository: Annotated[
        str | None,
        Key(
            values.repository,
            "The ECR repository of the image. Default: project.name for byoc, demo-sagemaker-inftoolkit for "
            "inference_toolkit.",
        ),
    ] = None
    base_image: Annotated[
        str | None, Key(values.base_image, "The base image to build on. Default: the base image in the Dockerfile.")
    ] = None
    build_args: Annotated[
        Mapping[str, str],
        mapping_key(
            values.variable,
            "More build arguments of the image, by name. If you change them, the image gets another tag.",
            whole=values.variable_names,
        ),
    ] = field(default_factory=dict)
    xgboost_version: Annotated[
        str,
        Key(values.xgboost_version, "The version of AWS's XGBoost image for script_mode: 1.5-1, 1.7-1 or 3.0-5."),
    ] = "1.5-1"
    ca_bundle: Annotated[
        Path | None,
        Key(
            values.path,
            "A PEM file with the certificates of a TLS-intercepting proxy. The build uses the certificates, but does "
            "not leave them in the image. Containers that install requirements at start use them too. Relative paths "
            "start at the folder of config.yaml.",
        ),
    ] = None


class TrainingSection(ConfigSection, frozen=True):
    """Where and how to train the model."""

    instance_type: Annotated[
        str, Key(values.instance_type, "local (this machine), or a SageMaker instance type such as ml.m4.2xlarge.")
    ] = LOCAL
    instance_count: Annotated[int, Key(values.one_host, "The number of hosts. Only 1 is supported.")] = 1
    max_runtime_seconds: Annotated[
        int,
        Key(
            values.whole_number(1, contract.LONGEST_RUNTIME_SECONDS),
            "On SageMaker: maximum run time in seconds. A job that exceeds it is stopped, and the model trained so far "
            "is kept.",
        ),
    ] = 3600
    volume_size_gb: Annotated[
        int,
        Key(
            values.whole_number(1, contract.LARGEST_VOLUME_GB),
            "On SageMaker: size of the instance's disk in GB. There must be room for the data and the model.",
        ),
    ] = 10
    hyperparameters: Annotated[
        Mapping[str, HyperparameterValue],
        mapping_key(
            hyperparameter,
            "LightGBM's parameters under any of their names, including num_boost_round and early_stopping_round. A "
            "mapping in config.yaml replaces the defaults entirely; a key without a value is left out.",
            whole=hyperparameter_limits,
            suggested=DEFAULT_HYPERPARAMETERS,
        ),
    ] = field(default_factory=lambda: dict(DEFAULT_HYPERPARAMETERS))

    @property
    def is_local(self) -> bool:
        """Whether training jobs run on this machine."""
        return self.instance_type == LOCAL

    @property
    def objective(self) -> str:
        """The value of the parameter `objective`, or of an alias of that parameter."""
        if "objective" in self.hyperparameters:
            return str(self.hyperparameters["objective"])
        from lgbm_sm.config.lightgbm_parameters import objective_of

        return objective_of(self.hyperparameters)


class EndpointSection(ConfigSection, frozen=True):
    """Where and how to serve the model."""

    name: Annotated[
        str | None,
        Key(
            values.endpoint_name,
            "On SageMaker: the endpoint's name, unique in the account and region. Each deploy updates the endpoint "
            "with this name. Default: project.name.",
        ),
    ] = None
    instance_type: Annotated[
        str, Key(values.instance_type, "local (this machine), or a SageMaker instance type such as ml.m4.xlarge.")
    ] = LOCAL
    instance_count: Annotated[
        int, Key(values.whole_number(1, 1000), "On SageMaker: the number of instances. Each is billed.")
    ] = 1
    source_dir: Annotated[
        Path | None,
        Key(
            values.path,
            "A folder with your own inference code. If the code needs packages, add a requirements.txt. The folder "
            "becomes the folder code of the model artifact. Relative paths start at the folder of config.yaml.",
        ),
    ] = None
    entry_point: Annotated[
        Path | None,
        Key(
            values.entry_point,
            "The .py file with your inference functions. If source_dir is set, the file is in that folder (default: "
            "inference.py). Otherwise, relative paths start at the folder of config.yaml.",
        ),
    ] = None
    startup_timeout_seconds: Annotated[
        int,
        Key(
            values.whole_number(contract.SHORTEST_STARTUP_SECONDS, contract.LONGEST_STARTUP_SECONDS),
            f"Maximum time in seconds until the server answers its first ping: {contract.SHORTEST_STARTUP_SECONDS} to "
            f"{contract.LONGEST_STARTUP_SECONDS}.",
        ),
    ] = contract.STARTUP_SECONDS
    verify: Annotated[
        bool,
        Key(values.truth, "Before a deployment to SageMaker, run the image on this machine and check that it works."),
    ] = True

    @property
    def is_local(self) -> bool:
        """Whether the endpoint is on this machine."""
        return self.instance_type == LOCAL


class Config(ConfigSection, frozen=True):
    """The configuration."""

    project: Annotated[ProjectSection, section_key(ProjectSection, "The name of the project.")] = field(
        default_factory=ProjectSection
    )
    data: Annotated[DataSection, section_key(DataSection, "The table to learn from, and how to split it.")] = field(
        default_factory=DataSection
    )
    container: Annotated[ContainerSection, section_key(ContainerSection, "The container that runs the program.")] = (
        field(default_factory=ContainerSection)
    )
    training: Annotated[TrainingSection, section_key(TrainingSection, "Where and how to train the model.")] = field(
        default_factory=TrainingSection
    )
    endpoint: Annotated[EndpointSection, section_key(EndpointSection, "Where and how to serve the model.")] = field(
        default_factory=EndpointSection
    )
    aws: Annotated[AwsSection, section_key(AwsSection, "Names and settings in the AWS account.")] = field(
        default_factory=AwsSection
    )
    local: Annotated[LocalSection, section_key(LocalSection, "How the program runs on this machine.")] = field(
        default_factory=LocalSection
    )

    @property
    def is_local(self) -> bool:
        """Whether both jobs and endpoints are on this machine."""
        return self.training.is_local and self.endpoint.is_local

    @property
    def requires_images(self) -> bool:
        """Whether at least one step always runs in a container."""
        return self.local.backend is BackendChoice.DOCKER or not self.is_local

    @property
    def endpoint_name(self) -> str:
        """Return the endpoint's name on SageMaker."""
        return self.endpoint.name or self.project.name

    def repository_of(self, pattern: Pattern) -> str | None:
        """Return the ECR repository of a pattern's image.

        Returns None for script_mode, which has no image of its own. Training always uses the image of byoc.
        """
        named = self.container.repository if pattern is self.container.pattern else None
        match pattern:
            case Pattern.SCRIPT_MODE:
                return None
            case Pattern.INFERENCE_TOOLKIT:
                return named or "demo-sagemaker-inftoolkit"
            case Pattern.BYOC:
                return named or self.project.name.lower()  # ECR allows no upper case
