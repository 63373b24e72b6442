"""Follow a training job on SageMaker: show its status and its log."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lgbm_sm.aws.cloudwatch import Log
from lgbm_sm.backends import TrainingEnding
from lgbm_sm.backends.sagemaker.backend import SageMakerBackend
from lgbm_sm.backends.sagemaker.creation import describe_created, is_denied, refused_operation
from lgbm_sm.errors import AwsError, TimedOutError, TrainingError
from lgbm_sm.progress import Reporter
from lgbm_sm.record.entries import TrainingJob, TrainingJobStatus

_ENDED = (TrainingJobStatus.COMPLETED, TrainingJobStatus.FAILED, TrainingJobStatus.STOPPED)
# in addition to the job's own limit: time to get an instance, and to copy data and outputs
_MOST_WAITING_SECONDS = 24 * 3600.0
# CloudWatch shows a line some seconds after the job wrote it
_LOG_DELAY_SECONDS = 4.0


@dataclass
class _ShownLog:
    """A job's log. If the permission to read the log is missing, only the job's status is shown."""

    log: Log
    reporter: Reporter
    is_denied: bool = False

    def new_lines(self) -> list[str]:
        """Return the lines since the last call. If the permission is missing, warn once and return no lines."""
        if self.is_denied:
            return []
        try:
            return self.log.new_lines()
        except AwsError as error:
            if not is_denied(error):
                raise
            self.is_denied = True
            action = f"logs:{refused_operation(error)}"
            self.reporter.warn(f"{action} is not allowed: only the status of the job is shown, not its log")
            return []


@dataclass(frozen=True)
class SageMakerTrainingRun:
    """A job that has been created. `lines` yields its log. Its status goes to `reporter`.

    `is_new` is true if the job was just created. SageMaker may not show it yet.
    """

    job: TrainingJob
    backend: SageMakerBackend
    reporter: Reporter
    max_runtime_seconds: float
    is_new: bool = False

    def lines(self) -> Iterator[str]:
        """Yield each new line of the log, until the job ends. Also write the lines to the job's log file."""
        log = _ShownLog(self.backend.log(self.job), self.reporter)
        self.job.folder.mkdir(parents=True, exist_ok=True)
        shown = ""
        with self.job.log_path.open("w", encoding="utf-8") as file:
            for line in self._log_lines(log, shown):
                file.write(f"{line}\n")
                file.flush()
                yield line

    def _log_lines(self, log: _ShownLog, shown: str) -> Iterator[str]:
        patience = self.backend.patience
        if self.is_new:
            what, hint = f"training job {self.job.name}", follow_up(self.job.name)
            describe_created(what, self._find, patience, follow=hint)
        for seconds in patience.rounds(self.max_runtime_seconds + _MOST_WAITING_SECONDS):
            description = self._describe()
            for transition in description.get("SecondaryStatusTransitions", ())[-1:]:
                if transition["Status"] != shown:
                    shown = transition["Status"]
                    self.reporter.detail(f"{shown}: {transition.get('StatusMessage', '')} ({seconds:.0f} s)")
            yield from log.new_lines()
            if description["TrainingJobStatus"] in _ENDED:
                break
        else:
            raise TimedOutError(
                f"training job {self.job.name} has not ended", "`lgbm-sm train --attach` continues to wait for it"
            )
        for _ in patience.rounds(0 if log.is_denied else _LOG_DELAY_SECONDS):
            yield from log.new_lines()

    def wait(self) -> TrainingEnding:
        """Return how the job ended. The status and the reason are SageMaker's."""
        description = self._describe()
        status = TrainingJobStatus(description["TrainingJobStatus"])
        reason = str(description.get("FailureReason", ""))
        if status is TrainingJobStatus.STOPPED:
            reason = str(description["SecondaryStatus"])
        return TrainingEnding(status, reason, billable_seconds=description.get("BillableTimeInSeconds"))

    def _find(self) -> Mapping[str, Any] | None:
        return self.backend.resources(self.job).find_job(self.job.name)

    def _describe(self) -> Mapping[str, Any]:
        description = self._find()
        if description is None:
            raise TrainingError(f"training job {self.job.name} no longer exists", "run `lgbm-sm train` again")
        return description


def follow_up(job_name: str) -> str:
    """Return the hint for an error after a job was created."""
    return f"`lgbm-sm train --attach {job_name}` waits for the job, `lgbm-sm cleanup` stops and deletes it"
