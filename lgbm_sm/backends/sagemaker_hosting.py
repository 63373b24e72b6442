"""What an endpoint of SageMaker's is made of, created through SageMaker's SDK: model, endpoint config, endpoint.

Each is created under a name that holds the time. Where it is there already, that was our own call, whose answer was
lost: it counts as done.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from lgbm_sm.aws import AwsAccount, aws_errors
from lgbm_sm.backends.sagemaker_training import tags, vpc_config
from lgbm_sm.config import AwsSection, EndpointSection
from lgbm_sm.configuration.instance_types import has_local_storage
from lgbm_sm.errors import AwsError

VARIANT = "AllTraffic"
# SageMaker has no codes of their own for these
_EXISTS = "already existing"
_CHANGES = "in-progress"


@dataclass(frozen=True)
class HostingPlan:
    """What a model is served with: `image` by its address, `environment` of its container."""

    account: AwsAccount
    role_arn: str
    image: str
    environment: Mapping[str, str]
    endpoint: EndpointSection
    section: AwsSection
    project: str

    def describe(self) -> str:
        """What serves, in a few words."""
        return f"SageMaker, {self.endpoint.instance_count} x {self.endpoint.instance_type}"


def model_request(name: str, artifact_uri: str, plan: HostingPlan) -> dict[str, Any]:
    """CreateModel's parameters, under the names that the SDK gives them."""
    container = {"image": plan.image, "model_data_url": artifact_uri, "environment": dict(plan.environment)}
    return {
        "model_name": name,
        "execution_role_arn": plan.role_arn,
        "primary_container": container,
        "enable_network_isolation": plan.section.network_isolation,
        "tags": tags(plan.project),
        **({"vpc_config": vpc_config(plan.section)} if plan.section.subnets else {}),
    }


def config_request(name: str, plan: HostingPlan) -> dict[str, Any]:
    """CreateEndpointConfig's parameters; the model has the same name."""
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
        "tags": tags(plan.project),
        **({"kms_key_id": plan.section.kms_key} if encrypted else {}),
    }


def create_model(name: str, artifact_uri: str, plan: HostingPlan) -> None:
    """Raises AwsError when SageMaker refuses it, or does not answer."""
    from sagemaker.core.resources import Model

    with _counted_as_done(_EXISTS), aws_errors(f"model {name}", "cannot be created"):
        Model.create(**model_request(name, artifact_uri, plan), **_where(plan))


def create_config(name: str, plan: HostingPlan) -> None:
    """Raises AwsError when SageMaker refuses it, or does not answer."""
    from sagemaker.core.resources import EndpointConfig

    with _counted_as_done(_EXISTS), aws_errors(f"endpoint config {name}", "cannot be created"):
        EndpointConfig.create(**config_request(name, plan), **_where(plan))


def create_endpoint(name: str, config_name: str, plan: HostingPlan) -> None:
    """Raises AwsError when SageMaker refuses it, or does not answer."""
    from sagemaker.core.resources import Endpoint

    with _counted_as_done(_EXISTS), aws_errors(f"endpoint {name}", "cannot be created"):
        Endpoint.create(endpoint_name=name, endpoint_config_name=config_name, tags=tags(plan.project), **_where(plan))


def update_endpoint(name: str, config_name: str, plan: HostingPlan) -> None:
    """Raises AwsError when SageMaker refuses it, or does not answer.

    It was in service a moment ago: if it changes, that is our own call, whose answer was lost. Its config will tell.
    """
    from sagemaker.core.resources import Endpoint

    with _counted_as_done(_CHANGES), aws_errors(f"endpoint {name}", "cannot be updated"):
        endpoint = Endpoint.get(endpoint_name=name, **_where(plan))
        endpoint.endpoint_config_name = config_name
        endpoint.update()


def _where(plan: HostingPlan) -> dict[str, Any]:
    return {"session": plan.account.session, "region": plan.account.region}


@contextmanager
def _counted_as_done(words: str) -> Iterator[None]:
    try:
        yield
    except AwsError as error:
        if words not in error.message:
            raise
