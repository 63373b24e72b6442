"""Create or update a project's endpoint, even if several commands try this together.

The name of the endpoint is fixed, so CreateEndpoint succeeds for only one command. The other commands wait until the
endpoint is in service, and then update it. If the answer to a call is lost, DescribeEndpoint shows whether the call
succeeded: the endpoint then has this command's endpoint config.
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
"""The answer of DescribeEndpoint."""


@dataclass(frozen=True)
class Claim:
    """A request to give the endpoint `name` the endpoint config `config`.

    `timeout_seconds` limits the wait for other commands. `prepare` is called before each create or update. Its argument
    is the description of the existing endpoint, or None before a create.
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
        """Start the creation or the update of the endpoint. Do not wait for its end.

        Raises:
            EndpointError: the endpoint is not the project's, or SageMaker cannot update it in its current state.
            TimedOutError: another command is still changing the endpoint after the time limit.
            AwsError: AWS refuses a call, or does not answer.
        """
        said = ""
        for _ in self.resources.patience.rounds(self.timeout_seconds):
            found = self.resources.find_endpoint(self.name)
            if found is None:
                self.prepare(None)
                if create_endpoint(self.name, self.config, self.plan):
                    return
                continue  # the endpoint config shows whether this command or another one created the endpoint
            if self.config in deployed_configs(found):
                return
            status = str(found["EndpointStatus"])
            if status != EndpointStatus.DELETING:
                require_ours(found, self.plan.tags()[PROJECT_TAG], self.resources)
            if status in CHANGING and not self.is_dry_run:
                if status != said:
                    said = status
                    self.reporter.detail(f"endpoint {self.name} is {status}: waiting for the end of this change")
            elif status == EndpointStatus.FAILED:
                self._delete_failed(found)
            else:
                require_updatable(found)
                self.prepare(found)
                if update_endpoint(self.name, self.config, self.plan):
                    return
        raise TimedOutError(
            f"another command has been changing endpoint {self.name} for {self.timeout_seconds:.0f} s",
            "`lgbm-sm status` shows its state; run `lgbm-sm deploy` again when it is InService",
        )

    def _delete_failed(self, found: Description) -> None:
        self.reporter.detail(f"endpoint {self.name} is Failed: it will be deleted and created again")
        for left in self.resources.delete_endpoint(self.name, found["EndpointConfigName"]):
            hint = "run `lgbm-sm deploy` again when it is gone"
            raise EndpointError(f"endpoint {self.name} is Failed and could not be deleted: {left}", hint)


def require_updatable(found: Description) -> None:
    """Raise EndpointError if SageMaker cannot update an endpoint in this state."""
    name, status = found["EndpointName"], found["EndpointStatus"]
    if status not in (EndpointStatus.IN_SERVICE, EndpointStatus.FAILED, *CHANGING):
        region = found["EndpointArn"].split(":")[3]
        raise EndpointError(
            f"endpoint {name} is {status}: SageMaker cannot update it in this state",
            f"`aws sagemaker delete-endpoint --endpoint-name {name} --region {region}` deletes it; then run "
            "`lgbm-sm deploy` again",
        )


def require_ours(found: Description, project: str, resources: SageMakerResources) -> None:
    """Raise EndpointError if the endpoint does not have the project's tag.

    The tag of a new endpoint may appear late, so wait for it for up to a minute.
    """
    arn, name = found["EndpointArn"], found["EndpointName"]
    grace_seconds = 60.0 if found["EndpointStatus"] == EndpointStatus.CREATING else 0.0
    for _ in resources.patience.rounds(grace_seconds):
        if resources.carries_tag(arn, project):
            return
    _, _, _, region, account, _ = arn.split(":", 5)
    raise EndpointError(
        f"endpoint {name} in account {account}, {region}, does not have the tag {PROJECT_TAG}={project}, so it belongs "
        "to another project, and was not changed",
        "set endpoint.name to a name that nothing else uses",
    )


def follow_up(name: str) -> str:
    """Return the hint for an error after an endpoint was created or updated."""
    return (
        f"`lgbm-sm status` shows the state of endpoint {name}, `lgbm-sm logs` shows its log, `lgbm-sm stop` deletes it"
    )
