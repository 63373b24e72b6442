"""Run the emulated AWS by hand: `python -m tests.cloud.emulator`.

Ctrl-C ends it, and it removes all that it has created.
"""

from __future__ import annotations

import json
import signal
import uuid

import docker

from tests.cloud.emulator import Emulator
from tests.cloud.registry_image import running_registry

BASE_IMAGE = "debian:trixie-slim"


def main() -> None:
    session = uuid.uuid4().hex[:12]
    engine = docker.from_env(timeout=300)
    with running_registry(engine, BASE_IMAGE, session) as registry, Emulator(engine, registry, session) as emulator:
        trust = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        role = emulator.client("iam").create_role(RoleName="execution", AssumeRolePolicyDocument=document)["Role"]
        for name, value in emulator.environment().items():
            print(f"export {name}={value}")
        print(f"# execution role: {role['Arn']}", flush=True)
        signal.sigwait({signal.SIGINT, signal.SIGTERM})
    engine.close()


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    main()
