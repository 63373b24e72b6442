"""The time limits of `verify`: SageMaker's limits, and our own limits for other steps."""

from dataclasses import dataclass

from lgbm_sm import contract


@dataclass(frozen=True)
class Limits:
    """Time limits in seconds."""

    training: float = 300.0  # our own limit for one training run
    stop_training: float = contract.STOP_TRAINING_SECONDS
    startup: float = contract.STARTUP_SECONDS
    ping: float = contract.PING_SECONDS
    connect: float = contract.ACCEPT_SECONDS
    answer: float = contract.ANSWER_SECONDS
    stop_serving: float = contract.STOP_SERVING_SECONDS
    memory_round: float = 8.0  # our own limit for the requests between two measurements of memory
