"""SageMaker's training jobs, endpoints, endpoint configs and models: looked at, stopped and taken away.

They are made by `backends.sagemaker`, through SageMaker's SDK; what is here needs boto3 only, which is loaded in a
fifth of the time.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lgbm_sm.aws.account import PROJECT_TAG, AwsAccount, aws_errors
from lgbm_sm.aws.waiting import Patience
from lgbm_sm.errors import AwsError
from lgbm_sm.names import is_endpoint_name

# the words with which SageMaker says that there is no such thing: its operations have no code of their own for that
_GONE = ("Could not find", "Requested resource not found")
_JOB_ENDED = "is in status"
# of SageMaker's: an endpoint is neither deleted nor updated while it changes
CHANGING = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")
_ENDED = ("Completed", "Failed", "Stopped")
# StopTrainingJob gives 120 s, and then the outputs are uploaded
_STOP_SECONDS = 600.0
# a container may take up to an hour to come up, and an endpoint in Creating can only be waited for
_SETTLE_SECONDS = 3900.0


@dataclass(frozen=True)
class SageMakerResources:
    """The resources of an account in a region. Each function raises AwsError when AWS refuses, or does not answer."""

    account: AwsAccount
    patience: Patience = field(default_factory=Patience)

    def find_job(self, name: str) -> Mapping[str, Any] | None:
        """DescribeTrainingJob's answer; None where there is no such job."""
        return self._ask(f"training job {name}", "describe_training_job", TrainingJobName=name)

    def find_endpoint(self, name: str) -> Mapping[str, Any] | None:
        """DescribeEndpoint's answer; None where there is no such endpoint."""
        return self._ask(f"endpoint {name}", "describe_endpoint", EndpointName=name)

    def find_config(self, name: str) -> Mapping[str, Any] | None:
        """DescribeEndpointConfig's answer; None where there is no such config."""
        return self._ask(f"endpoint config {name}", "describe_endpoint_config", EndpointConfigName=name)

    def find_model(self, name: str) -> Mapping[str, Any] | None:
        """DescribeModel's answer; None where there is no such model."""
        return self._ask(f"model {name}", "describe_model", ModelName=name)

    def stop_job(self, name: str) -> str:
        """Stop a job, wait until it has ended, and return its status then; empty where there is none."""
        job = self.find_job(name)
        if job is not None and job["TrainingJobStatus"] == "InProgress":
            try:
                self._ask(f"training job {name}", "stop_training_job", TrainingJobName=name)
            except AwsError as error:  # ended in between
                if _JOB_ENDED not in error.message:
                    raise
        for _ in self.patience.rounds(_STOP_SECONDS):
            job = self.find_job(name)
            if job is None or job["TrainingJobStatus"] in _ENDED:
                break
        return str(job["TrainingJobStatus"]) if job else ""

    def delete_job(self, name: str) -> list[str]:
        """Stop a job, and delete SageMaker's record of it; harmless when it is gone. Returns why it is left."""
        status = self.stop_job(name)
        if status and status not in _ENDED:
            return [f"it is still {status}"]
        self._ask(f"training job {name}", "delete_training_job", TrainingJobName=name)
        return []

    def delete_endpoint(self, name: str, config: str = "") -> list[str]:
        """Delete an endpoint, and wait until it is gone; harmless when it is. Returns why it is left.

        One that is still changing is waited for first: SageMaker refuses to delete it. With `config` it is deleted only
        while it has that endpoint config: another command may have created it again.
        """
        endpoint = None
        for _ in self.patience.rounds(_SETTLE_SECONDS):
            endpoint = self.find_endpoint(name)
            if endpoint is None or (config and config not in deployed_configs(endpoint)):
                return []
            if endpoint["EndpointStatus"] in CHANGING:
                continue
            try:
                self._ask(f"endpoint {name}", "delete_endpoint", EndpointName=name)
            except AwsError as error:  # it has begun to change in between
                if "in-progress" not in error.message:
                    raise
        return [f"it is still {endpoint['EndpointStatus']}"] if endpoint else []

    def carries_tag(self, arn: str, project: str) -> bool:
        """Whether a resource carries the project's tag."""
        with aws_errors(f"the tags of {arn}"):
            tags = self.account.client("sagemaker").list_tags(ResourceArn=arn)["Tags"]
        return {"Key": PROJECT_TAG, "Value": project} in tags

    def delete_config(self, name: str) -> list[str]:
        """Delete an endpoint config; harmless when it is gone."""
        self._ask(f"endpoint config {name}", "delete_endpoint_config", EndpointConfigName=name)
        return []

    def delete_model(self, name: str) -> list[str]:
        """Delete a model; harmless when it is gone."""
        self._ask(f"model {name}", "delete_model", ModelName=name)
        return []

    def _ask(self, what: str, operation: str, **parameters: Any) -> Mapping[str, Any] | None:
        """The answer; None where there is no such resource: the code and the words have to say so."""
        client = self.account.client("sagemaker")
        try:
            with aws_errors(what):
                answer: Mapping[str, Any] = getattr(client, operation)(**parameters)
                return answer
        except AwsError as error:
            if error.code == "ValidationException" and any(words in error.message for words in _GONE):
                return None
            raise


