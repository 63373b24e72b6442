"""The start and the failures of the server's processes, and the memory that they share."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import socket
import statistics
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil
import pytest

from tests.contract.cases import LINE
from tests.contract.conftest import Start
from tests.contract.models import REGRESSION
from tests.contract.serving import Server, start_program, start_server, wait_until
from tests.contract.test_http import read_answers, request


def _cut(model: str) -> str:
    return model[: len(model) // 2]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            lambda folder: (folder / "lightgbm-regression-model.txt").unlink(),
            "lightgbm-regression-model.txt does not exist",
        ),
        (lambda folder: (folder / "lightgbm-regression-model.txt").write_text("hello"), "not a LightGBM text model"),
        (lambda folder: (folder / "lightgbm-regression-model.txt").write_bytes(b"\xff\x00"), "cannot be read"),
        (
            lambda folder: (folder / "lightgbm-regression-model.txt").write_text(
                _cut((folder / "lightgbm-regression-model.txt").read_text())
            ),
            "truncated",
        ),
        (lambda folder: (folder / "metadata.json").write_text("{"), "metadata.json cannot be read"),
        (lambda folder: (folder / "metadata.json").write_text('{"schema": {}}'), "format_version must be 1, got None"),
        (
            lambda folder: (folder / "metadata.json").write_text(
                json.dumps(
                    {
                        "schema": {
                            "format_version": 1,
                            "features": [{"name": "a", "type": "numeric"}],
                            "target": {"name": "y", "classes": None},
                        }
                    }
                )
            ),
            "describes 1 features, but the model has 13",
        ),
    ],
)
def test_server_says_why_and_exits_with_1_when_the_model_cannot_be_served(
    change: Callable[[Path], object], says: str, tmp_path: Path, roots: Mapping[str, Path]
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for file in (roots[REGRESSION] / "model").iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    change(folder)
    server = start_server(tmp_path)
    pinged = b""
    with socket.create_connection((server.host, server.port)) as connection:
        connection.sendall(b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            pinged = connection.recv(100)
    assert server.process.wait(timeout=20) == 1
    assert pinged == b""
    errors = [line for line in server.log.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert says in errors[0]
    assert "Traceback" not in server.log


def _with_manifest(folder: Path, root: Path) -> Path:
    """Return a copy of the model with a manifest, and with a file that it does not list."""
    (folder / "model").mkdir()
    for file in (root / "model").iterdir():
        (folder / "model" / file.name).write_bytes(file.read_bytes())
    members = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in (root / "model").iterdir()}
    (folder / "model" / "notes.txt").write_text("mine")
    (folder / "model" / "lgbm-sm-manifest.json").write_text(json.dumps({"format_version": 1, "members": members}))
    return folder


def test_server_never_answers_when_a_file_is_not_what_the_manifest_names(
    tmp_path: Path, roots: Mapping[str, Path]
) -> None:
    root = _with_manifest(tmp_path, roots[REGRESSION])
    metadata_path = root / "model" / "metadata.json"
    # the same metadata to a reader
    metadata_path.write_text(metadata_path.read_text() + " ")
    server = start_server(root)
    assert server.process.wait(timeout=20) == 1
    [line] = server.log.splitlines()
    assert line.startswith(f"error: {metadata_path} was changed: ")
    assert "LGBM_RUNTIME_UNCHECKED=1" in line


@pytest.mark.parametrize(
    ("change", "variables", "says"),
    [
        (
            lambda _: None,
            {},
            "these files are served unchecked, because lgbm-sm-manifest.json does not list them: notes.txt",
        ),
        (lambda manifest: manifest.unlink(), {}, "could not be checked: there is no lgbm-sm-manifest.json"),
        (
            lambda manifest: manifest.write_text("{"),
            {"LGBM_RUNTIME_UNCHECKED": "1"},
            "are not checked: LGBM_RUNTIME_UNCHECKED=1",
        ),
    ],
)
def test_server_answers_and_says_what_it_has_not_checked(
    change: Callable[[Path], object],
    variables: dict[str, str],
    says: str,
    tmp_path: Path,
    roots: Mapping[str, Path],
) -> None:
    root = _with_manifest(tmp_path, roots[REGRESSION])
    change(root / "model" / "lgbm-sm-manifest.json")
    server = start_server(root, environment=variables)
    try:
        assert server.endpoint().ask("POST", "/invocations", LINE, {"Content-Type": "text/csv"}).status == 200
    finally:
        server.close()
    # by the parent alone, not by each worker
    assert server.log.count(says) == 1


def test_worker_is_replaced_when_it_is_killed(start: Start) -> None:
    server = start()
    endpoint = server.endpoint()
    victim, other = endpoint.workers
    victim.kill()
    server.wait_for_log(f"worker {victim.pid} was ended by SIGKILL; starting another one")
    wait_until(lambda: len(server.children()) == 2 and other in server.children())
    for _ in range(20):
        assert endpoint.ask("POST", "/invocations", LINE, {"Content-Type": "text/csv"}).status == 200
        endpoint.hang_up()
    assert server.terminate() == 0


@pytest.mark.slow
def test_server_gives_up_when_worker_after_worker_dies(start: Start) -> None:
    server = start(1)
    server.wait_for_log(" serving ")
    for deaths in range(1, 7):
        wait_until(lambda: bool(server.children()))
        server.children()[0].kill()
        server.wait_for_log("SIGKILL", deaths)
    assert server.process.wait(timeout=10) == 1
    assert "so the server stops" in server.log


def test_no_worker_is_left_when_the_parent_is_killed(start: Start) -> None:
    server = start()
    workers = server.endpoint().workers
    server.process.kill()
    server.process.wait()
    _, alive = psutil.wait_procs(workers, timeout=10)
    assert alive == []


def test_no_worker_is_left_when_the_parent_is_killed_while_it_loads(start: Start) -> None:
    server = start()
    wait_until(lambda: bool(server.children()))
    workers = server.children()
    server.process.kill()
    server.process.wait()
    _, alive = psutil.wait_procs(workers, timeout=10)
    assert alive == []


def test_workers_and_threads_do_not_exceed_the_processors(start: Start) -> None:
    server = start(1)
    server.wait_for_log(" serving ")
    assert f"with 1 worker x {len(os.sched_getaffinity(0))} threads" in server.log


def test_port_is_the_one_that_the_platform_names(tmp_path: Path, roots: Mapping[str, Path]) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    variables = {"SAGEMAKER_BIND_TO_PORT": str(port), "LGBM_RUNTIME_WORKERS": "1"}
    process, log_path = start_program(["serve", "--root", str(roots[REGRESSION])], tmp_path, variables)
    server = Server(process, log_path, "127.0.0.1", port)
    try:
        assert server.endpoint().ask("GET", "/ping").status == 200
    finally:
        server.close()


@pytest.mark.parametrize(
    ("arguments", "variables", "says"),
    [
        (["--fd", "77"], {}, "descriptor 77 is not a socket"),
        (["--port", "99999"], {}, "cannot listen on port 99999"),
        ([], {"SAGEMAKER_BIND_TO_PORT": "http"}, "SAGEMAKER_BIND_TO_PORT must be a number from "),
        (
            ["--port", "0"],
            {"LGBM_RUNTIME_WORKERS": "0"},
            "LGBM_RUNTIME_WORKERS must be a number from 1 to 256, got '0'",
        ),
    ],
)
def test_server_says_why_and_exits_with_1_when_it_cannot_start(
    arguments: list[str], variables: Mapping[str, str], says: str, tmp_path: Path, roots: Mapping[str, Path]
) -> None:
    process, log_path = start_program(["serve", "--root", str(roots[REGRESSION]), *arguments], tmp_path, variables)
    assert process.wait(timeout=20) == 1
    log = log_path.read_text()
    assert log.startswith("error: ")
    assert log.count("\n") == 1
    assert says in log


def test_port_in_use_is_said_when_the_server_starts(tmp_path: Path, roots: Mapping[str, Path]) -> None:
    with socket.socket() as listener:
        listener.bind(("0.0.0.0", 0))
        listener.listen()
        arguments = ["serve", "--root", str(roots[REGRESSION]), "--port", str(listener.getsockname()[1])]
        process, log_path = start_program(arguments, tmp_path, {})
        assert process.wait(timeout=20) == 1
    assert "Address already in use" in log_path.read_text()


def test_usage_is_shown_when_the_command_is_unknown(tmp_path: Path) -> None:
    process, log_path = start_program(["sreve"], tmp_path, {})
    assert process.wait(timeout=20) == 2
    assert "invalid choice: 'sreve'" in log_path.read_text()


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="needs Linux's /proc")
def test_memory_is_that_of_one_process_and_little_for_each_worker(start: Start) -> None:
    server = start(4)
    server.wait_for_log(" serving ")
    pids = [server.process.pid, *(worker.pid for worker in server.children())]
    shares = [memory_share(pid) for pid in pids]
    assert len(shares) == 5
    assert sum(shares) < 90e6
    assert max(shares) < 30e6


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs Linux's /proc")
def test_nothing_is_loaded_that_serving_does_not_need(start: Start) -> None:
    server = start(1)
    server.wait_for_log(" serving ")
    for process in (psutil.Process(server.process.pid), *server.children()):
        loaded = Path(f"/proc/{process.pid}/maps").read_text()
        assert "lib_lightgbm" in loaded
        assert not re.search(r"/(scipy|pandas|sklearn|pyarrow)/", loaded)
        # a process with threads cannot be forked
        assert process.num_threads() == 1


def memory_share(pid: int) -> int:
    """Return the process's proportional set size in bytes, which divides shared memory."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def test_connections_are_shared_out_among_the_workers(start: Start) -> None:
    endpoint = start(2).endpoint()
    connections = [endpoint.connect() for _ in range(12)]
    try:
        # that a worker takes them says more than that the kernel does
        for connection in connections:
            connection.sendall(request())
            read_answers(connection, 1)
        counts = [len(worker.net_connections("tcp")) - 1 for worker in endpoint.workers]
    finally:
        for connection in connections:
            connection.close()
    assert sum(counts) == len(connections)
    assert min(counts) >= 4


