"""Find the SageMaker resources of one account by name."""

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
    """The resources of an account in a region. Methods raise AwsError if AWS refuses a call, or does not answer."""

    account: AwsAccount
    patience: Patience = field(default_factory=Patience)

    def find_job(self, name: str) -> Mapping[str, Any] | None:
        """Return the answer of DescribeTrainingJob, or None if the job does not exist."""
        return TrainingJobs().find(self.account, name)

    def find_endpoint(self, name: str) -> Mapping[str, Any] | None:
        """Return the answer of DescribeEndpoint, or None if the endpoint does not exist."""
        return Endpoints().find(self.account, name)

    def find_config(self, name: str) -> Mapping[str, Any] | None:
        """Return the answer of DescribeEndpointConfig, or None if the config does not exist."""
        return EndpointConfigs().find(self.account, name)

    def find_model(self, name: str) -> Mapping[str, Any] | None:
        """Return the answer of DescribeModel, or None if the model does not exist."""
        return Models().find(self.account, name)

    def delete_endpoint(self, name: str, config: str = "") -> list[str]:
        """Delete an endpoint. `Endpoints.delete_named` explains `config` and the result."""
        return Endpoints().delete_named(self.account, name, self.patience, config)

    def carries_tag(self, arn: str, project: str) -> bool:
        """Return whether a resource has the project's tag."""
        return Endpoints().tags(self.account, arn).get(PROJECT_TAG) == project
