"""SageMaker endpoint configs."""

from lgbm_sm.aws.resources.endpoint_part import EndpointPart, EndpointPartKind
from lgbm_sm.aws.resources.kind import Search
from lgbm_sm.aws.resources.sagemaker_kind import Answer


class EndpointConfig(EndpointPart, frozen=True, kw_only=True, tag="endpoint_config"):
    """The instances that an endpoint has, and the model on them."""


class EndpointConfigs(EndpointPartKind[EndpointConfig]):
    """CreateEndpoint and UpdateEndpoint need permissions on the endpoint and on its config, hence one statement."""

    entry_type = EndpointConfig
    statement_id = "Endpoints"

    def entry_of(self, description: Answer, search: Search) -> EndpointConfig:
        name = str(description["EndpointConfigName"])
        return EndpointConfig(name=name, endpoint="", **search.fields(description["CreationTime"]))
