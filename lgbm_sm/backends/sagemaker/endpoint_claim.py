"""One endpoint per project.

Its name is fixed, so CreateEndpoint decides which of several commands creates it. The others wait until it is in
service, and then update it. If the answer to a call was lost, the call succeeded only if DescribeEndpoint shows this
command's endpoint config.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lgbm_sm.aws.account import PROJECT_TAG
from lgbm_sm.aws.resources.endpoint import CHANGING, deployed_configs
from lgbm_sm.aws.sagemaker_lookup import SageMakerResources
from lgbm_sm.backends.sagemaker.endpoints import HostingPlan, create_endpoint, update_endpoint
from lgbm_sm.errors import EndpointError, TimedOutError
from lgbm_sm.progress import Reporter
from lgbm_sm.record.entries import EndpointStatus

Description = Mapping[str, Any]
"""DescribeEndpoint's answer."""


@dataclass(frozen=True)
class Claim:
    """The endpoint `name` gets the endpoint config `config`.

    It waits for other commands, up to `timeout_seconds`. `prepare` is called before each create, with None, and
    before each update, with the endpoint's description.
    """

    name: str
    config: str
    plan: HostingPlan
    resources: SageMakerResources
    reporter: Reporter
    timeout_seconds: float
    prepare: Callable[[Description | None], None]
    is_dry_run: bool = False

    def make(self) -> None:
        """Create or update the endpoint; it is then changing to this config.

        Raises:
            EndpointError: it is not the project's, or in a state in which SageMaker does not update it.
            TimedOutError: another command has changed it for too long.
            AwsError: AWS refuses a call, or does not answer.
        """
        said = ""
        for _ in self.resources.patience.rounds(self.timeout_seconds):
            found = self.resources.find_endpoint(self.name)
            if found is None:
                self.prepare(None)
                if create_endpoint(self.name, self.config, self.plan):
                    return
                continue  # its config shows which command has created it
            if self.config in deployed_configs(found):
                return
            status = str(found["EndpointStatus"])
            if status != EndpointStatus.DELETING:
                require_ours(found, self.plan.tags()[PROJECT_TAG], self.resources)
            if status in CHANGING and not self.is_dry_run:
                if status != said:
                    said = status
                    self.reporter.detail(f"endpoint {self.name} is {status}: waiting until that ends")
            elif status == EndpointStatus.FAILED:
                self._delete_failed(found)
            else:
                require_updatable(found)
                self.prepare(found)
                if update_endpoint(self.name, self.config, self.plan):
                    return
        raise TimedOutError(
            f"another command has been changing endpoint {self.name} for {self.timeout_seconds:.0f} s",
            "`lgbm-sm status` shows its state; deploy again when it is InService",
        )

    def _delete_failed(self, found: Description) -> None:
        self.reporter.detail(f"endpoint {self.name} is Failed: deleted, to be created again")
        for left in self.resources.delete_endpoint(self.name, found["EndpointConfigName"]):
            raise EndpointError(f"endpoint {self.name} is Failed, and {left}", "deploy again when it is gone")


def require_updatable(found: Description) -> None:
    """Raise EndpointError if SageMaker never updates an endpoint in this state."""
    name, status = found["EndpointName"], found["EndpointStatus"]
    if status not in (EndpointStatus.IN_SERVICE, EndpointStatus.FAILED, *CHANGING):
        region = found["EndpointArn"].split(":")[3]
        raise EndpointError(
            f"endpoint {name} is {status}: SageMaker does not update it",
            f"`aws sagemaker delete-endpoint --endpoint-name {name} --region {region}` deletes it; then deploy again",
        )


def require_ours(found: Description, project: str, resources: SageMakerResources) -> None:
    """Raise EndpointError unless the endpoint has the project's tag, or gets it in a minute."""
    arn, name = found["EndpointArn"], found["EndpointName"]
    grace_seconds = 60.0 if found["EndpointStatus"] == EndpointStatus.CREATING else 0.0
    for _ in resources.patience.rounds(grace_seconds):
        if resources.carries_tag(arn, project):
            return
    _, _, _, region, account, _ = arn.split(":", 5)
    raise EndpointError(
        f"endpoint {name} in account {account}, {region}, does not carry the tag {PROJECT_TAG}={project}: "
        "it is not this project's, and is not changed",
        "set endpoint.name to a name that nothing else uses",
    )


def follow_up(name: str) -> str:
    """Return the hint if an endpoint was created or updated, and a later call failed."""
    return f"`lgbm-sm status` shows the state of endpoint {name}, `lgbm-sm logs` its log, `lgbm-sm stop` deletes it"
