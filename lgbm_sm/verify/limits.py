"""How long each step may take: the platform's limits where it has them, else ours."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """All in seconds."""

    training: float = 300.0  # of a training on the given data; ours
    stop_training: float = 120.0  # StopTrainingJob: SIGTERM, 120 s, SIGKILL
    startup: float = 480.0  # ContainerStartupHealthCheckTimeoutInSeconds: 60 to 3,600, 8 minutes unless it is given
    ping: float = 2.0  # GET /ping
    connect: float = 0.25  # until a connection is accepted
    answer: float = 60.0  # POST /invocations
    stop_serving: float = 30.0  # on update and scale-in: SIGTERM, then SIGKILL after 30 s
    memory_round: float = 8.0  # of equal requests, between looks at the memory; ours
