"""The base classes of endpoint configs and models. Both are parts of an endpoint."""

from typing import TypeVar

from lgbm_sm.aws.account import AwsAccount
from lgbm_sm.aws.resources.endpoint import ENDPOINTS
from lgbm_sm.aws.resources.kind import availability
from lgbm_sm.aws.resources.sagemaker_kind import SageMakerKind
from lgbm_sm.aws.waiting import Patience
from lgbm_sm.record.entries import AwsEntry, Endpoint, Observation, RecordedEntry


class EndpointPart(AwsEntry, frozen=True, kw_only=True):
    """The record entry of an endpoint config or a model. `endpoint` is the name of its endpoint."""

    endpoint: str


P = TypeVar("P", bound=EndpointPart)


class EndpointPartKind(SageMakerKind[P]):
    """A kind of resource that belongs to an endpoint. It is deleted after its endpoint."""

    group = ENDPOINTS

    def observe(self, entry: P, account: AwsAccount) -> Observation:
        return availability(entry, exists=self.find(account, entry.name) is not None)

    def delete(self, entry: P, account: AwsAccount, patience: Patience) -> list[str]:  # noqa: ARG002 - nothing to wait for
        self.call(account, "delete", entry.name)
        return []

    def is_part_of(self, entry: P, other: RecordedEntry) -> bool:
        return isinstance(other, Endpoint) and other.name == entry.endpoint
