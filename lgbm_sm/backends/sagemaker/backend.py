"""The SageMaker backend: find, observe, stop and delete jobs and endpoints.

The names in the record identify jobs and endpoints. Without a record, the project's tag identifies them.
"""

import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from lgbm_sm.aws import resources
from lgbm_sm.aws.account import Accounts, AwsAccount
from lgbm_sm.aws.cloudwatch import TRAINING_GROUP, Log, endpoint_group
from lgbm_sm.aws.resources.endpoint import Endpoints
from lgbm_sm.aws.resources.kind import AccountEntry, Search
from lgbm_sm.aws.resources.training_job import TrainingJobs
from lgbm_sm.aws.sagemaker_lookup import SageMakerResources
from lgbm_sm.aws.tags import MakeTags
from lgbm_sm.aws.waiting import Patience
from lgbm_sm.backends import RunningProgram
from lgbm_sm.backends.sagemaker.creation import is_denied, refused_operation
from lgbm_sm.config.backend_sections import AwsSection
from lgbm_sm.config.sections import Config
from lgbm_sm.errors import AwsError
from lgbm_sm.progress import Reporter
from lgbm_sm.record.entries import Endpoint, Entry, Observation, Place, RecordedEntry, TrainingJob
from lgbm_sm.record.record import Record

_UNFINISHED = ("InProgress", "Stopping")
_LOG_PAUSE_SECONDS = 2.0


@dataclass(frozen=True, kw_only=True)
class SageMakerBackend:
    """Jobs and endpoints in the account.

    `make_tags` returns the tags of new resources. With `is_wanted`, also search the account for resources that the
    record does not contain. With `finds_logs`, also search for logs. Each method raises AwsError if AWS refuses a call,
    or does not answer.
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
        """The resources in the account and region of an entry."""
        return SageMakerResources(self._account(entry), self.patience)

    def observe(self, entry: Entry) -> Observation:
        """See Backend. DescribeEndpoint or DescribeTrainingJob returns the state."""
        return Observation(*resources.kind_of(entry).observe(entry, self._account(entry)))

    def facts(self, entry: Entry) -> dict[str, str]:
        """See Backend. The details of a job include its steps so far."""
        is_job = isinstance(entry, TrainingJob)
        kind: TrainingJobs | Endpoints = TrainingJobs() if is_job else Endpoints()
        found = kind.find(self._account(entry), entry.name) or {}
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
        """Return an empty list. SageMaker does not show the processes on its instances."""
        return []

    def consumption(self, endpoint: Endpoint) -> None:
        """Return None. CloudWatch shows CPU and memory only some minutes later."""

    def is_running(self, entry: Entry) -> bool:
        """Return whether AWS bills the entry: an endpoint while it exists, a job until it has ended."""
        return bool(self.observe(entry).running)

    def stop(self, entry: Entry) -> list[str]:
        """See Backend. Stop a job and wait until it has ended, or delete an endpoint."""
        if isinstance(entry, Endpoint):
            return self.remove(entry)
        status = TrainingJobs().stop(self._account(entry), entry.name, self.patience)
        return [f"{entry.name}, which is still {status}"] if status in _UNFINISHED else []

    def remove(self, entry: Entry) -> list[str]:
        """See Backend. Also delete the outputs in S3, and the job or endpoint in SageMaker."""
        reasons = resources.kind_of(entry).delete(entry, self._account(entry), self.patience)
        return [f"{entry.name}: {reason}" for reason in reasons]

    def log(self, entry: Entry) -> Log:
        """Return the log in CloudWatch. The log of an endpoint begins with its last deployment."""
        if isinstance(entry, Endpoint):
            return Log(self._account(entry), endpoint_group(entry.name), since=entry.deployed_at)
        return Log(self._account(entry), TRAINING_GROUP, f"{entry.name}/")

    def read_log(self, entry: Entry) -> bytes:
        """See Backend. If the permission to read the log is missing, return one line that says so.

        This method does not raise the error, because error messages quote the log.
        """
        try:
            lines = self.log(entry).new_lines()
        except AwsError as error:
            if not is_denied(error):
                raise
            lines = [f"(the log cannot be read: logs:{refused_operation(error)} is not allowed)"]
        return "".join(f"{line}\n" for line in lines).encode()

    def follow_log(self, entry: Entry, *, follow: bool) -> Iterator[bytes]:
        """See Backend."""
        log = self.log(entry)
        while True:
            running = follow and self.is_running(entry)
            yield "".join(f"{line}\n" for line in log.new_lines()).encode()
            if not running:
                return
            time.sleep(_LOG_PAUSE_SECONDS)

    def find_unrecorded(self, record: Record) -> list[RecordedEntry]:
        """See Backend. Find resources by the project's tag, and objects in S3 by the project's manifest.

        The search covers the configured region, the regions in the record, and the regions that this command has
        already used.
        """
        recorded = [*record.entries(), *record.aws_entries()]
        for entry in recorded:
            if not entry.is_local:
                self._account(entry)
        if self.is_wanted:
            self.account()
        return [
            entry
            for account in self.accounts.reached
            for entry in resources.find_unrecorded(self._search(account, record, recorded))
        ]

    def _search(self, account: AwsAccount, record: Record, known: Collection[RecordedEntry]) -> Search:
        return Search(
            account=account,
            project=self.project,
            endpoint_name=self.endpoint_name,
            section=self.section,
            record=record,
            known=known,
            tagged_types=resources.TAGGED_TYPES,
            includes_logs=self.finds_logs,
        )

    def _account(self, entry: AccountEntry) -> AwsAccount:
        return resources.account_of(entry, self.accounts)