def test_connections_find_a_worker_when_another_is_dead_or_stopped(start: Start) -> None:
    server = start(2)
    stopped = server.endpoint().workers[0]
    stopped.suspend()
    try:
        for _ in range(6):
            with server.endpoint().connect() as connection:
                connection.sendall(request())
                assert read_answers(connection, 1)[0][0] == 200
    finally:
        stopped.resume()


@pytest.mark.slow
def test_small_requests_are_not_starved_by_large_ones(start: Start) -> None:
    endpoint = start(2).endpoint()
    large_body = b"\n".join([LINE] * 20_000)
    large_seconds: list[float] = []
    stopped = threading.Event()

    def keep_sending() -> None:
        with endpoint.connect(60) as connection:
            while not stopped.is_set():
                began = time.monotonic()
                connection.sendall(request(large_body))
                assert read_answers(connection, 1)[0][0] == 200
                large_seconds.append(time.monotonic() - began)

    clients = [threading.Thread(target=keep_sending) for _ in range(4)]
    for client in clients:
        client.start()
    small_seconds: list[float] = []
    with endpoint.connect() as connection:
        time.sleep(0.3)
        for _ in range(400):
            began = time.monotonic()
            connection.sendall(request())
            assert read_answers(connection, 1)[0][0] == 200
            small_seconds.append(time.monotonic() - began)
            time.sleep(0.002)
    stopped.set()
    for client in clients:
        client.join()
    percentile_99 = sorted(small_seconds)[int(len(small_seconds) * 0.99)]
    assert percentile_99 < statistics.median(large_seconds)
