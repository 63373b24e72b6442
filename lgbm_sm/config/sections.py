"""The sections of the configuration: their keys and their defaults."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from msgspec import field

from lgbm_sm import contract
from lgbm_sm.config import values
from lgbm_sm.config.backend_sections import AwsSection, BackendChoice, LocalSection
from lgbm_sm.config.instance_types import LOCAL
from lgbm_sm.config.keys import Key, Section, mapping_key, section_key
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
    """How the program gets into a SageMaker container."""

    BYOC = "byoc"
    INFERENCE_TOOLKIT = "inference_toolkit"
    SCRIPT_MODE = "script_mode"


class ProjectSection(Section, frozen=True):
    """What the whole is called."""

    name: Annotated[
        str,
        Key(
            values.project_name,
            "Identifies the project in the AWS account, and begins the name of every training job, model and endpoint "
            f"config: letters, digits and inner hyphens, at most {values.LONGEST_PROJECT_NAME} characters. "
            "Also the default ECR repository of the pattern byoc.",
        ),
    ] = "sagemaker-lightgbm-regression"


class DataFiles(Section, frozen=True):
    """Three tables that are split already, with the same columns."""

    train: Annotated[Path, Key(values.path, "The table to train on.")]
    validation: Annotated[Path, Key(values.path, "The table that early stopping looks at.")]
    test: Annotated[Path, Key(values.path, "The table that predict sends, its target kept aside.")]


def _no_file_too(files: DataFiles | None, others: Mapping[str, Any]) -> None:
    if files is not None and others.get("file") is not None:
        raise ValueError("data.file is given too: one of both is wanted")


class DataSection(Section, frozen=True):
    """Which table to learn from, and how to split it."""

    name: Annotated[
        str,
        Key(
            values.data_name,
            "A shipped data set (boston, diabetes, breast-cancer, iris), or, with file or files, "
            "the name that your own data get in file names.",
        ),
    ] = "boston"
    file: Annotated[
        Path | None, Key(values.path, "Your own table, CSV or Parquet; a relative path starts at config.yaml's folder.")
    ] = None
    files: Annotated[
        DataFiles | None,
        section_key(
            DataFiles,
            "Instead of file: your own tables, split already, as train, validation and test.",
            beside=_no_file_too,
        ),
    ] = None
    header: Annotated[
        bool | None,
        Key(values.truth, "Whether the first line of your CSV names its columns; without a value: find out."),
    ] = None
    target: Annotated[
        str | int | None, Key(values.column, "The column to predict, by name or by position from 0 (-1 is the last).")
    ] = None
    drop: Annotated[
        tuple[str | int, ...], Key(values.each(values.column), "Columns to leave out, by name or by position from 0.")
    ] = ()
    categorical: Annotated[
        tuple[str | int, ...],
        Key(values.each(values.column), "Numeric columns to treat as categories; text columns are categories anyway."),
    ] = ()
    test_size: Annotated[float, Key(values.share, "The share of all rows that becomes the test split.")] = 0.2
    validation_size: Annotated[
        float, Key(values.share, "The share of the remaining rows that becomes the validation split.")
    ] = 0.25
    random_state: Annotated[
        int,
        Key(
            values.whole_number(0, values.LARGEST_RANDOM_STATE),
            "The seed of both splits: the same seed gives the same rows.",
        ),
    ] = 45
    folder: Annotated[
        Path, Key(values.path, "Where prepare-data writes; a relative path starts at config.yaml's folder.")
    ] = Path("data")


class ContainerSection(Section, frozen=True):
    """Which kind of SageMaker container runs the program."""

    pattern: Annotated[
        Pattern,
        Key(
            values.choice(Pattern),
            "byoc (own image, own server), inference_toolkit (own image with Multi Model Server) or "
            "script_mode (AWS's XGBoost image with our script).",
        ),
    ] = Pattern.BYOC
    repository: Annotated[
        str | None,
        Key(
            values.repository,
            "The ECR repository of the image; without a value project.name for byoc and "
            "demo-sagemaker-inftoolkit for inference_toolkit.",
        ),
    ] = None
    base_image: Annotated[
        str | None, Key(values.base_image, "What the image is built on; without a value what its Dockerfile names.")
    ] = None
    build_args: Annotated[
        Mapping[str, str],
        mapping_key(
            values.variable,
            "Further build arguments of the image, by name; part of its tag.",
            whole=values.variable_names,
        ),
    ] = field(default_factory=dict)
    xgboost_version: Annotated[
        str,
        Key(values.xgboost_version, "Which of AWS's XGBoost images serves under script_mode: 1.5-1, 1.7-1 or 3.0-5."),
    ] = "1.5-1"
    ca_bundle: Annotated[
        Path | None,
        Key(
            values.path,
            "A PEM file with the certificates of a TLS proxy: used while the image is built and not left in "
            "it, and by containers that install requirements when they start. A relative path starts at config.yaml's "
            "folder.",
        ),
    ] = None


class TrainingSection(Section, frozen=True):
    """Where and how the model is trained."""

    instance_type: Annotated[
        str, Key(values.instance_type, "local for this machine, or a SageMaker instance type such as ml.m4.2xlarge.")
    ] = LOCAL
    instance_count: Annotated[int, Key(values.one_host, "How many hosts train: 1.")] = 1
    max_runtime_seconds: Annotated[
        int,
        Key(
            values.whole_number(1, contract.LONGEST_RUNTIME_SECONDS),
            "On SageMaker: a job that runs longer is stopped, and what its model is then is kept, in seconds.",
        ),
    ] = 3600
    volume_size_gb: Annotated[
        int,
        Key(
            values.whole_number(1, contract.LARGEST_VOLUME_GB),
            "On SageMaker: the disk of the job's instance, in GB; data and model have to fit.",
        ),
    ] = 10
    hyperparameters: Annotated[
        Mapping[str, HyperparameterValue],
        mapping_key(
            values.hyperparameter,
            "LightGBM's parameters and aliases, with num_boost_round and early_stopping_round among them. "
            "A mapping given here replaces the default one as a whole; a key without a value is left out.",
            whole=values.hyperparameter_limits,
            suggested=DEFAULT_HYPERPARAMETERS,
        ),
    ] = field(default_factory=lambda: dict(DEFAULT_HYPERPARAMETERS))

    @property
    def is_local(self) -> bool:
        """Whether jobs run on this machine."""
        return self.instance_type == LOCAL

    @property
    def objective(self) -> str:
        """The objective, under whichever name of the parameter it is set."""
        if "objective" in self.hyperparameters:
            return str(self.hyperparameters["objective"])
        from lgbm_sm.config.lightgbm_parameters import objective_of

        return objective_of(self.hyperparameters)


class EndpointSection(Section, frozen=True):
    """Where the model answers."""

    name: Annotated[
        str | None,
        Key(
            values.endpoint_name,
            "On SageMaker: the endpoint's name, unique in the account and the region; without a value project.name. "
            "Each deploy updates the endpoint of this name.",
        ),
    ] = None
    instance_type: Annotated[
        str, Key(values.instance_type, "local for this machine, or a SageMaker instance type such as ml.m4.xlarge.")
    ] = LOCAL
    instance_count: Annotated[
        int, Key(values.whole_number(1, 1000), "On SageMaker: how many instances answer; each is billed.")
    ] = 1
    source_dir: Annotated[
        Path | None,
        Key(
            values.path,
            "A folder with inference code of your own, and requirements.txt where it needs packages; it "
            "becomes the folder code of the model artifact. A relative path starts at config.yaml's folder.",
        ),
    ] = None
    entry_point: Annotated[
        Path | None,
        Key(
            values.entry_point,
            "The .py file that defines model_fn, input_fn, predict_fn and output_fn, or transform_fn: in "
            "source_dir (without a value inference.py), or without a source_dir a path that starts at config.yaml's "
            "folder.",
        ),
    ] = None
    startup_timeout_seconds: Annotated[
        int,
        Key(
            values.whole_number(contract.SHORTEST_STARTUP_SECONDS, contract.LONGEST_STARTUP_SECONDS),
            f"How long the server may take until it answers, in seconds: {contract.SHORTEST_STARTUP_SECONDS} to "
            f"{contract.LONGEST_STARTUP_SECONDS}.",
        ),
    ] = contract.STARTUP_SECONDS
    verify: Annotated[
        bool,
        Key(
            values.truth,
            "Whether what is to be deployed on SageMaker is run here under its contract first.",
        ),
    ] = True

    @property
    def is_local(self) -> bool:
        """Whether the endpoint is on this machine."""
        return self.instance_type == LOCAL


class Config(Section, frozen=True):
    """The whole configuration."""

    project: Annotated[ProjectSection, section_key(ProjectSection, "What the whole is called.")] = field(
        default_factory=ProjectSection
    )
    data: Annotated[DataSection, section_key(DataSection, "Which table to learn from.")] = field(
        default_factory=DataSection
    )
    container: Annotated[ContainerSection, section_key(ContainerSection, "Which container.")] = field(
        default_factory=ContainerSection
    )
    training: Annotated[TrainingSection, section_key(TrainingSection, "Where and how to train.")] = field(
        default_factory=TrainingSection
    )
    endpoint: Annotated[EndpointSection, section_key(EndpointSection, "Where the model answers.")] = field(
        default_factory=EndpointSection
    )
    aws: Annotated[AwsSection, section_key(AwsSection, "What stands where in the AWS account.")] = field(
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
        """Whether some step runs in a container in any case."""
        return self.local.backend is BackendChoice.DOCKER or not self.is_local

    @property
    def endpoint_name(self) -> str:
        """The endpoint's name on SageMaker."""
        return self.endpoint.name or self.project.name

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
