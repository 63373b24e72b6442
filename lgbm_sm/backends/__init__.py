"""The places where the program runs: a module for each, with the same few functions."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

from lgbm_sm.config.values import HyperparameterValue
from lgbm_sm.record.entries import Endpoint, Entry, Place, RecordedEntry, TrainingJob, TrainingJobStatus
from lgbm_sm.record.record import Record

STOP_TRAINING_SECONDS = 120.0  # StopTrainingJob: SIGTERM, 120 s, SIGKILL
STOP_SERVING_SECONDS = 30.0  # on update and scale-in: SIGTERM, then SIGKILL after 30 s


class Ending(NamedTuple):
    """How a program ended: `exit_code` is negative after a signal; `remark` is what its place knows besides."""

    exit_code: int
    remark: str = ""

    def __str__(self) -> str:
        what = f"exit code: {self.exit_code}" if self.exit_code >= 0 else f"ended by signal {-self.exit_code}"
        return f"{what} ({self.remark})" if self.remark else what


class TrainingEnding(NamedTuple):
    """How a job ended: Completed, Failed or Stopped, and why in SageMaker's words.

    `is_explained` where the program itself gave the reason. `billable_seconds` are of one instance, on SageMaker.
    """

    status: TrainingJobStatus
    failure_reason: str = ""
    is_explained: bool = False
    billable_seconds: int | None = None


def training_ending(ending: Ending, reason: str) -> TrainingEnding:
    """How a job ended whose program ended so, and gave this reason (empty where it gave none)."""
    if ending.exit_code == 0:
        return TrainingEnding(TrainingJobStatus.COMPLETED)
    said = f"AlgorithmError: {reason}, {ending}" if reason else f"AlgorithmError: {ending}"
    return TrainingEnding(TrainingJobStatus.FAILED, said, is_explained=bool(reason))


class TrainingInputs(NamedTuple):
    """What a training job works on: `channels` are folders by name."""

    channels: Mapping[str, Path]
    hyperparameters: Mapping[str, HyperparameterValue]


class Consumption(NamedTuple):
    """What an endpoint's programs have used until `at`, a time in seconds that only grows: processor seconds so far.

    Memory in bytes is what they hold at that time; what several share counts once.
    """

    at: float
    cpu_seconds: float
    memory_bytes: int


class TrainingRun(Protocol):
    """A training program that has been started."""

    def lines(self) -> Iterator[str]:
        """What it writes, as it comes, until it has ended."""

    def wait(self) -> TrainingEnding:
        """How it ended, once it has; what it wrote then belongs to the caller."""


class Server(Protocol):
    """A serving program that has been started."""

    @property
    def url(self) -> str:
        """Where it answers."""

    def ending(self) -> Ending | None:
        """None while it runs."""


class Backend(Protocol):
    """A place where jobs and endpoints are.

    Each function may raise EngineError where the place is an engine that does not answer, and AwsError where it is
    SageMaker.
    """

    @property
    def place(self) -> Place:
        """Where it is, as the record says it."""

    def is_running(self, entry: Entry) -> bool:
        """Whether the program of this job or endpoint runs."""

    def stop(self, entry: Entry) -> list[str]:
        """SIGTERM to the entry's program, and SIGKILL after the platform's grace; harmless when it has ended.

        What it wrote then belongs to the caller. Returns names of what could not be ended.
        """

    def remove(self, entry: Entry) -> list[str]:
        """As `stop`; what the place itself keeps of it goes too. Returns names of what is left, with the reason."""

    def read_log(self, entry: Entry) -> bytes:
        """All that the entry's program has written so far; empty where it has written nothing."""

    def find_unrecorded(self, record: Record) -> list[RecordedEntry]:
        """What is of this work folder, or there of the project, without an entry in the record."""


class TrainingBackend(Backend, Protocol):
    """A place that trains."""

    @property
    def image(self) -> str:
        """What the program is started from, as the record says it; empty where that is no image."""

    def describe(self) -> str:
        """What the program is started as, in a few words."""

    def start_training(self, job: TrainingJob, inputs: TrainingInputs) -> TrainingRun:
        """Start `train` on `inputs`.

        Raises:
            TrainingError: it cannot be started.
        """

    def collect_outputs(self, job: TrainingJob) -> bool:
        """Put what a job that has ended has made at `job.model_artifact_path`; False where it has made no model."""


class LocalBackend(TrainingBackend, Protocol):
    """A place on this machine; what a program writes there also goes to the log path of its entry."""

    def start_serving(self, endpoint: Endpoint, variables: Mapping[str, str]) -> Server:
        """Start `serve` on the tree below `endpoint.root_path`, on a free port of this machine alone.

        `variables` are the environment that the pattern wants.

        Raises:
            EndpointError: it cannot be started.
        """

    def consumption(self, endpoint: Endpoint) -> Consumption | None:
        """What the endpoint's programs use; None where nothing of it can be seen."""
