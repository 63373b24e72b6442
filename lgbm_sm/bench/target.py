"""The target of a load test.

It is the project's endpoint, a named SageMaker endpoint, or any HTTP server.
"""

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
    """A server and the machines behind it: `instances` of the type `instance`.

    `price` is the reason to ask before the load; it may be empty. `open_client` takes the load, the form of the
    answers, and the schedule. `unseen` is the reason if `consumption` returns None, otherwise empty.
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
    """Return the project's endpoint on this machine as a target."""
    return Target(
        name=endpoint.name,
        instance=_THIS_MACHINE,
        open_client=_http(f"{endpoint.url}{contract.INVOCATIONS_PATH}"),
        is_on_this_machine=True,
        consumption=lambda: backend.consumption(endpoint),
    )


def http_target(url: str) -> Target:
    """Return any server that accepts POST requests as a target.

    Raises:
        UsageError: the URL is not valid.
    """
    from lgbm_sm.bench.http_client import parse_url

    is_here = _is_loopback(parse_url(url).host)
    return Target(
        name=url,
        instance=_THIS_MACHINE if is_here else "server of that kind",
        open_client=_http(url),
        price="" if is_here else "It is not on this machine, so the load may cost money or slow down its other users.",
        is_on_this_machine=is_here,
        unseen="CPU and memory are unknown, since the server is known only by its URL",
    )


def sagemaker_target(name: str, account: AwsAccount) -> Target:
    """Return a SageMaker endpoint as a target, by its name.

    Raises:
        EndpointError: there is none, or it is not in service.
        AwsError: AWS refuses a call.
    """
    resources = SageMakerResources(account)
    endpoint = resources.find_endpoint(name)
    if endpoint is None:
        raise EndpointError(f"endpoint {name} does not exist in {account.region}", "set aws.region, or check the name")
    if endpoint["EndpointStatus"] not in ("InService", "Updating"):
        raise EndpointError(
            f"endpoint {name} is {endpoint['EndpointStatus']}", f"see its log group /aws/sagemaker/Endpoints/{name}"
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
        price=f"{max(1, instances)} x {instance} in {account.region} are billed while the endpoint exists, and so is "
        "its data transfer.",
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
