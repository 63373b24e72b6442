"""The SageMaker resources of one account, by name: what the SageMaker backend looks up, stops and deletes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lgbm_sm.aws.account import PROJECT_TAG, AwsAccount
from lgbm_sm.aws.resources.endpoint import Endpoints
from lgbm_sm.aws.resources.endpoint_config import EndpointConfigs
from lgbm_sm.aws.resources.model import Models
from lgbm_sm.aws.resources.training_job import TrainingJobs
from lgbm_sm.aws.waiting import Patience


@dataclass(frozen=True)
class SageMakerResources:
    """The resources of an account in a region. Each function raises AwsError when AWS refuses, or does not answer."""

    account: AwsAccount
    patience: Patience = field(default_factory=Patience)

    def find_job(self, name: str) -> Mapping[str, Any] | None:
        """DescribeTrainingJob's answer; None where there is no such job."""
        return TrainingJobs().find(self.account, name)

    def find_endpoint(self, name: str) -> Mapping[str, Any] | None:
        """DescribeEndpoint's answer; None where there is no such endpoint."""
        return Endpoints().find(self.account, name)

    def find_config(self, name: str) -> Mapping[str, Any] | None:
        """DescribeEndpointConfig's answer; None where there is no such config."""
        return EndpointConfigs().find(self.account, name)

    def find_model(self, name: str) -> Mapping[str, Any] | None:
        """DescribeModel's answer; None where there is no such model."""
        return Models().find(self.account, name)

    def delete_endpoint(self, name: str, config: str = "") -> list[str]:
        """Delete an endpoint; see `Endpoints.delete_named`."""
        return Endpoints().delete_named(self.account, name, self.patience, config)

    def carries_tag(self, arn: str, project: str) -> bool:
        """Whether a resource carries the project's tag."""
        return Endpoints().tags(self.account, arn).get(PROJECT_TAG) == project
