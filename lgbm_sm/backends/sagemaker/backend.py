"""The SageMaker backend: find, observe, stop and delete jobs and endpoints.

They are found by the names on record, and without a record by the project's tag.
"""

import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar

from msgspec import structs

from lgbm_sm.aws.account import Accounts, AwsAccount
from lgbm_sm.aws.cloudwatch import TRAINING_GROUP, Log, endpoint_group, find_endpoint_groups, find_logged_jobs
from lgbm_sm.aws.ecr_repository import EcrRepository
from lgbm_sm.aws.origin import DEFAULT_PROJECT, is_own
from lgbm_sm.aws.s3 import S3Bucket, default_bucket_name
from lgbm_sm.aws.s3_files import parse_uri
from lgbm_sm.aws.s3_manifest import ProjectObjects
from lgbm_sm.aws.sagemaker_resources import SageMakerResources, named_arns, tagged_arns
from lgbm_sm.aws.tags import MakeTags
from lgbm_sm.aws.waiting import Patience
from lgbm_sm.backends import RunningProgram
from lgbm_sm.backends.observation import Observation
from lgbm_sm.backends.sagemaker.creation import is_denied, refused_operation
from lgbm_sm.config.backend_sections import AwsSection
from lgbm_sm.config.sections import Config
from lgbm_sm.errors import AwsError
from lgbm_sm.progress import Reporter
from lgbm_sm.record.entries import (
    ContainerLog,
    Endpoint,
    EndpointConfig,
    Entry,
    Model,
    Place,
    PushedImage,
    RecordedEntry,
    Repository,
    TrainingJob,
    TrainingJobStatus,
    Upload,
)
from lgbm_sm.record.record import Record

_UNFINISHED = ("InProgress", "Stopping")
_LOG_PAUSE_SECONDS = 2.0
_TAGGED_TYPES = ("sagemaker", "ecr:repository")


