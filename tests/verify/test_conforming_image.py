"""An image that keeps the contract passes, and a verification leaves nothing behind."""

from __future__ import annotations

import io
import json
import os
import signal
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest

from lgbm_sm.backends.docker.engine import Engine
from lgbm_sm.verify.checks import Area, Report, Verdict
from lgbm_sm.verify.sandbox import VERIFICATION_LABEL, remove_abandoned
from tests.cli.conftest import CommandLine
from tests.contract.serving import wait_until
from tests.verify.conforming_image import broken_image
from tests.verify.conftest import Verifier

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(300)]

SERVE_ON_PATH = r"""
ENTRYPOINT []
RUN printf '#!/bin/sh\nexec /opt/program/start serve\n' >/usr/local/bin/serve && chmod 755 /usr/local/bin/serve
"""


@pytest.fixture
def command_line(tmp_path: Path) -> CommandLine:
    """A command line without a project. Its files are in the folder of the test."""
    return CommandLine(tmp_path, {"TMPDIR": str(tmp_path)})


def left_by(engine: docker.DockerClient, process_id: int) -> list[str]:
    """Return the containers, networks and volumes that a process's verification has left."""
    found = [*engine.api.containers(all=True), *engine.api.networks(), *(engine.api.volumes()["Volumes"] or ())]
    labels = [(one.get("Labels") or {}).get(VERIFICATION_LABEL, "") for one in found]
    return [label for label in labels if f"/{process_id}/" in label]


def test_every_check_passes_when_the_contract_is_kept(
    conforming: str, verify: Verifier, engine: docker.DockerClient
) -> None:
    report = verify(conforming, full=True)
    others = {one.check.name: (one.verdict, one.seen) for one in report.results if one.verdict is not Verdict.PASS}
    assert list(others) == ["image-manifest"], others
    assert left_by(engine, os.getpid()) == []


def verdicts(report: Report, area: Area) -> set[Verdict]:
    return {result.verdict for result in report.results if result.check.area is area}


def test_training_is_skipped_when_the_image_only_serves(
    engine: docker.DockerClient, conforming: str, docker_session: str, verify: Verifier, model: Path
) -> None:
    image = broken_image(engine, conforming, "only-serves", SERVE_ON_PATH, docker_session)
    try:
        report = verify(image, model=model)
    finally:
        engine.images.remove(image, force=True)
    assert [result for result in report.results if not result.is_met] == []
    assert verdicts(report, Area.TRAINING) == {Verdict.SKIPPED}
    assert Verdict.PASS in verdicts(report, Area.SERVING)
    [reason] = {result.seen for result in report.results if result.check.area is Area.TRAINING}
    assert reason == "the image has no program `train`"


def test_serving_is_skipped_when_there_is_no_model(conforming: str, verify: Verifier) -> None:
    report = verify(conforming, only="serve")
    assert [result for result in report.results if not result.is_met] == []
    assert {one.seen for one in report.results if one.check.area is Area.SERVING} == {"no model: pass --model FILE"}


def test_an_archive_with_a_folder_around_it_fails_by_its_layout_alone(
    conforming: str, verify: Verifier, tmp_path: Path
) -> None:
    path = tmp_path / "packed-wrong.tar.gz"
    with tarfile.open(path, "w:gz") as made:
        member = tarfile.TarInfo("model/model.txt")
        member.size = 17
        made.addfile(member, io.BytesIO(b"model of 50 rows\n"))
    report = verify(conforming, model=path, only="serve")
    assert [result.check.name for result in report.results if not result.is_met] == ["archive-top-folder"]


@pytest.fixture
def interrupted(
    command_line: CommandLine, conforming: str, engine: docker.DockerClient
) -> Iterator[Callable[[signal.Signals], tuple[int, int]]]:
    def interrupt(number: signal.Signals) -> tuple[int, int]:
        """Interrupt a verification while a container runs.

        Return its process id and its exit code.
        """
        process = command_line.start("verify", conforming)
        wait_until(lambda: process.poll() is not None or len(left_by(engine, process.pid)) > 3, 60)
        assert process.poll() is None, process.communicate()
        process.send_signal(number)
        process.communicate(timeout=60)
        return process.pid, process.returncode

    yield interrupt
    remove_abandoned(Engine(os.environ))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_nothing_is_left_when_it_is_interrupted(
    number: signal.Signals,
    interrupted: Callable[[signal.Signals], tuple[int, int]],
    engine: docker.DockerClient,
) -> None:
    process_id, code = interrupted(number)
    assert code == 130
    assert left_by(engine, process_id) == []


def test_the_next_verification_removes_what_a_killed_one_has_left(
    interrupted: Callable[[signal.Signals], tuple[int, int]],
    engine: docker.DockerClient,
    conforming: str,
    verify: Verifier,
) -> None:
    process_id, _ = interrupted(signal.SIGKILL)
    assert left_by(engine, process_id) != []
    verify(conforming, only="serve")
    assert left_by(engine, process_id) == []


def test_the_command_says_what_it_has_found_and_writes_junit(
    command_line: CommandLine, engine: docker.DockerClient, conforming: str, docker_session: str, model: Path
) -> None:
    (command_line.folder / "rows.csv").write_text("1,2\n")
    image = broken_image(engine, conforming, "nobody", "USER nobody", docker_session)
    options = ("--model", str(model), "--request", "rows.csv", "--only", "serve", "--junit", "report.xml")
    try:
        told = command_line("verify", image, *options, exit_code=5)
        as_json = command_line("verify", image, *options, "--output", "json", exit_code=5)
    finally:
        engine.images.remove(image, force=True)
    lines = told.stdout.splitlines()
    position = next(number for number, line in enumerate(lines) if line.startswith("fail "))
    assert "image-user" in lines[position]
    assert [line.split()[0] for line in lines[position + 1 : position + 4]] == ["why:", "fix:", "source:"]
    document = json.loads(as_json.stdout)
    assert document["exit_code"] == 5
    assert [one["name"] for one in document["images"][0]["checks"] if one["verdict"] == "fail"] == ["image-user"]
    assert "image-user" in (command_line.folder / "report.xml").read_text()


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (["no-such-image:1"], 5, "Docker has no image no-such-image:1"),
        # hyperparameters of another program are not LightGBM's
        (
            ["no-such-image:1", "--set", "training.hyperparameters={epochs: 3}"],
            5,
            "Docker has no image no-such-image:1",
        ),
        (["IMAGE", "--model", "absent.tar.gz"], 2, "--model absent.tar.gz: the file does not exist"),
        (["IMAGE", "--request", "absent.csv"], 2, "--request absent.csv: the file does not exist"),
        (["IMAGE", "--channels", "absent"], 2, "--channels absent: the folder does not exist"),
        (["IMAGE", "--only", "serve"], 2, "only serves, and there is no model for it"),
        (["IMAGE", "--only", "predict"], 2, "--only predict: images have no such command"),
    ],
)
def test_a_message_and_a_hint_are_given_when_nothing_can_be_verified(
    arguments: list[str], exit_code: int, message: str, command_line: CommandLine, conforming: str
) -> None:
    words = [word.replace("IMAGE", conforming) for word in arguments]
    refused = command_line("verify", *words, exit_code=exit_code)
    assert message in refused.stderr
    assert "hint: " in refused.stderr
