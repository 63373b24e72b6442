"""The time limits of a verification: those of the platform, and further ones for other steps."""

from dataclasses import dataclass

from lgbm_sm import contract


@dataclass(frozen=True)
class Limits:
    """All in seconds."""

    training: float = 300.0  # our own, for a training on the given data
    stop_training: float = contract.STOP_TRAINING_SECONDS
    startup: float = contract.STARTUP_SECONDS
    ping: float = contract.PING_SECONDS
    connect: float = contract.ACCEPT_SECONDS
    answer: float = contract.ANSWER_SECONDS
    stop_serving: float = contract.STOP_SERVING_SECONDS
    memory_round: float = 8.0  # our own, for the requests between two measurements of memory
