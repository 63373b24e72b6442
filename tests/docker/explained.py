"""The output of `explain` about a step, and its `docker run` command, which is executed."""

from __future__ import annotations

import json
import shlex
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import docker
from docker.models.containers import Container

from tests.cli.conftest import CommandLine
from tests.contract.serving import wait_until


def explained(lgbm_sm: CommandLine, *arguments: str) -> dict[str, list[str]]:
    """Return the lines of each section by its title."""
    said = lgbm_sm("explain", *arguments, "--output", "json")
    return {section["title"]: section["lines"] for section in json.loads(said.stdout)["sections"]}


def programs_in(lines: list[str]) -> dict[int, str]:
    """Return the commands of the running processes by process id."""
    first = next(index for index, line in enumerate(lines) if line.startswith("running now"))
    return {int(line.split()[0]): line.split(maxsplit=1)[1] for line in lines[first + 1 :]}


def shown_command(lines: list[str]) -> list[str]:
    """Return the `docker run` command in the lines, split as a shell does."""
    first = lines.index(next(line for line in lines if line.startswith("docker run")))
    last = next(index for index in range(first, len(lines)) if not lines[index].endswith("\\"))
    return shlex.split("\n".join(lines[first : last + 1]).replace("\\\n", " "))


@contextmanager
def run_as_shown(engine: docker.DockerClient, command: list[str], session: str) -> Iterator[Container]:
    """Run the command, and yield its container. The container remains until the end."""
    assert command[:3] == ["docker", "run", "--rm"]
    words = ["docker", "run", "--detach", "--label", f"lgbm-sm.test={session}", *command[3:]]
    started = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert started.returncode == 0, started.stderr
    container = engine.containers.get(started.stdout.strip())
    try:
        yield container
    finally:
        container.remove(force=True, v=True)


def as_started(container: Container) -> dict[str, Any]:
    """Return the settings that a program in the container can see.

    Names with times and folders of this machine are left out.
    """
    attributes = container.attrs
    config, host = attributes["Config"], attributes["HostConfig"]
    return {
        "command": config["Cmd"],
        "entry point": config["Entrypoint"],
        "environment": sorted(one for one in config["Env"] if not one.startswith("TRAINING_JOB_")),
        "stop signal": config["StopSignal"],
        "mounts": sorted((mount["Destination"], mount["Type"], mount["RW"]) for mount in attributes["Mounts"]),
        "limits": (host["Memory"], host["MemorySwap"], host["NanoCpus"]),
        "network": host["NetworkMode"] or "default",
        "ports": sorted((port, found[0]["HostIp"]) for port, found in (host["PortBindings"] or {}).items()),
    }


def wait_for_ping(container: Container) -> str:
    """Wait until the container answers /ping. Return its address."""
    container.reload()
    port = container.attrs["NetworkSettings"]["Ports"]["8080/tcp"][0]["HostPort"]
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        try:
            with urllib.request.urlopen(f"{url}/ping", timeout=10) as answer:
                return bool(answer.status == 200)
        except OSError:  # not yet there, or not yet 200
            return False

    wait_until(answers, 120)
    return url
