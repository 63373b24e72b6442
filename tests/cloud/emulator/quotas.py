"""The quotas of SageMaker's instance types, and the number of instances in use."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.cloud.emulator.calls import ACCOUNT, AwsError, Call

TRAINING = "training job usage"
ENDPOINT = "endpoint usage"
INSTANCE_TYPES = (
    *(f"ml.m4.{size}" for size in ("xlarge", "2xlarge", "4xlarge", "10xlarge")),
    *(f"ml.{family}.{size}" for family in ("m5", "c5") for size in ("large", "xlarge", "2xlarge", "4xlarge")),
    *(f"ml.t2.{size}" for size in ("medium", "large", "xlarge", "2xlarge")),
    *(f"ml.c7g.{size}" for size in ("large", "xlarge", "2xlarge")),
    "ml.p3.2xlarge",
)
DEFAULT = 4.0


@dataclass
class Quotas:
    """The quotas. `set("ml.m4.xlarge", ENDPOINT, 0)` makes the next CreateEndpoint fail."""

    _applied: dict[str, float] = field(default_factory=dict)
    _used: dict[str, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def reset(self) -> None:
        with self._lock:
            self._applied.clear()
            self._used.clear()

    def set(self, instance_type: str, usage: str, value: float) -> None:
        self._applied[f"{instance_type} for {usage}"] = value

    def take(self, instance_type: str, usage: str, count: int) -> Callable[[], None]:
        """Count instances as used. Return a function that releases them.

        Raises AwsError (ResourceLimitExceeded) if the quota is too low.
        """
        name = f"{instance_type} for {usage}"
        with self._lock:
            limit, used = self._applied.get(name, DEFAULT), self._used.get(name, 0)
            if used + count > limit:
                raise AwsError(
                    "ResourceLimitExceeded",
                    f"The account-level service limit '{name}' is {limit:g} Instances, with current utilization of "
                    f"{used:g} Instances and a request delta of {count} Instances. Please use AWS Service Quotas to "
                    "request an increase for this quota. If AWS Service Quotas is not available, contact AWS support "
                    "to request an increase for this quota.",
                )
            self._used[name] = used + count

        given_back = threading.Event()

        def give_back() -> None:
            with self._lock:
                if not given_back.is_set():
                    given_back.set()
                    self._used[name] = self._used.get(name, 0) - count

        return give_back

    def list_service_quotas(self, call: Call) -> dict[str, Any]:
        quotas = self._all(call)
        start, size = int(call.parameters.get("NextToken", 0)), call.parameters.get("MaxResults", 20)
        end = start + size
        return {"Quotas": quotas[start:end], "NextToken": str(end) if end < len(quotas) else None}

    def get_service_quota(self, call: Call) -> dict[str, Any]:
        for quota in self._all(call):
            if quota["QuotaCode"] == call.parameters["QuotaCode"]:
                return {"Quota": quota}
        raise AwsError("NoSuchResourceException", "The request failed because the specified resource does not exist.")

    def list_aws_default_service_quotas(self, call: Call) -> dict[str, Any]:
        return self.list_service_quotas(call)

    def get_aws_default_service_quota(self, call: Call) -> dict[str, Any]:
        return self.get_service_quota(call)

    def _all(self, call: Call) -> list[dict[str, Any]]:
        if call.parameters["ServiceCode"] != "sagemaker":
            raise AwsError("NoSuchResourceException", "The request failed because the specified service is not known.")
        names = [f"{instance_type} for {usage}" for instance_type in INSTANCE_TYPES for usage in (TRAINING, ENDPOINT)]
        return [self._quota(call, name) for name in dict.fromkeys([*names, *self._applied])]

    def _quota(self, call: Call, name: str) -> dict[str, Any]:
        code = "L-" + hashlib.sha256(name.encode()).hexdigest()[:8].upper()
        return {
            "ServiceCode": "sagemaker",
            "ServiceName": "Amazon SageMaker",
            "QuotaArn": f"arn:aws:servicequotas:{call.region}:{ACCOUNT}:sagemaker/{code}",
            "QuotaCode": code,
            "QuotaName": name,
            "Value": self._applied.get(name, DEFAULT) if "Default" not in call.operation else DEFAULT,
            "Unit": "None",
            "Adjustable": True,
            "GlobalQuota": False,
        }
