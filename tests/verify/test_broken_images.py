"""Each broken image fails only the check of its own mistake."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from lgbm_sm.errors import ExitCode
from lgbm_sm.verify.checks import Binding, Verdict, exit_code_of
from lgbm_sm.verify.checks.stopping import MEMORY, RESTART
from tests.verify.conforming_image import broken_image, image_of_another_platform, needed_server
from tests.verify.conftest import Verifier

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(300)]

# what the program of the image does wrong -> the check that says so, and what it has seen
DEFECTS = {
    "knows no train": ("train-completes", "exit code 2"),
    "reads hyperparameters as numbers": ("train-hyperparameters", "is no number"),
    "reads quoted values literally": ("train-hyperparameters-quoted", "which is no number"),
    "reads flat channels only": ("train-nested-files", "there are no rows"),
    "writes into a channel": ("train-read-only-inputs", "Read-only file system"),
    "needs a network to train": ("train-network", "no network"),
    "writes the model elsewhere": ("train-artifacts", "/opt/ml/model is empty"),
    "links to its model": ("train-artifacts", "model.txt is a link to /tmp/model.txt"),
    "exit code 0 on failure": ("train-failure-exit-code", "exit code 0"),
    "no failure file": ("train-failure-file", "is missing or empty"),
    "deaf training": ("train-sigterm", "still running 3 s after SIGTERM"),
    "ends at once": ("serve-starts", "ended with exit code 3"),
    "writes into the model": ("serve-read-only-model", "no cache: Read-only file system"),
    "needs a network to serve": ("serve-network", "no network"),
    "another port": ("serve-port", "listens on 9090 on all interfaces"),
    "loopback only": ("serve-interfaces", "listens on 8080 on 127.0.0.1"),
    "never healthy": ("serve-first-ping", "503"),
    "slow ping": ("serve-ping-time", "5 of 5 pings of the ready server were late: 200 after 3."),
    "ping without a model": ("serve-ping-truth", "200 with a model that fails to load, and then 500 (no model)"),
    "ping before it can predict": ("serve-ping-truth", "the first request then gave 503"),
    "no invocations": ("serve-invocations", "404"),
    "takes no single row": ("serve-one-row", "500 (no matrix)"),
    "takes content types literally": ("serve-content-type-parameters", "text/csv; charset=utf-8: 415"),
    "predicts at GET": ("serve-wrong-method", "GET /invocations: 200"),
    "execution parameters fail": ("serve-execution-parameters", "500"),
    "dies of an empty body": ("serve-empty-body", "the container ended with exit code 70"),
    "dies of a hostile body": ("serve-hostile-body", "the container ended with exit code 70"),
    "500 for hostile bodies": ("serve-client-errors", "bytes that are not text: 500"),
    "takes no 6 MB": ("serve-6-mb", "6,291,360 bytes: 413"),
    "takes no 25 MB": ("serve-25-mb", "26,214,000 bytes: 413"),
    "one at a time": ("serve-concurrent-requests", "pings during requests failed"),
    "drops requests": ("serve-drain", "was lost: the connection broke"),
    "deaf server": ("serve-sigterm", "still running 5 s after SIGTERM"),
    "keeps a lock": ("serve-restart", "it runs already"),
    "leaks": ("serve-memory", "memory after each round"),
}
# lines at the end of the Dockerfile -> likewise
DOCKERFILES = {
    "shell-form": (
        "ENTRYPOINT /opt/program/start",
        ("image-entry-point-form", "ENTRYPOINT ['/bin/sh', '-c', '/opt/program/start']"),
    ),
    "shell-that-stays": (
        'ENTRYPOINT ["/bin/sh", "-c", "/opt/program/start $0; exit $?"]',
        ("image-entry-point-form", "/opt/program/start $0; exit $?"),
    ),
    "not-executable": (
        "RUN chmod 644 /opt/program/start",
        ("image-programs", "not executable: /opt/program/start (mode 644)"),
    ),
    "no-such-program": ('ENTRYPOINT ["/opt/program/absent"]', ("image-programs", "/opt/program/absent")),
    "neither-train-nor-serve": ("ENTRYPOINT []", ("image-programs", "not found on PATH: serve, train")),
    "line-endings": ("RUN sed -i 's/$/\\r/' /opt/program/start", ("image-line-endings", "/opt/program/start")),
    "user": ("USER nobody", ("image-user", "runs as nobody")),
    "file-in-opt-ml": (
        "RUN mkdir -p /opt/ml/program && touch /opt/ml/program/settings\nENV DEFECT='keeps a file in /opt/ml'",
        ("train-opt-ml", "no settings"),
    ),
}
LASTING = {MEMORY.name, RESTART.name}


@pytest.fixture(scope="module")
def needed(engine: docker.DockerClient, base_image: str, docker_session: str) -> Iterator[str]:
    with needed_server(engine, base_image, docker_session) as address:
        yield address


@pytest.fixture
def broken(
    request: pytest.FixtureRequest, engine: docker.DockerClient, conforming: str, needed: str, docker_session: str
) -> Iterator[tuple[str, str, str]]:
    """An image, and the name and the reason of the check that it fails."""
    name, lines, (check, seen) = request.param
    lines = lines.replace("NEEDED=", f"NEEDED={needed}")
    image = broken_image(engine, conforming, name.replace(" ", "-").lower(), lines, docker_session)
    yield image, check, seen
    engine.images.remove(image, force=True)


CASES = [pytest.param((name, f'ENV NEEDED= DEFECT="{name}"', expected), id=name) for name, expected in DEFECTS.items()]
CASES += [pytest.param((name, lines, expected), id=name) for name, (lines, expected) in DOCKERFILES.items()]


@pytest.mark.parametrize("broken", CASES, indirect=True)
def test_an_image_fails_for_its_own_reason_and_for_no_other(
    broken: tuple[str, str, str], verify: Verifier, model: Path
) -> None:
    image, check, seen = broken
    # a defect of the program in one of its commands is none in the other, which the conforming image has shown
    command = check.partition("-")[0].replace("image", "")
    report = verify(image, full=check in LASTING, model=model, only=command)
    found = {result.check.name: result.seen for result in report.results if not result.is_met}
    assert list(found) == [check], found
    assert seen in found[check]
    [result] = [result for result in report.results if not result.is_met]
    is_rule = result.check.binding is Binding.RULE
    assert result.verdict is (Verdict.FAIL if is_rule else Verdict.WARNING)
    assert exit_code_of([report], strict=False) == (ExitCode.IMAGE if is_rule else ExitCode.OK)
    assert exit_code_of([report], strict=True) == ExitCode.IMAGE


def test_an_image_for_another_processor_fails_by_its_platform_alone(
    engine: docker.DockerClient, conforming: str, docker_session: str, verify: Verifier
) -> None:
    image = image_of_another_platform(engine, conforming, docker_session)
    try:
        report = verify(image, only="train")
        found = {result.check.name: result.seen for result in report.results if not result.is_met}
        assert found == {"image-platform": "linux/arm64: only Graviton instances run it"}
    finally:
        engine.images.remove(image, force=True)
