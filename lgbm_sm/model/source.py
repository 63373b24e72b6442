"""The model to deploy: from a training job on record, from a file, or from S3."""

from dataclasses import dataclass
from pathlib import Path

from lgbm_sm.aws.account import Accounts
from lgbm_sm.aws.s3_files import download
from lgbm_sm.errors import EndpointError, TrainingError
from lgbm_sm.model.artifact import digest_of
from lgbm_sm.record.entries import TrainingJob, TrainingJobStatus
from lgbm_sm.record.record import Record

_FETCHED_FILE = "fetched.tar.gz"


@dataclass(frozen=True)
class ModelSource:
    """A model artifact to deploy.

    `name` is the name of a training job, the path of a file, or the address in S3. `path` is None for an artifact in
    S3. `sha256` is the SHA-256 that the record has for the artifact of a training job. It is empty if the record has
    none.
    """

    name: str
    path: Path | None
    sha256: str = ""

    @staticmethod
    def of(job: TrainingJob) -> "ModelSource":
        """Return the artifact of a training job on record."""
        return ModelSource(job.name, job.model_artifact_path, job.model_sha256)

    def require_unchanged(self) -> None:
        """Compare the SHA-256 of the artifact with the SHA-256 in the record.

        Raises:
            EndpointError: the file has changed, or it cannot be read.
        """
        if self.path is None or not self.sha256:
            return
        try:
            found = digest_of(self.path)
        except OSError as error:
            raise EndpointError(f"{self.path} cannot be read: {error.strerror}") from error
        if found != self.sha256:
            raise EndpointError(
                f"{self.path} has changed since training job {self.name} created it: expected SHA-256 {self.sha256}, "
                f"got {found}",
                "run `lgbm-sm train` again, or deploy the changed file: "
                f"`lgbm-sm deploy --model {self.name} --unchecked`",
            )

    def fetch(self, folder: Path, accounts: Accounts, region: str | None) -> Path:
        """Return the path of the artifact on this machine.

        An artifact in S3 is downloaded to `folder`.

        Raises:
            AwsError: the object does not exist, or AWS refuses the call.
        """
        if self.path is not None:
            return self.path
        path = folder / _FETCHED_FILE
        download(accounts.get(region), self.name, path)
        return path


def find_model(given: str | None, record: Record, project: str) -> ModelSource:
    """Return the model that `--model` names.

    The default is the model of the last completed job.

    Raises:
        TrainingError: the model does not exist.
    """
    if given is None:
        job = find_completed_job(record, project)
        if job is None:
            raise TrainingError(f"project {project} has no completed training job on record", _advice(record, project))
        return ModelSource.of(job)
    if given.startswith("s3://"):
        return ModelSource(given, None)
    for job in record.training_jobs():
        if job.name == given:
            if not job.model_artifact_path.exists():
                raise TrainingError(f"training job {given} has no model on this machine", _advice(record, project))
            return ModelSource.of(job)
    path = Path(given)
    if not path.is_file():
        raise TrainingError(
            f"--model {given} is not a training job on record, a file, or an address in S3",
            "`lgbm-sm status` shows the jobs",
        )
    return ModelSource(str(path.absolute()), path.absolute())


def find_completed_job(record: Record, project: str) -> TrainingJob | None:
    """Return the project's last completed training job whose artifact is on this machine."""
    for job in reversed(record.training_jobs(project)):
        if job.status is TrainingJobStatus.COMPLETED and job.model_artifact_path.exists():
            return job
    return None


def _advice(record: Record, project: str) -> str:
    running = [job.name for job in record.training_jobs(project) if job.status is TrainingJobStatus.IN_PROGRESS]
    if running:
        return f"`lgbm-sm train --attach {running[-1]}` waits for that job"
    return "run `lgbm-sm train` first"
