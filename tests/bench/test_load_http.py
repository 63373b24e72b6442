"""The HTTP client counts each request once, for each behavior of the server."""

import gc
import io
import itertools
import socket
import ssl
import warnings
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from lgbm_sm.bench.http_client import Address, HttpClient, parse_url
from lgbm_sm.bench.requests import Load, cut_requests
from lgbm_sm.bench.samples import Samples
from lgbm_sm.bench.steps import Schedule, check_first_answer, run_steps
from lgbm_sm.errors import InvocationError, UsageError
from tests.bench.hostile_server import HostileServer, running_server

ROWS = b"".join(b"%d,%d\n" % (number, number * 7) for number in range(10))


@pytest.fixture(autouse=True)
def _nothing_of_other_tests_is_collected_here() -> None:
    """Collect garbage before the test.

    The client collects garbage before it measures. It would report connections that other tests have not closed.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture
def server() -> Iterator[HostileServer]:
    with running_server() as server:
        yield server


def load(rows: int = 1) -> Load:
    return cut_requests(io.BytesIO(ROWS), "text/csv", rows)


def samples_of(
    url: str, concurrency: int = 4, seconds: float = 20, most_requests: int = 80, timeout: float = 10
) -> Samples:
    client = HttpClient(parse_url(url), load(), "*/*", timeout)
    try:
        return client.run(concurrency, seconds, most_requests)
    finally:
        client.close()


def self_signed(folder: Path, host: str) -> tuple[Path, Path]:
    """Write a certificate for the host and its key. Return their paths."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate_path, key_path = folder / "certificate.pem", folder / "key.pem"
    certificate_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    key_path.write_bytes(key.private_bytes(encoding, form, serialization.NoEncryption()))
    return certificate_path, key_path


def test_each_request_is_counted_once_and_rows_take_turns(server: HostileServer) -> None:
    samples = samples_of(server.url("good?a=b"), most_requests=100)
    assert (len(samples.latencies_ns), samples.failures) == (100, {})
    assert Counter(server.bodies) == {row + b"\n": 10 for row in ROWS.splitlines()}
    assert server.connections == 4
    host = f"127.0.0.1:{server.server_port}"
    expected = {"host": host, "content-type": "text/csv", "accept": "*/*"}
    assert {name: server.heads[0][name] for name in expected} == expected


@pytest.mark.parametrize("path", ["once", "unframed"])
def test_each_request_is_answered_when_the_server_keeps_no_connection(server: HostileServer, path: str) -> None:
    samples = samples_of(server.url(path), most_requests=40)
    assert (len(samples.latencies_ns), samples.failures) == (40, {})
    assert (len(server.bodies), server.connections) == (40, 40)


def test_an_answer_in_chunks_is_one_answer(server: HostileServer) -> None:
    samples = samples_of(server.url("chunked"), most_requests=40)
    assert (len(samples.latencies_ns), samples.failures, server.connections) == (40, {}, 4)


def test_errors_are_counted_by_their_status_with_one_example(server: HostileServer) -> None:
    samples = samples_of(server.url("failing"), most_requests=40)
    assert len(samples.latencies_ns) == 30
    assert {kind: failure.count for kind, failure in samples.failures.items()} == {"500": 10}
    assert samples.failures["500"].example.startswith("failure number ")
    assert len(server.bodies) == samples.requests == 40


def test_a_broken_connection_is_an_error_and_the_client_goes_on(server: HostileServer) -> None:
    samples = samples_of(server.url("closing"), most_requests=40)
    assert {kind: failure.count for kind, failure in samples.failures.items()} == {"connection closed": 10}
    assert (len(samples.latencies_ns), len(server.bodies)) == (30, 40)


def test_the_time_is_the_servers_when_it_is_slow(server: HostileServer) -> None:
    samples = samples_of(server.url("slow"), concurrency=2, seconds=0.5, most_requests=1000)
    assert len(samples.latencies_ns) == len(server.bodies) <= 22
    assert min(samples.latencies_ns) >= 50e6
    assert samples.seconds >= 0.5
    assert samples.client_cpus < 0.5