@dataclass(frozen=True, kw_only=True)
class SageMakerBackend:
    """Jobs and endpoints in the account. Each method raises AwsError if AWS refuses a call, or does not answer.

    `make_tags` returns the tags of new resources. If `is_wanted`, the account is also searched for resources of the
    project that are not on record; with `finds_logs` for their logs too.
    """

    accounts: Accounts
    config: Config
    record: Record
    reporter: Reporter
    make_tags: MakeTags
    is_wanted: bool
    finds_logs: bool = False
    patience: Patience = field(default_factory=Patience)
    place: ClassVar[Place] = Place.AWS
    noun: ClassVar[str] = "SageMaker"
    is_local: ClassVar[bool] = False
    in_container: ClassVar[bool] = True

    @property
    def project(self) -> str:
        """The project's name."""
        return self.config.project.name

    @property
    def endpoint_name(self) -> str:
        """The name of the project's endpoint."""
        return self.config.endpoint_name

    @property
    def section(self) -> AwsSection:
        """The section `aws` of the configuration."""
        return self.config.aws

    def account(self) -> AwsAccount:
        """The caller's account, in the region of the configuration."""
        return self.accounts.get(self.section.region)

    def resources(self, entry: Entry) -> SageMakerResources:
        """The resources of the account and region that the entry is in."""
        return SageMakerResources(self._account(entry), self.patience)

    def observe(self, entry: Entry) -> Observation:
        """Its state now, by DescribeEndpoint or DescribeTrainingJob; see Backend."""
        where = f"account {entry.account}, {entry.region}"
        if isinstance(entry, Endpoint):
            endpoint = self.resources(entry).find_endpoint(entry.name)
            if endpoint is None:
                return Observation("Gone", where, running=False)
            variants = endpoint.get("ProductionVariants", ())
            count = sum(variant.get("CurrentInstanceCount", 0) for variant in variants)
            said = f"{count} instance{'' if count == 1 else 's'}, {where}" if variants else where
            return Observation(str(endpoint["EndpointStatus"]), said, running=True)
        job = self.resources(entry).find_job(entry.name)
        if job is None:
            return Observation("Gone", where, running=False)
        status = str(job["TrainingJobStatus"])
        said = str(job.get("FailureReason") or job["SecondaryStatus"]).splitlines()[0]
        return Observation(status, f"{said}, {where}", running=status in _UNFINISHED)

    def facts(self, entry: Entry) -> dict[str, str]:
        """Details for a person, its steps included; see Backend."""
        resources, is_job = self.resources(entry), isinstance(entry, TrainingJob)
        found = (resources.find_job if is_job else resources.find_endpoint)(entry.name) or {}
        steps = [
            f"{transition['Status']}: {transition.get('StatusMessage', '')}".rstrip(": ")
            for transition in found.get("SecondaryStatusTransitions", ())
        ]
        return {
            "name": entry.name,
            "kind": entry.kind.replace("_", " "),
            "where": f"SageMaker, account {entry.account}, {entry.region}",
            "image": str(found.get("AlgorithmSpecification", {}).get("TrainingImage", entry.image)),
            "since": str(found.get("CreationTime", entry.created_at)),
            "state": str(found.get("TrainingJobStatus" if is_job else "EndpointStatus", "Gone")),
            "steps": "; ".join(steps),
            "reason": str(found.get("FailureReason", "")),
        }

    def programs(self, entry: Entry) -> list[RunningProgram]:  # noqa: ARG002 - see Backend
        """None: SageMaker does not show the processes of its instances."""
        return []

    def consumption(self, endpoint: Endpoint) -> None:
        """None: CloudWatch shows CPU and memory only minutes later."""

    def is_running(self, entry: Entry) -> bool:
        """Whether it costs money: an endpoint as long as it exists, a job until it has ended."""
        if isinstance(entry, Endpoint):
            return self.resources(entry).find_endpoint(entry.name) is not None
        job = self.resources(entry).find_job(entry.name)
        return job is not None and job["TrainingJobStatus"] in _UNFINISHED

    def stop(self, entry: Entry) -> list[str]:
        """Stop a job and wait for its end, or delete an endpoint; see Backend."""
        if isinstance(entry, Endpoint):
            return _named(entry, self.resources(entry).delete_endpoint(entry.name))
        status = self.resources(entry).stop_job(entry.name)
        return [f"{entry.name}, which is still {status}"] if status in _UNFINISHED else []

    def remove(self, entry: Entry) -> list[str]:
        """Stop it, and delete its outputs and SageMaker's record of it; see Backend."""
        left = self.stop(entry)
        if left or isinstance(entry, Endpoint):
            return left
        if entry.output_uri:
            location = parse_uri(entry.output_uri)
            folder = "/".join(filter(None, (location.key.strip("/"), entry.name)))
            left = S3Bucket(self._account(entry), location.bucket).delete_below(f"{folder}/")
        return _named(entry, left or self.resources(entry).delete_job(entry.name))

    def log(self, entry: Entry) -> Log:
        """Its log in CloudWatch; of an endpoint from its last deployment on."""
        if isinstance(entry, Endpoint):
            return Log(self._account(entry), endpoint_group(entry.name), since=entry.deployed_at)
        return Log(self._account(entry), TRAINING_GROUP, f"{entry.name}/")

    def read_log(self, entry: Entry) -> bytes:
        """All of its log so far, or why it cannot be read, in a line: it is shown with other errors. See Backend."""
        try:
            lines = self.log(entry).new_lines()
        except AwsError as error:
            if not is_denied(error):
                raise
            lines = [f"(the log cannot be read: logs:{refused_operation(error)} is not allowed)"]
        return "".join(f"{line}\n" for line in lines).encode()

    def follow_log(self, entry: Entry, *, follow: bool) -> Iterator[bytes]:
        """The log in CloudWatch as it grows; see Backend."""
        log = self.log(entry)
        while True:
            running = follow and self.is_running(entry)
            yield "".join(f"{line}\n" for line in log.new_lines()).encode()
            if not running:
                return
            time.sleep(_LOG_PAUSE_SECONDS)

    def find_unrecorded(self, record: Record) -> list[RecordedEntry]:
        """What carries the project's tag, and what its manifest in S3 names; see Backend.

        Asked in the region of the configuration, in those on record, and where this command has been already.
        """
        recorded = [*record.entries(), *record.aws_entries()]
        for entry in recorded:
            if entry.place is Place.AWS:
                self.accounts.get(entry.region, entry.account)
        if self.is_wanted:
            self.account()
        known = {(entry.kind, entry.name) for entry in recorded}
        uploads = [entry for entry in recorded if isinstance(entry, Upload)]
        return [
            structs.replace(entry, adopted=self._is_adopted(entry, account, arn, record))
            for account in self.accounts.reached
            for entry, arn in self._find_in(account, record)
            if (entry.kind, entry.name) not in known
            and not (isinstance(entry, Upload) and any(entry.names_same(upload) for upload in uploads))
        ]

    def _is_adopted(self, entry: RecordedEntry, account: AwsAccount, arn: str, record: Record) -> bool:
        if isinstance(entry, ContainerLog):  # known by its name, which only the default project shares with others
            return self.project == DEFAULT_PROJECT
        return not is_own(account, arn, record.project_id)

    def _find_in(self, account: AwsAccount, record: Record) -> Iterator[tuple[RecordedEntry, str]]:
        """Each thing that is there, with the ARN that has its tags; empty if it has none."""
        arns = dict.fromkeys(
            (*tagged_arns(account, self.project, _TAGGED_TYPES), *named_arns(account, self.project, self.endpoint_name))
        )
        for arn in arns:
            entry = self._entry_of(arn, account, record)
            if entry is not None:
                yield entry, arn
            if isinstance(entry, Repository):
                for image in self._pushed_images(entry, account, record):
                    yield image, ""
        for upload in self._uploads(account):
            yield upload, ""
        for log in self._logs(account) if self.finds_logs else ():
            yield log, ""

    def _pushed_images(self, repository: Repository, account: AwsAccount, record: Record) -> list[PushedImage]:
        """The images of ours in a repository that carries the project's tag, but for those on record."""
        ecr = EcrRepository(account, repository.repository)
        uri = ecr.find_uri()
        recorded = {image.name for image in record.pushed_images()}
        known = {name.removeprefix(f"{uri}:") for name in recorded if name.startswith(f"{uri}:")}
        fields = structs.asdict(repository)
        return [
            PushedImage(**{**fields, "name": f"{uri}:{tag}"}, digests=digests)
            for tag, digests in ecr.find_pushed(known).items()
        ]

    def _entry_of(self, arn: str, account: AwsAccount, record: Record) -> RecordedEntry | None:
        """An entry for what an ARN names; None where it is gone, or of a kind that is never made here.

        The tags of what has been deleted are told for a while.
        """
        kind, _, name = arn.split(":", 5)[5].partition("/")
        where: dict[str, Any] = {"project": self.project, "place": Place.AWS, "created_at": datetime.now(UTC)}
        where |= {"account": account.account_id, "region": account.region}
        resources = SageMakerResources(account, self.patience)
        match kind:
            case "training-job" if job := resources.find_job(name):
                output_uri = str(job["OutputDataConfig"]["S3OutputPath"])
                return TrainingJob(
                    name=job["TrainingJobName"],
                    folder=record.jobs_path / job["TrainingJobName"],
                    output_uri=output_uri,
                    status=TrainingJobStatus(job["TrainingJobStatus"]),
                    **_since(where, job),
                )
            case "endpoint" if endpoint := resources.find_endpoint(name):
                name = endpoint["EndpointName"]
                folder = record.endpoints_path / name
                return Endpoint(name=name, folder=folder, training_job="", **_since(where, endpoint))
            case "endpoint-config" if config := resources.find_config(name):
                return EndpointConfig(name=config["EndpointConfigName"], endpoint="", **_since(where, config))
            case "model" if model := resources.find_model(name):
                return Model(name=model["ModelName"], endpoint="", **_since(where, model))
            case "repository" if EcrRepository(account, name).is_tagged(self.project):
                full_name = f"{account.account_id}/{account.region}/{name}"
                return Repository(name=full_name, repository=name, **where)
        return None

    def _uploads(self, account: AwsAccount) -> list[Upload]:
        bucket = S3Bucket(account, self.section.bucket or default_bucket_name(account))
        if not bucket.exists():
            return []
        objects = ProjectObjects(bucket, self.section.prefix, self.project)
        if not objects.list_ours():
            return []
        upload = Upload(
            name=objects.uri(""),
            project=self.project,
            place=Place.AWS,
            created_at=datetime.now(UTC),
            account=account.account_id,
            region=account.region,
            bucket=bucket.name,
            prefix=self.section.prefix,
        )
        return [upload]

    def _logs(self, account: AwsAccount) -> list[ContainerLog]:
        where: dict[str, Any] = {"project": self.project, "place": Place.AWS, "created_at": datetime.now(UTC)}
        where |= {"account": account.account_id, "region": account.region}
        groups = [
            ContainerLog(name=group, group=group, **where)
            for group in find_endpoint_groups(account, self.project, self.endpoint_name)
        ]
        streams = [f"{job}/" for job in find_logged_jobs(account, self.project)]
        jobs = [
            ContainerLog(name=f"{TRAINING_GROUP}:{prefix}", group=TRAINING_GROUP, prefix=prefix, **where)
            for prefix in streams
        ]
        return [*groups, *jobs]

    def _account(self, entry: Entry) -> AwsAccount:
        return self.accounts.get(entry.region or None, entry.account or None)


def _since(where: Mapping[str, Any], description: Mapping[str, Any]) -> dict[str, Any]:
    return {**where, "created_at": description["CreationTime"]}


def _named(entry: Entry, reasons: Collection[str]) -> list[str]:
    return [f"{entry.name}: {reason}" for reason in reasons]
