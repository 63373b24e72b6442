"""The backends that run jobs and endpoints, with the same methods: a process, Docker and SageMaker.

To add a backend, write a class with the methods of the protocols below, a member of `Place` in record/entries.py, a
section in config/backend_sections.py, and choose it in `open_workspace` in workspace.py. A backend on this machine is a
`LocalBackend`; for a remote one, see the sagemaker package.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from lgbm_sm.config.values import HyperparameterValue
from lgbm_sm.invocation.transport import Sender
from lgbm_sm.record.entries import Endpoint, Entry, Observation, Place, RecordedEntry, TrainingJob, TrainingJobStatus
from lgbm_sm.record.record import Record


class Ending(NamedTuple):
    """How a program ended: `exit_code` is negative after a signal.

    `remark` is the backend's explanation.
    """

    exit_code: int
    remark: str = ""

    def __str__(self) -> str:
        what = f"exit code: {self.exit_code}" if self.exit_code >= 0 else f"ended by signal {-self.exit_code}"
        return f"{what} ({self.remark})" if self.remark else what


class TrainingEnding(NamedTuple):
    """How a job ended: Completed, Failed or Stopped, and the reason in SageMaker's terms.

    `is_explained`: the program itself gave the reason. `billable_seconds` are those of one instance, on SageMaker.
    """

    status: TrainingJobStatus
    failure_reason: str = ""
    is_explained: bool = False
    billable_seconds: int | None = None


def training_ending(ending: Ending, reason: str) -> TrainingEnding:
    """Return how a job ended, by its program's ending and the reason that it gave, if any."""
    if ending.exit_code == 0:
        return TrainingEnding(TrainingJobStatus.COMPLETED)
    said = f"AlgorithmError: {reason}, {ending}" if reason else f"AlgorithmError: {ending}"
    return TrainingEnding(TrainingJobStatus.FAILED, said, is_explained=bool(reason))


class TrainingInputs(NamedTuple):
    """The inputs of a training job: `channels` are folders by name."""

    channels: Mapping[str, Path]
    hyperparameters: Mapping[str, HyperparameterValue]


class Consumption(NamedTuple):
    """CPU seconds and memory in bytes of an endpoint's programs at `at`, in monotonic seconds.

    Memory that several programs share is counted once.
    """

    at: float
    cpu_seconds: float
    memory_bytes: int


class RunningProgram(NamedTuple):
    """A process and its command line; `parent` is the id of its parent process."""

    pid: int
    parent: int
    command: str


class StartedJob(Protocol):
    """A training program that has been started."""

    def lines(self) -> Iterator[str]:
        """Yield the lines of its log as they come, until it has ended."""

    def wait(self) -> TrainingEnding:
        """Wait for its end; the files that it wrote then belong to the caller."""


class StartedServer(Protocol):
    """A serving program that has been started."""

    @property
    def url(self) -> str:
        """The address at which it answers."""

    def ending(self) -> Ending | None:
        """Return how it ended, or None while it runs."""


class Backend(Protocol):
    """A backend that runs jobs and endpoints.

    Each method may raise EngineError if Docker does not answer, and AwsError if AWS refuses a call.
    """

    @property
    def place(self) -> Place:
        """The record's name for the backend."""

    @property
    def noun(self) -> str:
        """A name for messages, such as "a container"."""

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine, where it costs nothing."""

    @property
    def in_container(self) -> bool:
        """Whether programs run in containers of the configured pattern."""

    def observe(self, entry: Entry) -> Observation:
        """Return the state of a job or an endpoint now."""

    def facts(self, entry: Entry) -> dict[str, str]:
        """Return details of a job or an endpoint for display, such as its image and state."""

    def is_running(self, entry: Entry) -> bool:
        """Return whether the program of this job or endpoint is running."""

    def programs(self, entry: Entry) -> list[RunningProgram]:
        """Return the processes of a job or an endpoint.

        Returns None if it has ended, or if the backend hides them.
        """

    def stop(self, entry: Entry) -> list[str]:
        """Send SIGTERM to the entry's program, and SIGKILL after the platform's grace.

        Harmless if it has ended. The files that it wrote then belong to the caller. Returns the names of the programs
        that could not be ended.
        """

    def remove(self, entry: Entry) -> list[str]:
        """Stop the program of the entry, and delete the backend's own data for it.

        Returns the reasons if anything could not be deleted.
        """

    def read_log(self, entry: Entry) -> bytes:
        """Return the whole log of the entry's program so far."""

    def follow_log(self, entry: Entry, *, follow: bool) -> Iterator[bytes]:
        """Yield the log; with `follow`, also the lines added until the program ends."""

    def find_unrecorded(self, record: Record) -> list[RecordedEntry]:
        """Return entries for jobs and endpoints of the project that are not on record."""


class TrainingBackend(Backend, Protocol):
    """A backend that trains."""

    def entry_fields(self) -> dict[str, Any]:
        """Return the fields of a new entry that only the backend knows, such as its image."""

    def describe(self) -> str:
        """Describe the started program in a few words."""

    def start_training(self, job: TrainingJob, inputs: TrainingInputs) -> StartedJob:
        """Start `train` on `inputs`.

        Raises:
            TrainingError: it cannot be started.
        """

    def ending_after_stop(self, run: StartedJob) -> TrainingEnding:
        """Return the ending of a job after a call of `stop`."""

    def collect_outputs(self, job: TrainingJob) -> bool:
        """Put the outputs of a job that has ended at `job.model_artifact_path`.

        Returns False if the job created no model.
        """


class ServingBackend(Backend, Protocol):
    """A backend whose endpoints answer requests."""

    def require_answering(self, endpoint: Endpoint) -> None:
        """Raise EndpointError if the endpoint cannot answer requests now."""

    def open_sender(self, endpoint: Endpoint, headers: Mapping[str, str], parallel: int) -> Sender:
        """Return a sender of requests to the endpoint, for this number of threads."""

    def consumption(self, endpoint: Endpoint) -> Consumption | None:
        """Return the CPU time and memory of the endpoint's programs; None if they cannot be seen."""

    def take_down(self, endpoint: Endpoint, record: Record) -> list[str]:
        """Delete an endpoint with all its parts and their entries.

        Returns the reasons if anything could not be deleted.
        """
