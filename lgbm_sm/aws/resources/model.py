"""SageMaker models."""

from lgbm_sm.aws.resources.endpoint_part import EndpointPart, EndpointPartKind
from lgbm_sm.aws.resources.kind import Search
from lgbm_sm.aws.resources.sagemaker_kind import Answer


class Model(EndpointPart, frozen=True, kw_only=True, tag="model"):
    """A model artifact, and the image that serves it."""


class Models(EndpointPartKind[Model]):
    """A model has no file of its own: its artifact belongs to the upload."""

    entry_type = Model
    statement_id = "Models"

    def entry_of(self, description: Answer, search: Search) -> Model:
        return Model(name=str(description["ModelName"]), endpoint="", **search.fields(description["CreationTime"]))
