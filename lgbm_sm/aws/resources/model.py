"""SageMaker models."""

from lgbm_sm.aws.resources.endpoint_part import EndpointPart, EndpointPartKind
from lgbm_sm.aws.resources.kind import Search
from lgbm_sm.aws.resources.sagemaker_kind import Answer


class Model(EndpointPart, frozen=True, kw_only=True, tag="model"):
    """The record entry of a SageMaker model: a model artifact, and the image that serves it."""


class Models(EndpointPartKind[Model]):
    """The kind "model". The artifact of a model is a file in S3 and belongs to the kind `Uploads`."""

    entry_type = Model
    statement_id = "Models"

    def entry_of(self, description: Answer, search: Search) -> Model:
        return Model(name=str(description["ModelName"]), endpoint="", **search.fields(description["CreationTime"]))
