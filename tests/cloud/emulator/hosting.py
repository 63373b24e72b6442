"""SageMaker's operations on models, endpoint configs and endpoints."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

from tests.cloud.emulator.account import Account, check_role
from tests.cloud.emulator.calls import AwsError, Call
from tests.cloud.emulator.containers import Containers, Times
from tests.cloud.emulator.endpoint import Endpoint
from tests.cloud.emulator.faults import Faults
from tests.cloud.emulator.images import Images
from tests.cloud.emulator.listing import page
from tests.cloud.emulator.quotas import Quotas
from tests.cloud.emulator.tags import Tags
from tests.cloud.emulator.variant import VariantParts

_CALLED = {"endpoint": "endpoint", "endpoint-config": "endpoint configuration", "model": "model"}
_NOT_EMULATED = ("ServerlessConfig", "ModelDataDownloadTimeoutInSeconds", "CoreDumpConfig", "AcceleratorType")


class Hosting:
    """Its methods are operations of SageMaker."""

    def __init__(
        self,
        account: Account,
        images: Images,
        containers: Containers | None,
        quotas: Quotas,
        faults: Faults,
        tags: Tags,
        times: Times,
    ) -> None:
        # by ARN
        self.models: dict[str, dict[str, Any]] = {}
        self.configs: dict[str, dict[str, Any]] = {}
        self.endpoints: dict[str, Endpoint] = {}
        self._account = account
        self._images = images
        self._tags = tags
        self._containers = containers
        self._quotas = quotas
        self._faults = faults
        self._times = times
        self._lock = threading.Lock()

    def reset(self) -> None:
        """End all endpoints now."""
        endpoints = list(self.endpoints.values())
        for endpoint in endpoints:
            endpoint.abandon()
        for endpoint in endpoints:
            endpoint.join(60)
        self.endpoints.clear()
        self.configs.clear()
        self.models.clear()

    def create_model(self, call: Call) -> dict[str, Any]:
        given = call.parameters
        containers = [given["PrimaryContainer"]] if "PrimaryContainer" in given else given.get("Containers", [])
        if len(containers) != 1 or "Image" not in containers[0] or "ModelDataSource" in containers[0]:
            raise AwsError("NotImplemented", "the emulation has one container with Image and ModelDataUrl", 501)
        if "ExecutionRoleArn" not in given:
            raise AwsError("ValidationException", "ExecutionRoleArn must be specified.")
        arn = call.arn(f"model/{given['ModelName']}".lower())
        _refuse_existing("model", arn, self.models)
        check_role(given["ExecutionRoleArn"])
        self._images.check_hosting(containers[0]["Image"])
        data = containers[0].get("ModelDataUrl")
        if data is not None and self._account.read(data) is None:
            raise AwsError("ValidationException", f"Could not find model data at {data}.")
        self._keep(call, "model", arn, self.models, {"ModelArn": arn, "EnableNetworkIsolation": False})
        return {"ModelArn": arn}

    def describe_model(self, call: Call) -> dict[str, Any]:
        return self._find(call, "model", self.models)

    def list_models(self, call: Call) -> dict[str, Any]:
        return page(call, "Models", _of(call, self.models), "ModelName", ("ModelArn", "CreationTime"))

    def delete_model(self, call: Call) -> dict[str, Any]:
        return self._delete(call, "model", self.models)

    def create_endpoint_config(self, call: Call) -> dict[str, Any]:
        given = call.parameters
        variants = given.get("ProductionVariants", [])
        if len(variants) != 1 or any(name in variants[0] for name in _NOT_EMULATED) or "AsyncInferenceConfig" in given:
            raise AwsError("NotImplemented", "the emulation has one variant on instances", 501)
        arn = call.arn(f"endpoint-config/{given['EndpointConfigName']}".lower())
        _refuse_existing("endpoint-config", arn, self.configs)
        model_arn = call.arn(f"model/{variants[0].get('ModelName')}".lower())
        if model_arn not in self.models:
            raise _missing("model", model_arn)
        self._keep(call, "endpoint-config", arn, self.configs, {"EndpointConfigArn": arn})
        return {"EndpointConfigArn": arn}

    def describe_endpoint_config(self, call: Call) -> dict[str, Any]:
        return self._find(call, "endpoint-config", self.configs)

    def list_endpoint_configs(self, call: Call) -> dict[str, Any]:
        others = ("EndpointConfigArn", "CreationTime")
        return page(call, "EndpointConfigs", _of(call, self.configs), "EndpointConfigName", others)

    def delete_endpoint_config(self, call: Call) -> dict[str, Any]:
        return self._delete(call, "endpoint-config", self.configs)

    def create_endpoint(self, call: Call) -> dict[str, Any]:
        arn = call.arn(f"endpoint/{call.parameters['EndpointName']}".lower())
        with self._lock:
            _refuse_existing("endpoint", arn, self.endpoints)
            endpoint = Endpoint(call, arn, self._parts(call), self._faults, self._quotas)
            endpoint.create()
            self._tags.put(arn, call.parameters.get("Tags"))
            self.endpoints[arn] = endpoint
        return {"EndpointArn": arn}

    def update_endpoint(self, call: Call) -> dict[str, Any]:
        endpoint = self.endpoint(call)
        if not endpoint.update(self._parts(call)):
            raise AwsError("ValidationException", f'Cannot update in-progress endpoint "{endpoint.arn}".')
        return {"EndpointArn": endpoint.arn}

    def describe_endpoint(self, call: Call) -> dict[str, Any]:
        return self.endpoint(call).description()

    def list_endpoints(self, call: Call) -> dict[str, Any]:
        endpoints = [e.description() for e in list(self.endpoints.values()) if e.region == call.region]
        others = ("EndpointArn", "CreationTime", "LastModifiedTime", "EndpointStatus")
        return page(call, "Endpoints", endpoints, "EndpointName", others)

    def delete_endpoint(self, call: Call) -> dict[str, Any]:
        endpoint = self.endpoint(call)
        if not endpoint.delete(lambda: self._forget(endpoint.arn)):
            raise AwsError("ValidationException", f'Cannot update in-progress endpoint "{endpoint.arn}".')
        return {}

    def endpoint(self, call: Call) -> Endpoint:
        """Return the endpoint in the call. Raises AwsError if it does not exist."""
        arn = call.arn(f"endpoint/{call.parameters['EndpointName']}".lower())
        endpoint = self.endpoints.get(arn)
        if endpoint is None:
            raise _missing("endpoint", arn)
        return endpoint

    def _parts(self, call: Call) -> VariantParts:
        """Return the parts of an endpoint with the endpoint config in the call."""
        assert self._containers is not None, "the emulation was started without an engine"
        config = self._find(call, "endpoint-config", self.configs)
        variant = config["ProductionVariants"][0]
        model_arn = call.arn(f"model/{variant['ModelName']}".lower())
        if model_arn not in self.models:
            raise _missing("model", model_arn)
        return VariantParts(
            config, self.models[model_arn], call.region, self._account, self._images, self._containers, self._times
        )

    def _forget(self, arn: str) -> None:
        self.endpoints.pop(arn, None)
        self._tags.of.pop(arn, None)

    def _keep(self, call: Call, kind: str, arn: str, kept: dict[str, dict[str, Any]], more: dict[str, Any]) -> None:
        with self._lock:
            _refuse_existing(kind, arn, kept)
            given = {name: value for name, value in call.parameters.items() if name != "Tags"}
            kept[arn] = {**more, **given, "CreationTime": datetime.now(UTC)}
        self._tags.put(arn, call.parameters.get("Tags"))

    def _find(self, call: Call, kind: str, kept: dict[str, dict[str, Any]]) -> dict[str, Any]:
        arn = _arn(call, kind)
        if arn not in kept:
            raise _missing(kind, arn)
        return kept[arn]

    def _delete(self, call: Call, kind: str, kept: dict[str, dict[str, Any]]) -> dict[str, Any]:
        arn = _arn(call, kind)
        if kept.pop(arn, None) is None:
            raise _missing(kind, arn)
        self._tags.of.pop(arn, None)
        return {}


def _arn(call: Call, kind: str) -> str:
    member = {"model": "ModelName", "endpoint-config": "EndpointConfigName"}[kind]
    return call.arn(f"{kind}/{call.parameters[member]}".lower())


def _of(call: Call, kept: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [resource for arn, resource in list(kept.items()) if arn.split(":")[3] == call.region]


def _missing(kind: str, arn: str) -> AwsError:
    return AwsError("ValidationException", f'Could not find {_CALLED[kind]} "{arn}".')


def _refuse_existing(kind: str, arn: str, kept: dict[str, Any]) -> None:
    if arn in kept:
        raise AwsError("ValidationException", f'Cannot create already existing {_CALLED[kind]} "{arn}".')
