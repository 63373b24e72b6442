"""Create a model, an endpoint config and an endpoint with the SageMaker SDK.

The name of each model and endpoint config contains the time and three random characters. So if the name already exists,
this command created it with a call whose answer was lost. The name of the endpoint is fixed, and
`lgbm_sm.backends.sagemaker.endpoint_claim` handles the conflicts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lgbm_sm.aws.account import AwsAccount, aws_errors
from lgbm_sm.aws.tags import MakeTags, sdk_list
from lgbm_sm.aws.waiting import Patience
from lgbm_sm.backends.sagemaker.creation import create
from lgbm_sm.backends.sagemaker.training import vpc_config
from lgbm_sm.config.backend_sections import AwsSection
from lgbm_sm.config.instance_types import has_local_storage
from lgbm_sm.config.sections import EndpointSection
from lgbm_sm.errors import AwsError

VARIANT = "AllTraffic"
# SageMaker has no error code for an endpoint that is changing
_CHANGES = "in-progress"


@dataclass(frozen=True)
class HostingPlan:
    """The settings of a deployment. `image` is an address. `environment` contains the variables of the container."""

    account: AwsAccount
    role_arn: str
    image: str
    environment: Mapping[str, str]
    endpoint: EndpointSection
    section: AwsSection
    tags: MakeTags
    patience: Patience = field(default_factory=Patience)

    def describe(self) -> str:
        """Describe the instances in a few words."""
        return f"SageMaker, {self.endpoint.instance_count} x {self.endpoint.instance_type}"


def model_request(name: str, artifact_uri: str, plan: HostingPlan) -> dict[str, Any]:
    """Return the parameters of CreateModel, with the names of the SDK."""
    container = {"image": plan.image, "model_data_url": artifact_uri, "environment": dict(plan.environment)}
    return {
        "model_name": name,
        "execution_role_arn": plan.role_arn,
        "primary_container": container,
        "enable_network_isolation": plan.section.network_isolation,
        "tags": sdk_list(plan.tags()),
        **({"vpc_config": vpc_config(plan.section)} if plan.section.subnets else {}),
    }


def config_request(name: str, plan: HostingPlan) -> dict[str, Any]:
    """Return the parameters of CreateEndpointConfig. The config and its model have the same name."""
    endpoint = plan.endpoint
    variant = {
        "variant_name": VARIANT,
        "model_name": name,
        "instance_type": endpoint.instance_type,
        "initial_instance_count": endpoint.instance_count,
        "container_startup_health_check_timeout_in_seconds": endpoint.startup_timeout_seconds,
    }
    encrypted = plan.section.kms_key and not has_local_storage(endpoint.instance_type)
    return {
        "endpoint_config_name": name,
        "production_variants": [variant],
        "tags": sdk_list(plan.tags()),
        **({"kms_key_id": plan.section.kms_key} if encrypted else {}),
    }


def create_model(name: str, artifact_uri: str, plan: HostingPlan) -> None:
    """Create the model. Raise AwsError if SageMaker refuses the call, or does not answer."""
    from sagemaker.core.resources import Model

    request = model_request(name, artifact_uri, plan)
    create(f"model {name}", lambda: Model.create(**request, **_where(plan)), plan.patience)


def create_config(name: str, plan: HostingPlan) -> None:
    """Create the endpoint config for the new model of the same name.

    Raise AwsError if SageMaker refuses the call, or does not answer.
    """
    from sagemaker.core.resources import EndpointConfig

    request = config_request(name, plan)
    what = f"endpoint config {name}"
    create(what, lambda: EndpointConfig.create(**request, **_where(plan)), plan.patience, needs=[name])


def create_endpoint(name: str, config_name: str, plan: HostingPlan) -> bool:
    """Create the endpoint with a new endpoint config. Return False if the endpoint already exists.

    Raise AwsError if SageMaker refuses the call, or does not answer.
    """
    from sagemaker.core.resources import Endpoint

    request = {"endpoint_name": name, "endpoint_config_name": config_name, "tags": sdk_list(plan.tags())}
    what = f"endpoint {name}"
    return create(what, lambda: Endpoint.create(**request, **_where(plan)), plan.patience, needs=[config_name])


def update_endpoint(name: str, config_name: str, plan: HostingPlan) -> bool:
    """Update the endpoint to a new endpoint config. Return False if the endpoint is changing.

    Raise AwsError if SageMaker refuses the call, or does not answer.
    """
    from sagemaker.core.resources import Endpoint

    what, failure = f"endpoint {name}", "cannot be updated"
    try:
        with aws_errors(what, failure):
            endpoint = Endpoint.get(endpoint_name=name, **_where(plan))
            endpoint.endpoint_config_name = config_name
        return create(what, endpoint.update, plan.patience, needs=[config_name], failure=failure)
    except AwsError as error:
        if _CHANGES not in error.message:
            raise
        return False


def _where(plan: HostingPlan) -> dict[str, Any]:
    return {"session": plan.account.session, "region": plan.account.region}
