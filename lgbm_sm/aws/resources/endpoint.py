"""SageMaker endpoints."""

from collections.abc import Collection

from lgbm_sm.aws.account import AwsAccount
from lgbm_sm.aws.resources.kind import Group, Search, tagged_resources
from lgbm_sm.aws.resources.sagemaker_kind import Answer, SageMakerKind
from lgbm_sm.aws.waiting import Patience
from lgbm_sm.errors import AwsError
from lgbm_sm.record.entries import Endpoint, Observation

ENDPOINTS = Group("endpoints", "endpoint", "endpoints, endpoint configs and models")
# SageMaker neither deletes nor updates an endpoint while it changes
CHANGING = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")
# a container may take up to an hour to come up, and an endpoint in Creating can only be waited for
_SETTLE_SECONDS = 3900.0


class Endpoints(SageMakerKind[Endpoint]):
    """An endpoint is billed as long as it exists."""

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
        """Delete an endpoint, and wait until it is gone; harmless if it is.

        Return the reasons if it could not be deleted.

        If the endpoint is changing, SageMaker refuses to delete it, so wait first. With `config`, delete it only while
        it has that endpoint config: another command may have created it again.
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
            except AwsError as error:  # it has begun to change in between
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
    """Return the current endpoint config of an endpoint, and the config of an update in progress."""
    pending = endpoint.get("PendingDeploymentSummary") or endpoint
    return [endpoint["EndpointConfigName"], pending["EndpointConfigName"]]


def find_endpoint_names(account: AwsAccount, project: str) -> list[str]:
    """Return the names of the endpoints with the project's tag; deleted endpoints stay in the list for a while.

    Raises:
        AwsError: AWS refuses a call, or does not answer.
    """
    return [arn.rpartition("/")[2] for arn in tagged_resources(account, project, ("sagemaker:endpoint",))]


def find_several_endpoints(account: AwsAccount, project: str, known: Collection[str] = ()) -> list[str]:
    """Return the project's endpoints if there are several: each is billed. They are found by tag, and among `known`.

    Raises:
        AwsError: AWS refuses a call, or does not answer.
    """
    names = {name.lower() for name in (*known, *find_endpoint_names(account, project))}
    if len(names) < 2:
        return []
    described = [Endpoints().find(account, name) for name in sorted(names)]
    existing = [str(one["EndpointName"]) for one in described if one and one["EndpointStatus"] != "Deleting"]
    return existing if len(existing) > 1 else []
