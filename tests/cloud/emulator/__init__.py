"""An emulated AWS that runs the containers of jobs and endpoints."""

from tests.cloud.emulator.calls import ACCOUNT, Call
from tests.cloud.emulator.faults import ConnectionBrokenError, Moment
from tests.cloud.emulator.quotas import ENDPOINT, TRAINING
from tests.cloud.emulator.server import REGION, Emulator

__all__ = ["ACCOUNT", "ENDPOINT", "REGION", "TRAINING", "Call", "ConnectionBrokenError", "Emulator", "Moment"]
