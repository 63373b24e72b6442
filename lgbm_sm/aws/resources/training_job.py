"""SageMaker training jobs."""

from lgbm_sm.aws.account import AwsAccount
from lgbm_sm.aws.resources.kind import Group, Search, arn_in_region
from lgbm_sm.aws.resources.sagemaker_kind import Answer, SageMakerKind
from lgbm_sm.aws.s3 import S3Bucket
from lgbm_sm.aws.s3_files import parse_uri
from lgbm_sm.aws.waiting import Patience
from lgbm_sm.errors import AwsError
from lgbm_sm.record.entries import Observation, TrainingJob, TrainingJobStatus

TRAINING_JOBS = Group("training-jobs", "training job", "training jobs", includes="model artifacts and logs")
_NOT_RUNNING = "is in status"
_ENDED = ("Completed", "Failed", "Stopped")
# a stopped job has 120 s to end, and then SageMaker uploads the outputs
_STOP_SECONDS = 600.0


class TrainingJobs(SageMakerKind[TrainingJob]):
    """The kind "training job". The outputs of a job in S3 are deleted together with the job."""

    entry_type = TrainingJob
    group = TRAINING_JOBS
    statement_id = "TrainingJobs"
    operations = ("Create", "Delete", "Describe", "Stop")
    list_member = "TrainingJobSummaries"
    deletion = (
        "sagemaker:StopTrainingJob if it is running, s3:DeleteObjects for its outputs, sagemaker:DeleteTrainingJob"
    )

    def arn(self, entry: TrainingJob) -> str:
        return arn_in_region(entry, "sagemaker", f"training-job/{entry.name}")

    def observe(self, entry: TrainingJob, account: AwsAccount) -> Observation:
        where = f"account {entry.account}, {entry.region}"
        job = self.find(account, entry.name)
        if job is None:
            return Observation("Gone", where, running=False)
        status = str(job["TrainingJobStatus"])
        detail = str(job.get("FailureReason") or job["SecondaryStatus"]).splitlines()[0]
        return Observation(status, f"{detail}, {where}", running=status in ("InProgress", "Stopping"))

    def stop(self, account: AwsAccount, name: str, patience: Patience) -> str:
        """Stop a job, wait until it has ended, and return its status. Return "" if the job does not exist."""
        job = self.find(account, name)
        if job is not None and job["TrainingJobStatus"] == "InProgress":
            try:
                self.call(account, "stop", name)
            except AwsError as error:  # the job ended after the check
                if _NOT_RUNNING not in error.message:
                    raise
        for _ in patience.rounds(_STOP_SECONDS):
            job = self.find(account, name)
            if job is None or job["TrainingJobStatus"] in _ENDED:
                break
        return str(job["TrainingJobStatus"]) if job else ""

    def delete(self, entry: TrainingJob, account: AwsAccount, patience: Patience) -> list[str]:
        status = self.stop(account, entry.name, patience)
        if status and status not in _ENDED:
            return [f"it is still {status}"]
        if entry.output_uri:
            location = parse_uri(entry.output_uri)
            folder = "/".join(filter(None, (location.key.strip("/"), entry.name)))
            if left := S3Bucket(account, location.bucket).delete_below(f"{folder}/"):
                return left
        self.call(account, "delete", entry.name)
        return []

    def entry_of(self, description: Answer, search: Search) -> TrainingJob:
        name = str(description["TrainingJobName"])
        return TrainingJob(
            name=name,
            folder=search.record.jobs_path / name,
            output_uri=str(description["OutputDataConfig"]["S3OutputPath"]),
            status=TrainingJobStatus(description["TrainingJobStatus"]),
            **search.fields(description["CreationTime"]),
        )
