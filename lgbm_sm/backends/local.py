"""The base class of the backends on this machine: entries, logs, endpoints and outputs."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from lgbm_sm.backends import (
    Consumption,
    RunningProgram,
    StartedJob,
    StartedServer,
    TrainingEnding,
    TrainingInputs,
    opt_ml,
)
from lgbm_sm.backends.deletion import delete
from lgbm_sm.backends.logs import follow_growing, last_log_lines
from lgbm_sm.backends.observation import observe_local
from lgbm_sm.errors import EndpointError
from lgbm_sm.invocation.transport import HttpSender, Sender
from lgbm_sm.record.entries import (
    Endpoint,
    EndpointStatus,
    Entry,
    Observation,
    Place,
    RecordedEntry,
    TrainingJob,
    TrainingJobStatus,
)
from lgbm_sm.record.record import Record


class LocalBackend(ABC):
    """A backend on this machine. `Backend` describes the methods.

    Each program writes its log to the `log_path` of its entry.
    """

    place: ClassVar[Place]
    noun: ClassVar[str]
    in_container: ClassVar[bool]
    is_local: ClassVar[bool] = True

    @abstractmethod
    def entry_fields(self) -> dict[str, Any]:
        """See TrainingBackend."""

    @abstractmethod
    def describe(self) -> str:
        """See TrainingBackend."""

    @abstractmethod
    def start_training(self, job: TrainingJob, inputs: TrainingInputs) -> StartedJob:
        """See TrainingBackend."""

    @abstractmethod
    def start_serving(self, endpoint: Endpoint, variables: Mapping[str, str]) -> StartedServer:
        """Start the server on a free loopback port.

        The server reads the model below `endpoint.root_path`. `variables` are the environment variables of the
        container pattern.

        Raises:
            EndpointError: the server cannot be started.
        """

    @abstractmethod
    def is_running(self, entry: Entry) -> bool:
        """See Backend."""

    @abstractmethod
    def programs(self, entry: Entry) -> list[RunningProgram]:
        """See Backend."""

    @abstractmethod
    def stop(self, entry: Entry) -> list[str]:
        """See Backend."""

    @abstractmethod
    def read_log(self, entry: Entry) -> bytes:
        """See Backend."""

    @abstractmethod
    def consumption(self, endpoint: Endpoint) -> Consumption | None:
        """See Backend."""

    @abstractmethod
    def find_unrecorded(self, record: Record) -> list[RecordedEntry]:
        """See Backend."""

    def observe(self, entry: Entry) -> Observation:
        """See Backend. The entry, and whether the program runs, determine the state."""
        return observe_local(entry, running=self.is_running(entry))

    def facts(self, entry: Entry) -> dict[str, str]:
        """See Backend."""
        observation = self.observe(entry)
        is_changed = observation.state == EndpointStatus.FAILED != entry.status
        recorded = entry.failure_reason if isinstance(entry, TrainingJob) else ""
        return {
            "name": entry.name,
            "kind": entry.kind.replace("_", " "),
            "where": f"{self.noun} on this machine",
            "image": entry.image,
            "since": entry.created_at.isoformat(timespec="seconds"),
            "state": observation.state,
            "reason": observation.remark if is_changed else recorded,
            "log": str(entry.log_path),
        }

    def remove(self, entry: Entry) -> list[str]:
        """See Backend. A local backend keeps no data of its own, so it only stops the program."""
        return self.stop(entry)

    def take_down(self, endpoint: Endpoint, record: Record) -> list[str]:
        """See Backend."""
        return delete(endpoint, record, self.remove)

    def follow_log(self, entry: Entry, *, follow: bool) -> Iterator[bytes]:
        """See Backend."""
        return follow_growing(lambda: self.read_log(entry), lambda: self.is_running(entry), follow=follow)

    def require_answering(self, endpoint: Endpoint) -> None:
        """See Backend. Raise EndpointError if the server is not running."""
        if not self.is_running(endpoint):
            raise EndpointError(
                f"the server of endpoint {endpoint.name} has ended; its log ends:{last_log_lines(endpoint, self)}",
                "run `lgbm-sm deploy` to replace it",
            )

    def open_sender(self, endpoint: Endpoint, headers: Mapping[str, str], parallel: int) -> Sender:  # noqa: ARG002
        """See Backend. Requests go over HTTP."""
        return HttpSender(endpoint, headers)

    def ending_after_stop(self, run: StartedJob) -> TrainingEnding:  # noqa: ARG002 - see TrainingBackend
        """Return Stopped. The program saves its model when it is stopped, and exits with 0."""
        return TrainingEnding(TrainingJobStatus.STOPPED)

    def collect_outputs(self, job: TrainingJob) -> bool:
        """See TrainingBackend. The archives have the same layout as SageMaker's."""
        return opt_ml.collect_outputs(job)
