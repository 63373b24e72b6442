"""SageMaker endpoints."""

from collections.abc import Collection

from lgbm_sm.aws.account import AwsAccount
from lgbm_sm.aws.resources.kind import Group, Search, tagged_resources
from lgbm_sm.aws.resources.sagemaker_kind import Answer, SageMakerKind
from lgbm_sm.aws.waiting import Patience
from lgbm_sm.errors import AwsError
from lgbm_sm.record.entries import Endpoint, Observation

ENDPOINTS = Group("endpoints", "endpoint", "endpoints, endpoint configs and models")
# SageMaker refuses to delete or update an endpoint in one of these states
CHANGING = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")
# a container may need up to an hour to start, and SageMaker cannot stop the creation of an endpoint
_SETTLE_SECONDS = 3900.0


class Endpoints(SageMakerKind[Endpoint]):
    """The kind "endpoint". AWS bills an endpoint as long as it exists."""

    entry_type = Endpoint
    group = ENDPOINTS
    statement_id = "Endpoints"
    operations = ("Create", "Delete", "Describe", "Update")
    other_actions = ("InvokeEndpoint",)

    def observe(self, entry: Endpoint, account: AwsAccount) -> Observation:
        where = f"account {entry.account}, {entry.region}"
        endpoint = self.find(account, entry.name)
        if endpoint is None:
            return Observation("Gone", where, running=False)
        variants = endpoint.get("ProductionVariants", ())
        count = sum(variant.get("CurrentInstanceCount", 0) for variant in variants)
        remark = f"{count} instance{'' if count == 1 else 's'}, {where}" if variants else where
        return Observation(str(endpoint["EndpointStatus"]), remark, running=True)

    def delete(self, entry: Endpoint, account: AwsAccount, patience: Patience) -> list[str]:
        return self.delete_named(account, entry.name, patience)

    def delete_named(self, account: AwsAccount, name: str, patience: Patience, config: str = "") -> list[str]:
        """Delete an endpoint and wait until it is gone. Return the reasons if it could not be deleted.

        SageMaker refuses to delete an endpoint that is changing, so wait for the end of the change first. With
        `config`, delete the endpoint only if it uses this endpoint config. Another command may have created a new
        endpoint with the same name.
        """
        endpoint = None
        for _ in patience.rounds(_SETTLE_SECONDS):
            endpoint = self.find(account, name)
            if endpoint is None or (config and config not in deployed_configs(endpoint)):
                return []
            if endpoint["EndpointStatus"] in CHANGING:
                continue
            try:
                self.call(account, "delete", name)
            except AwsError as error:  # the endpoint began to change after the check
                if "in-progress" not in error.message:
                    raise
        return [f"it is still {endpoint['EndpointStatus']}"] if endpoint else []

    def entry_of(self, description: Answer, search: Search) -> Endpoint:
        name = str(description["EndpointName"])
        folder = search.record.endpoints_path / name
        return Endpoint(name=name, folder=folder, training_job="", **search.fields(description["CreationTime"]))

    def name_parts(self, search: Search) -> tuple[str, ...]:
        return (f"{search.project}-", search.endpoint_name)


def deployed_configs(endpoint: Answer) -> list[str]:
    """Return the current endpoint config of an endpoint, then the config of an update that is in progress."""
    pending = endpoint.get("PendingDeploymentSummary") or endpoint
    return [endpoint["EndpointConfigName"], pending["EndpointConfigName"]]


def find_endpoint_names(account: AwsAccount, project: str) -> list[str]:
    """Return the names of the endpoints with the project's tag. Deleted endpoints stay in the list for a while.

    Raises:
        AwsError: AWS refuses a call, or does not answer.
    """
    return [arn.rpartition("/")[2] for arn in tagged_resources(account, project, ("sagemaker:endpoint",))]


def find_several_endpoints(account: AwsAccount, project: str, known: Collection[str] = ()) -> list[str]:
    """Return the names of the project's endpoints if there are two or more, because AWS bills each of them.

    The search uses the project's tag and the `known` names.

    Raises:
        AwsError: AWS refuses a call, or does not answer.
    """
    names = {name.lower() for name in (*known, *find_endpoint_names(account, project))}
    if len(names) < 2:
        return []
    described = [Endpoints().find(account, name) for name in sorted(names)]
    existing = [str(one["EndpointName"]) for one in described if one and one["EndpointStatus"] != "Deleting"]
    return existing if len(existing) > 1 else []