def test_an_answer_that_takes_too_long_is_an_error_and_the_load_ends(server: HostileServer) -> None:
    samples = samples_of(server.url("stuck"), concurrency=2, seconds=0.3, timeout=1)
    assert len(samples.latencies_ns) == 1
    assert set(samples.failures) == {"timeout"}
    assert samples.seconds < 10


@pytest.mark.parametrize("path", ["garbage"])
def test_what_does_not_speak_http_is_an_error(server: HostileServer, path: str) -> None:
    samples = samples_of(server.url(path), most_requests=3)
    assert {kind: failure.count for kind, failure in samples.failures.items()} == {"not HTTP": 3}
    assert "SSH-2.0" in samples.failures["not HTTP"].example


def test_each_attempt_is_an_error_when_nobody_answers() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        samples = samples_of(f"http://127.0.0.1:{unused.getsockname()[1]}/", most_requests=6)
    assert {kind: failure.count for kind, failure in samples.failures.items()} == {"no connection": 6}


def test_steps_share_the_requests_and_a_warm_up_does_not_count(server: HostileServer) -> None:
    schedule = Schedule((1, 8, 3), seconds=20, most_requests=301, timeout_seconds=10)
    client = HttpClient(parse_url(server.url("good")), load(), "*/*", 10)
    try:
        made = check_first_answer(client, schedule)
        steps = list(run_steps(client, schedule, lambda: None, made))
    finally:
        client.close()
    assert made == 1
    assert [(step.concurrency, step.warm_up, step.good, step.is_cut) for step in steps] == [
        (1, 20, 80, True),
        (8, 20, 80, True),
        (3, 20, 80, True),
    ]
    assert len(server.bodies) == 301
    # what the widest step has opened is used by the others
    assert server.connections == 8


def test_a_step_ends_with_its_time_when_requests_are_left(server: HostileServer) -> None:
    schedule = Schedule((2,), seconds=0.3, most_requests=1000, timeout_seconds=10)
    client = HttpClient(parse_url(server.url("slow")), load(), "*/*", 10)
    try:
        [step] = run_steps(client, schedule, lambda: None, 0)
    finally:
        client.close()
    assert not step.is_cut
    assert step.latency
    assert step.latency.p50 >= 50
    assert len(server.bodies) == step.warm_up + step.good
    assert step.requests_per_second == pytest.approx(step.good / step.seconds)


def test_nothing_is_loaded_when_the_first_requests_are_refused(server: HostileServer) -> None:
    client = HttpClient(parse_url(server.url("refusing")), load(), "*/*", 10)
    try:
        with pytest.raises(InvocationError, match="first 3 requests failed: 415: no such type"):
            check_first_answer(client, Schedule((1,), 1, 100, 10))
    finally:
        client.close()
    assert len(server.bodies) == 3


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://localhost:8080/invocations", Address("localhost", 8080, False, "localhost:8080", "/invocations")),
        ("https://example.com", Address("example.com", 443, True, "example.com", "/")),
        ("http://[::1]:8080/a?b=c#d", Address("::1", 8080, False, "[::1]:8080", "/a?b=c")),
    ],
)
def test_a_url_is_taken_apart(url: str, address: Address) -> None:
    assert parse_url(url) == address


@pytest.mark.parametrize(
    "url",
    [
        "localhost:8080",
        "ftp://a/b",
        "http://",
        "http://a:b/",
        "http://a:99999/",
        "http://a/ b\r\nX: y",
        "http://me:secret@a/",
        "http://[::1/",
    ],
)
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="not an HTTP URL"):
        parse_url(url)


def test_the_load_is_endless_though_the_rows_are_few() -> None:
    bodies = load(rows=4).bodies
    assert len(bodies) == 5
    lines = b"".join(bodies).splitlines()
    assert lines == list(itertools.islice(itertools.cycle(ROWS.splitlines()), 20))


def test_a_server_with_a_certificate_is_loaded_when_it_is_trusted_only(
    server: HostileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate_path, key_path = self_signed(tmp_path, "localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate_path, key_path)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    url = f"https://localhost:{server.server_port}/once"
    refused = samples_of(url, most_requests=2)
    assert "certificate verify failed" in refused.failures["no connection"].example
    assert server.bodies == []
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate_path))
    samples = samples_of(url, most_requests=20)
    assert (len(samples.latencies_ns), samples.failures, len(server.bodies)) == (20, {}, 20)
