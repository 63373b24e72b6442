"""The target of a load test: the project's endpoint, another SageMaker endpoint, or any HTTP server."""

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass

from lgbm_sm import contract
from lgbm_sm.aws.account import AwsAccount
from lgbm_sm.aws.sagemaker_lookup import SageMakerResources
from lgbm_sm.backends import Consumption, ServingBackend
from lgbm_sm.bench.requests import Load
from lgbm_sm.bench.samples import LoadClient
from lgbm_sm.bench.steps import Schedule
from lgbm_sm.errors import EndpointError
from lgbm_sm.invocation.transport import RuntimeSender
from lgbm_sm.record.entries import Endpoint

_THIS_MACHINE = "machine like this one"


@dataclass(frozen=True)
class Target:
    """A server, and the machines behind it.

    `instances` is the number of machines, and `instance` is their type. `price` is a text about the costs. If it is not
    empty, the command asks before the load. `open_client` takes the load, the content type of the answers, and the
    schedule. If `consumption` returns None, `unseen` is the reason.
    """

    name: str
    instance: str
    open_client: Callable[[Load, str, Schedule], LoadClient]
    instances: int = 1
    price: str = ""
    is_on_this_machine: bool = False
    consumption: Callable[[], Consumption | None] = lambda: None
    unseen: str = ""


def local_target(endpoint: Endpoint, backend: ServingBackend) -> Target:
    """Return the target for an endpoint of the project on this machine."""
    return Target(
        name=endpoint.name,
        instance=_THIS_MACHINE,
        open_client=_http(f"{endpoint.url}{contract.INVOCATIONS_PATH}"),
        is_on_this_machine=True,
        consumption=lambda: backend.consumption(endpoint),
    )


def http_target(url: str) -> Target:
    """Return the target for an HTTP server that accepts POST requests.

    Raises:
        UsageError: the URL is not valid.
    """
    from lgbm_sm.bench.http_client import parse_url

    is_here = _is_loopback(parse_url(url).host)
    return Target(
        name=url,
        instance=_THIS_MACHINE if is_here else "server of that kind",
        open_client=_http(url),
        price="" if is_here else "The server is not on this machine: the load may cost money or slow down other users.",
        is_on_this_machine=is_here,
        unseen="CPU and memory are unknown, because only the URL of the server is known",
    )


def sagemaker_target(name: str, account: AwsAccount) -> Target:
    """Return the target for the SageMaker endpoint of this name.

    Raises:
        EndpointError: the endpoint does not exist, or is not in service.
        AwsError: AWS refuses a call.
    """
    resources = SageMakerResources(account)
    endpoint = resources.find_endpoint(name)
    if endpoint is None:
        raise EndpointError(f"endpoint {name} does not exist in {account.region}", "set aws.region, or check the name")
    if endpoint["EndpointStatus"] not in ("InService", "Updating"):
        raise EndpointError(
            f"endpoint {name} is {endpoint['EndpointStatus']}, and does not answer requests",
            f"see its log in CloudWatch: log group /aws/sagemaker/Endpoints/{name}",
        )
    config = resources.find_config(endpoint["EndpointConfigName"]) or {"ProductionVariants": []}
    types = {str(variant.get("InstanceType", "serverless")) for variant in config["ProductionVariants"]}
    instances = sum(variant.get("CurrentInstanceCount", 0) for variant in endpoint.get("ProductionVariants", ()))
    instance = " and ".join(sorted(types)) or "instances"

    def open_client(load: Load, accept: str, schedule: Schedule) -> LoadClient:
        from lgbm_sm.bench.runtime_client import RuntimeClient

        def open_sender(parallel: int) -> RuntimeSender:
            headers = {"Content-Type": load.content_type, "Accept": accept}
            # each request is sent once: throttling is part of the measurement
            return RuntimeSender(name, account, headers, parallel, read_seconds=schedule.timeout_seconds)

        return RuntimeClient(open_sender, load, max(schedule.concurrency))

    return Target(
        name=name,
        instance=instance,
        open_client=open_client,
        instances=max(1, instances),
        price=f"AWS bills {max(1, instances)} x {instance} in {account.region} while the endpoint exists, and the data "
        "transfer.",
        unseen=f"CPU and memory are unknown here: CloudWatch shows them minutes later (/aws/sagemaker/Endpoints, "
        f"EndpointName {name})",
    )


def _http(url: str) -> Callable[[Load, str, Schedule], LoadClient]:
    def open_client(load: Load, accept: str, schedule: Schedule) -> LoadClient:
        from lgbm_sm.bench.http_client import HttpClient, parse_url

        return HttpClient(parse_url(url), load, accept, schedule.timeout_seconds)

    return open_client


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
