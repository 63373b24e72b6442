"""`bench` with the endpoint of a trained project, and with another server."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.hostile_server import HostileServer, running_server
from tests.cli.conftest import CommandLine


@pytest.fixture
def server() -> Iterator[HostileServer]:
    with running_server() as server:
        yield server


@pytest.mark.slow
def test_the_projects_endpoint_is_loaded_with_the_test_rows(boston: CommandLine, tmp_path: Path) -> None:
    plot = tmp_path / "bench.png"
    finished = boston(
        *("bench", "--output", "json", "--plot", str(plot), "--rows", "2"),
        *("--concurrency", "1,4", "--seconds", "0.6", "--rate", "1e6", "--p99-ms", "60000"),
    )
    result = json.loads(finished.stdout)
    assert (result["rows_per_request"], result["distinct_rows"], result["loop"]) == (2, 102, "closed")
    assert result["client_shares_machine"]
    assert [step["concurrency"] for step in result["steps"]] == [1, 4]
    for step in result["steps"]:
        assert step["errors"] == {}
        assert 0 < step["latency_ms"]["p50"] <= step["latency_ms"]["p90"] <= step["latency_ms"]["p99"]
        assert step["latency_ms"]["p99"] <= step["latency_ms"]["max"] <= step["seconds"] * 1000
        assert step["requests_per_second"] * step["seconds"] == pytest.approx(step["requests"])
        assert step["rows_per_second"] == pytest.approx(2 * step["requests_per_second"])
        # a closed loop: so many clients cannot have had more time than there was
        busy_seconds = step["requests"] * step["latency_ms"]["p50"] / 1000 / 2
        assert busy_seconds <= step["concurrency"] * step["seconds"]
        assert step["server"]["cpus"] > 0
        assert 10e6 < step["server"]["memory_bytes"] < 2e9
    assert sum(step["requests"] + step["warm_up_requests"] for step in result["steps"]) == result["requests"] - 1
    each = max(step["requests_per_second"] for step in result["steps"])
    assert result["advice"]["requests_per_second_per_instance"] == each
    assert (result["advice"]["instances"] - 1) * each < 1e6 <= result["advice"]["instances"] * each
    assert plot.read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_table_is_shown_and_a_file_may_be_sent(boston: CommandLine, tmp_path: Path) -> None:
    rows = (boston.folder / "data/test/boston_test.csv").read_text().splitlines()[:3]
    (tmp_path / "rows.csv").write_text("\n".join(rows))
    options = ("--concurrency", "2", "--seconds", "5", "--most-requests", "60")
    text = boston("bench", str(tmp_path / "rows.csv"), *options).stdout
    head, line, *rest = text.splitlines()
    assert head.split()[:2] == ["clients", "requests/s"]
    assert ("CPUs" in head, "memory" in head) == (True, True)
    assert line.split()[0] == "2"
    assert line.endswith("ended by --most-requests")
    assert any(note.startswith("closed loop: ") for note in rest)


def test_any_server_is_loaded_by_its_address_and_asked_as_often_as_is_said(
    lgbm_sm: CommandLine, server: HostileServer
) -> None:
    (lgbm_sm.folder / "rows.jsonl").write_text('{"a": 1}\n{"a": 2}\n')
    options = ("--concurrency", "1,3", "--most-requests", "121", "--accept", "application/json", "--output", "json")
    result = json.loads(lgbm_sm("bench", "rows.jsonl", "--url", server.url("failing"), *options).stdout)
    assert len(server.bodies) == result["requests"] == 121
    assert set(server.bodies) == {b'{"a": 1}\n', b'{"a": 2}\n'}
    assert {head["content-type"] for head in server.heads} == {"application/jsonlines"}
    assert {head["accept"] for head in server.heads} == {"application/json"}
    for step in result["steps"]:
        assert step["errors"]["500"]["count"] == step["requests"] / 4
        assert step["server"] is None
    text = lgbm_sm("bench", "rows.jsonl", "--url", server.url("failing"), "--most-requests", "100").stdout
    assert "x 500, the first: failure number" in text
    assert "CPU and memory are unknown" in text


def test_a_server_that_refuses_the_rows_is_not_loaded(lgbm_sm: CommandLine, server: HostileServer) -> None:
    (lgbm_sm.folder / "rows.csv").write_text("1,2\n")
    refused = lgbm_sm("bench", "rows.csv", "--url", server.url("refusing"), exit_code=9)
    assert "error: the first 3 requests failed: 415: no such type" in refused.stderr
    assert len(server.bodies) == 3


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (["--url", "nonsense"], 2, "--url nonsense: not an HTTP URL"),
        (["--url", "http://127.0.0.1:1/", "--endpoint", "e"], 2, "--url and --endpoint"),
        (["--concurrency", "1,many"], 2, "--concurrency 1,many"),
        (["--concurrency", "0"], 2, "--concurrency 0"),
        (["--most-requests", "99"], 2, "--most-requests 99"),
        (["--plot", "bench.pdf"], 2, "the suffix must be .png or .svg"),
        (["--content-type", "text/csv"], 2, "--content-type needs a FILE"),
        (["--url", "http://127.0.0.1:1/"], 4, "prepare-data"),
        (["missing.csv", "--url", "http://127.0.0.1:1/"], 4, "could not read missing.csv"),
        (["rows.csv", "--url", "http://127.0.0.1:1/", "--concurrency", "1"], 9, "first 3 requests failed"),
        (["rows.csv", "--url", "http://192.0.2.1/"], 2, "bench needs a confirmation before it loads http://192.0.2.1/"),
        ([], 8, "no endpoint in service"),
    ],
)
def test_what_cannot_be_loaded_is_refused_with_a_hint(
    lgbm_sm: CommandLine, arguments: list[str], exit_code: int, message: str
) -> None:
    (lgbm_sm.folder / "rows.csv").write_text("1,2\n")
    refused = lgbm_sm("bench", *arguments, exit_code=exit_code)
    assert refused.stdout == ""
    assert message in refused.stderr
    assert refused.stderr.splitlines()[-1].startswith("hint: ")
