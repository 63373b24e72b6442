"""SageMaker endpoint configs."""

from lgbm_sm.aws.resources.endpoint_part import EndpointPart, EndpointPartKind
from lgbm_sm.aws.resources.kind import Search
from lgbm_sm.aws.resources.sagemaker_kind import Answer


class EndpointConfig(EndpointPart, frozen=True, kw_only=True, tag="endpoint_config"):
    """The record entry of an endpoint config: the instances of an endpoint, and the model that runs on them."""


class EndpointConfigs(EndpointPartKind[EndpointConfig]):
    """The kind "endpoint config".

    It shares an IAM statement with endpoints, because CreateEndpoint and UpdateEndpoint need permissions on both.
    """

    entry_type = EndpointConfig
    statement_id = "Endpoints"

    def entry_of(self, description: Answer, search: Search) -> EndpointConfig:
        name = str(description["EndpointConfigName"])
        return EndpointConfig(name=name, endpoint="", **search.fields(description["CreationTime"]))
