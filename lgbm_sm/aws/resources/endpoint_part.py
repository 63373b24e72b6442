"""The base of endpoint configs and models, the parts of an endpoint."""

from typing import TypeVar

from lgbm_sm.aws.account import AwsAccount
from lgbm_sm.aws.resources.endpoint import ENDPOINTS
from lgbm_sm.aws.resources.kind import availability
from lgbm_sm.aws.resources.sagemaker_kind import SageMakerKind
from lgbm_sm.aws.waiting import Patience
from lgbm_sm.record.entries import AwsEntry, Endpoint, Observation, RecordedEntry


class EndpointPart(AwsEntry, frozen=True, kw_only=True):
    """An endpoint config or a model; `endpoint` is the name of the endpoint that it was created for."""

    endpoint: str


P = TypeVar("P", bound=EndpointPart)


class EndpointPartKind(SageMakerKind[P]):
    """A kind that is deleted after its endpoint, and adopted with it."""

    group = ENDPOINTS

    def observe(self, entry: P, account: AwsAccount) -> Observation:
        return availability(entry, exists=self.find(account, entry.name) is not None)

    def delete(self, entry: P, account: AwsAccount, patience: Patience) -> list[str]:  # noqa: ARG002 - it is gone at once
        self.call(account, "delete", entry.name)
        return []

    def is_part_of(self, entry: P, other: RecordedEntry) -> bool:
        return isinstance(other, Endpoint) and other.name == entry.endpoint
