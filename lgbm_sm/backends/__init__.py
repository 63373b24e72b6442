"""The backends that run jobs and endpoints: a process, Docker and SageMaker. All have the same methods.

To add a backend:

1. Write a class with the methods of the protocols below. For a backend on this machine, extend `LocalBackend`. For a
   remote backend, the sagemaker package is the example.
2. Add a member to `Place` in record/entries.py, and a section to config/backend_sections.py.
3. Select the backend in `open_workspace` in workspace.py.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from msgspec import Struct

from lgbm_sm.invocation.transport import Sender
from lgbm_sm.record.entries import Endpoint, Entry, Observation, Place, RecordedEntry, TrainingJob, TrainingJobStatus
from lgbm_sm.record.record import Record


class Ending(NamedTuple):
    """The end of a program.

    `exit_code` is negative if a signal ended the program. `remark` is an explanation from the backend.
    """

    exit_code: int
    remark: str = ""

    def __str__(self) -> str:
        what = f"exit code: {self.exit_code}" if self.exit_code >= 0 else f"ended by signal {-self.exit_code}"
        return f"{what} ({self.remark})" if self.remark else what


class TrainingEnding(NamedTuple):
    """The end of a training job.

    `status` is Completed, Failed or Stopped. `failure_reason` has the form of SageMaker's failure reasons.
    `is_explained` is true if the training program itself wrote the reason. `billable_seconds` is the time of one
    instance on SageMaker.
    """

    status: TrainingJobStatus
    failure_reason: str = ""
    is_explained: bool = False
    billable_seconds: int | None = None


def training_ending(ending: Ending, reason: str) -> TrainingEnding:
    """Return the end of a job. `reason` is the error that the training program wrote. It may be empty."""
    if ending.exit_code == 0:
        return TrainingEnding(TrainingJobStatus.COMPLETED)
    said = f"AlgorithmError: {reason}, {ending}" if reason else f"AlgorithmError: {ending}"
    return TrainingEnding(TrainingJobStatus.FAILED, said, is_explained=bool(reason))


class TrainingInputs(Struct, frozen=True):
    """The inputs of a training job: `channels` are folders by name, hyperparameters strings as the API accepts them."""

    channels: Mapping[str, Path]
    hyperparameters: Mapping[str, str]


class Consumption(NamedTuple):
    """The CPU time and memory that an endpoint's programs use.

    `at` is the time of the measurement, in monotonic seconds. Memory that several programs share is counted once.
    """

    at: float
    cpu_seconds: float
    memory_bytes: int


class RunningProgram(NamedTuple):
    """A process and its command line. `parent` is the id of the parent process."""

    pid: int
    parent: int
    command: str


class StartedJob(Protocol):
    """A training program that has been started."""

    def lines(self) -> Iterator[str]:
        """Yield each new line of the program's log, until the program ends."""

    def wait(self) -> TrainingEnding:
        """Wait until the program ends. Make the caller the owner of the files that the program wrote."""


class StartedServer(Protocol):
    """A serving program that has been started."""

    @property
    def url(self) -> str:
        """The address of the server."""

    def ending(self) -> Ending | None:
        """Return how the program ended, or None while it runs."""


class Backend(Protocol):
    """A backend that runs jobs and endpoints.

    Each method may raise EngineError if Docker does not answer, and AwsError if AWS refuses a call.
    """

    @property
    def place(self) -> Place:
        """The name of the backend in the record."""

    @property
    def noun(self) -> str:
        """A noun for messages, such as "a container"."""

    @property
    def is_local(self) -> bool:
        """Whether programs run on this machine, which costs nothing."""

    @property
    def in_container(self) -> bool:
        """Whether programs run in containers of the configured pattern."""

    def observe(self, entry: Entry) -> Observation:
        """Return the current state of a job or an endpoint."""

    def facts(self, entry: Entry) -> dict[str, str]:
        """Return details of a job or an endpoint for display, such as its image and state."""

    def is_running(self, entry: Entry) -> bool:
        """Return whether the program of this job or endpoint is running."""

    def programs(self, entry: Entry) -> list[RunningProgram]:
        """Return the processes of a job or an endpoint.

        The list is empty if the program has ended, or if the backend cannot see its processes.
        """

    def stop(self, entry: Entry) -> list[str]:
        """Send SIGTERM to the program of a job or endpoint, and SIGKILL after SageMaker's grace period.

        Make the caller the owner of the files that the program wrote. A program that has already ended is no error.
        Return the names of the programs that still run.
        """

    def remove(self, entry: Entry) -> list[str]:
        """Stop the program of a job or endpoint, and delete the data that the backend keeps for it.

        Return a reason for each part that could not be deleted.
        """

    def read_log(self, entry: Entry) -> bytes:
        """Return the whole log of a job or endpoint so far."""

    def follow_log(self, entry: Entry, *, follow: bool) -> Iterator[bytes]:
        """Yield the log so far. With `follow`, also yield new lines until the program ends."""

    def find_unrecorded(self, record: Record) -> list[RecordedEntry]:
        """Find the project's jobs and endpoints that the record does not contain. Return an entry for each."""


class TrainingBackend(Backend, Protocol):
    """A backend that runs training jobs."""

    def entry_fields(self) -> dict[str, Any]:
        """Return the fields of a new entry that depend on the backend, such as the image."""

    def describe(self) -> str:
        """Describe the started program in a few words."""

    def start_training(self, job: TrainingJob, inputs: TrainingInputs) -> StartedJob:
        """Start the training program.

        Raises:
            TrainingError: the program cannot be started.
        """

    def ending_after_stop(self, run: StartedJob) -> TrainingEnding:
        """Return how a job ended. Call `stop` first."""

    def collect_outputs(self, job: TrainingJob) -> bool:
        """Write the outputs of an ended job to `job.model_artifact_path`. Return False if the job created no model."""


class ServingBackend(Backend, Protocol):
    """A backend whose endpoints answer requests."""

    def require_answering(self, endpoint: Endpoint) -> None:
        """Raise EndpointError if the endpoint cannot answer requests now."""

    def open_sender(self, endpoint: Endpoint, headers: Mapping[str, str], parallel: int) -> Sender:
        """Return an object that sends requests to the endpoint. `parallel` threads may use it at the same time."""

    def consumption(self, endpoint: Endpoint) -> Consumption | None:
        """Return the CPU time and memory of the endpoint's programs, or None if the backend cannot measure them."""

    def take_down(self, endpoint: Endpoint, record: Record) -> list[str]:
        """Delete an endpoint, all its parts, and their entries in the record.

        Return a reason for each part that could not be deleted.
        """
