"""An endpoint: the variant that answers now, and the variant of a running update."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from tests.cloud.emulator.calls import Call
from tests.cloud.emulator.faults import Faults
from tests.cloud.emulator.quotas import ENDPOINT, Quotas
from tests.cloud.emulator.variant import Variant, VariantError, VariantParts

_NO_CAPACITY = (
    "Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity error. Please retry using a "
    "different ML instance type or after some time."
)


class Endpoint:
    def __init__(self, call: Call, arn: str, parts: VariantParts, faults: Faults, quotas: Quotas) -> None:
        self.arn = arn
        self.region = call.region
        self.name: str = call.parameters["EndpointName"]
        # what answers
        self.variant: Variant | None = None
        self._parts = parts
        self._faults = faults
        self._quotas = quotas
        # gives the instances that answer back to the quota
        self._give_back: Callable[[], None] = lambda: None
        self._status = "Creating"
        self._failure: str | None = None
        self._created = self._modified = datetime.now(UTC)
        self._lock = threading.Lock()
        self._work: threading.Thread | None = None
        self._abandoned = False
        # what is being started, and of what
        self._coming: Variant | None = None
        self._pending: VariantParts | None = None

    def description(self) -> dict[str, Any]:
        with self._lock:
            settings, parts = self._parts.settings, self._parts
            count = settings.get("InitialInstanceCount", 1)
            image = parts.container["Image"]
            variant = {
                "VariantName": settings["VariantName"],
                "DeployedImages": [
                    {
                        "SpecifiedImage": image,
                        "ResolvedImage": parts.images.digest(image),
                        "ResolutionTime": self._created,
                    }
                ],
                "CurrentWeight": 1.0,
                "DesiredWeight": 1.0,
                "CurrentInstanceCount": count if self._status != "Creating" else 0,
                "DesiredInstanceCount": count,
            }
            return {
                "EndpointName": self.name,
                "EndpointArn": self.arn,
                "EndpointConfigName": parts.config["EndpointConfigName"],
                "ProductionVariants": [variant] if self.variant is not None else None,
                "PendingDeploymentSummary": None
                if self._pending is None
                else {"EndpointConfigName": self._pending.config["EndpointConfigName"]},
                "EndpointStatus": self._status,
                "FailureReason": self._failure,
                "CreationTime": self._created,
                "LastModifiedTime": self._modified,
            }

    def create(self) -> None:
        """Create the endpoint. Raises AwsError (ResourceLimitExceeded)."""
        give_back = self._take_instances(self._parts)
        with self._lock:
            self._begin(self._parts, give_back)

    def update(self, parts: VariantParts) -> bool:
        """Start a variant of these parts next to the variant that answers.

        Returns False if another operation is running. Raises AwsError (ResourceLimitExceeded).
        """
        with self._lock:
            if self._status != "InService":
                return False
            give_back = self._take_instances(parts)
            self._set("Updating")
            self._begin(parts, give_back)
        return True

    def delete(self, forget: Callable[[], None]) -> bool:
        """Delete the endpoint, then call `forget`. Return False if another operation is running."""
        with self._lock:
            if self._status not in ("InService", "Failed"):
                return False
            self._set("Deleting")
            self._work = threading.Thread(target=self._take_down, args=(forget,), daemon=True, name=self.arn)
            self._work.start()
        return True

    def abandon(self) -> None:
        """End all containers, at the end of the emulation."""
        with self._lock:
            self._abandoned = True
            variants = [variant for variant in (self.variant, self._coming) if variant is not None]
        for variant in variants:
            variant.end(0)

    def join(self, seconds: float) -> None:
        if self._work is not None:
            self._work.join(seconds)

    def _set(self, status: str, failure: str | None = None) -> None:
        self._status, self._failure, self._modified = status, failure, datetime.now(UTC)
        if status != "Updating":
            self._pending = None

    def _take_instances(self, parts: VariantParts) -> Callable[[], None]:
        settings = parts.settings
        return self._quotas.take(settings["InstanceType"], ENDPOINT, settings.get("InitialInstanceCount", 1))

    def _begin(self, parts: VariantParts, give_back: Callable[[], None]) -> None:
        self._pending = parts
        self._work = threading.Thread(target=self._bring_up, args=(parts, give_back), daemon=True, name=self.arn)
        self._work.start()

    def _bring_up(self, parts: VariantParts, give_back: Callable[[], None]) -> None:
        coming = Variant(parts, self.name)
        with self._lock:
            self._coming = coming
        try:
            if parts.settings["InstanceType"] in self._faults.no_capacity:
                raise VariantError(_NO_CAPACITY)
            coming.start()
        except VariantError as error:
            coming.end(0)
            give_back()
            with self._lock:
                # an update that fails leaves what was there
                self._set("Failed" if self.variant is None else "InService", str(error))
                self._coming = None
            return
        with self._lock:
            old, self.variant, self._coming, self._parts = self.variant, coming, None, parts
            give_back, self._give_back = self._give_back, give_back
            abandoned = self._abandoned
            if old is None:
                self._set("InService")
        if abandoned:
            coming.end(0)
        if old is not None:
            old.end(parts.times.stop_serving)
            give_back()
            with self._lock:
                self._set("InService")

    def _take_down(self, forget: Callable[[], None]) -> None:
        time.sleep(self._parts.times.phase)
        if self.variant is not None:
            self.variant.end(self._parts.times.stop_serving)
        self._give_back()
        forget()