# operation, its member that lists, and that member's members
_LISTED = (
    ("list_training_jobs", "TrainingJobSummaries", "TrainingJob"),
    ("list_endpoints", "Endpoints", "Endpoint"),
    ("list_endpoint_configs", "EndpointConfigs", "EndpointConfig"),
    ("list_models", "Models", "Model"),
)


def deployed_configs(endpoint: Mapping[str, Any]) -> list[str]:
    """The endpoint config that an endpoint has, and the one that it is changing to, by DescribeEndpoint's answer."""
    pending = endpoint.get("PendingDeploymentSummary") or endpoint
    return [endpoint["EndpointConfigName"], pending["EndpointConfigName"]]


def named_arns(account: AwsAccount, project: str, endpoint_name: str) -> list[str]:
    """The ARNs of what has a name that the project gives, and carries its tag; of endpoints also `endpoint_name`.

    What was made or tagged a moment ago is here before the service that finds by tag knows of it.

    Raises:
        AwsError: AWS refuses a call, or does not answer.
    """
    client = account.client("sagemaker")
    found: dict[str, None] = {}
    for operation, member, noun in _LISTED:
        for part in (f"{project}-", endpoint_name) if noun == "Endpoint" else (f"{project}-",):
            with aws_errors(f"what is named {part}…"):
                pages = client.get_paginator(operation).paginate(NameContains=part)
                listed = {str(one[f"{noun}Name"]): str(one[f"{noun}Arn"]) for page in pages for one in page[member]}
            names = [name for name in listed if is_endpoint_name(name, project, endpoint_name)]
            found |= dict.fromkeys(listed[name] for name in names)
    resources = SageMakerResources(account)
    return [arn for arn in found if resources.carries_tag(arn, project)]


def find_endpoint_names(account: AwsAccount, project: str) -> list[str]:
    """The endpoints that carry the project's tag. What was deleted is among them for a while.

    Raises:
        AwsError: AWS refuses a call, or does not answer.
    """
    return [arn.rpartition("/")[2] for arn in tagged_arns(account, project, ("sagemaker:endpoint",))]


def find_several_endpoints(account: AwsAccount, project: str, known: Collection[str] = ()) -> list[str]:
    """The project's endpoints, if there are more than one: each is billed. Looked for by tag, and by the `known` names.

    Raises:
        AwsError: AWS refuses a call, or does not answer.
    """
    names = {name.lower() for name in (*known, *find_endpoint_names(account, project))}
    if len(names) < 2:
        return []
    described = [SageMakerResources(account).find_endpoint(name) for name in sorted(names)]
    there = [str(one["EndpointName"]) for one in described if one and one["EndpointStatus"] != "Deleting"]
    return there if len(there) > 1 else []


def tagged_arns(account: AwsAccount, project: str, types: Sequence[str]) -> list[str]:
    """The ARNs of these types of resources that carry the project's tag, as the service knows that finds by tag.

    Raises:
        AwsError: AWS refuses a call, or does not answer.
    """
    with aws_errors(f"what is tagged {PROJECT_TAG}={project}"):
        pages = (
            account.client("resourcegroupstaggingapi")
            .get_paginator("get_resources")
            .paginate(TagFilters=[{"Key": PROJECT_TAG, "Values": [project]}], ResourceTypeFilters=list(types))
        )
        return [str(resource["ResourceARN"]) for page in pages for resource in page["ResourceTagMappingList"]]
