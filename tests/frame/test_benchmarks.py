"""The results of `make benchmark`, and their tables in our Markdown files."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.check import regressions
from benchmarks.serving import QUOTES, RESULT_PATH
from benchmarks.serving_measurements.chain import NotebookChain
from benchmarks.serving_measurements.dialects import MLFLOW_CSV, SAGEMAKER_CSV, V2_JSON, Dialect
from benchmarks.serving_measurements.measures import Figures, ratios, straw_man
from benchmarks.serving_measurements.models import SMALL, random_rows
from benchmarks.serving_measurements.peers import CHAIN, CHAIN_AS_SHIPPED, FLOOR, MLSERVER, OURS, TOOLKIT
from benchmarks.serving_measurements.soak import Memory
from benchmarks.serving_measurements.table import is_quoted, notes, table, write_quote

ONE_ROW_16 = "rows_1_clients_16"


def figures(**values: dict[str, list[float]]) -> dict[str, Any]:
    collected = Figures()
    for key, by_subject in values.items():
        for subject, numbers in by_subject.items():
            for number in numbers:
                collected.add(key, subject, number)
    return collected.document()


@pytest.fixture
def document() -> dict[str, Any]:
    """Return a handwritten result of a run, with two servers and two measures."""
    measured = figures(
        rows_1_clients_16={OURS: [900, 1000, 1100], CHAIN: [40], TOOLKIT: [50], FLOOR: [4000]},
        idle_pss={OURS: [50], CHAIN: [200], TOOLKIT: [300]},
    )
    return {
        "conditions": {
            "at": "2026-11-25T12:00:00+00:00",
            "commit": "0123456789",
            "processor": "a processor",
            "processors": 4,
            "memory_gb": 8.0,
            "system": "a system",
            "kernel": "6.1",
            "load_before": [0.1, 0.2, 0.3],
        },
        "generator": "wrk 4.1.0",
        "workers": 2,
        "rounds": 3,
        "long_seconds": 3,
        "subjects": {OURS: {"how": "defaults", "versions": {"lightgbm": "4.7.0"}}},
        "failures": {MLSERVER: "pip install failed\nand its last words"},
        "figures": measured,
        "ratios": ratios(measured),
    }


@pytest.fixture
def result_path(document: dict[str, Any], tmp_path: Path) -> Path:
    path = tmp_path / "result.json"
    path.write_text(json.dumps(document))
    return path


def test_our_markdown_quotes_the_result_and_nothing_where_there_is_none(checkout: Path) -> None:
    document = json.loads(RESULT_PATH.read_text()) if RESULT_PATH.exists() else None
    assert {path.relative_to(checkout).as_posix() for path in QUOTES} == {"README.md", "benchmarks/README.md"}
    assert [path for path, with_notes in QUOTES.items() if not is_quoted(path, document, with_notes=with_notes)] == []


def test_the_result_is_consistent() -> None:
    document = json.loads(RESULT_PATH.read_text())
    assert document["ratios"] == ratios(document["figures"])
    requests = {subject: figure["median"] for subject, figure in document["figures"][ONE_ROW_16].items()}
    assert document["ratios"][ONE_ROW_16] == pytest.approx(
        requests["lgbm-sm"] / max(requests["notebook's chain"], requests["Inference Toolkit on MMS"]), abs=0.005
    )
    assert straw_man(document["figures"], FLOOR) == ""
    assert "void" not in document


def test_a_quote_is_replaced_when_the_result_is_another(document: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    shutil.copy(next(path for path, with_notes in QUOTES.items() if with_notes), path)
    write_quote(path, document, with_notes=True)
    document["figures"][ONE_ROW_16][OURS]["median"] = 123_456
    assert not is_quoted(path, document, with_notes=True)
    write_quote(path, document, with_notes=True)
    assert is_quoted(path, document, with_notes=True)
    assert "| 123,456 " in path.read_text()


def test_writing_a_quote_is_refused_when_the_file_has_no_place_for_it(document: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text("nothing here\n")
    with pytest.raises(ValueError, match="0 places"):
        write_quote(path, document, with_notes=False)


def test_the_table_shows_medians_and_the_notes_who_is_missing_and_why(document: dict[str, Any]) -> None:
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table(document).splitlines()]
    assert rows[2] == ["1 row, 16 clients, requests/s", "1,000", "40.0", "-", "50.0", "-", "-", "4,000", "20.0 x"]
    assert rows[3] == ["idle memory of all processes (PSS), MB", "50.0", "200", "-", "300", "-", "-", "-", "4.0 x"]
    assert len(rows) == 4
    assert "- **MLServer** was not measured: pip install failed\n" in notes(document) + "\n"
    assert "lightgbm 4.7.0" in notes(document)


def test_a_ratio_is_taken_to_the_better_baseline_when_more_is_better() -> None:
    measured = figures(rows_1_clients_16={OURS: [90, 100, 300], CHAIN: [8], TOOLKIT: [10], CHAIN_AS_SHIPPED: [50]})
    assert ratios(measured) == {ONE_ROW_16: 10.0}


def test_a_ratio_is_taken_to_the_better_baseline_when_less_is_better() -> None:
    measured = figures(idle_pss={OURS: [50], CHAIN: [300], TOOLKIT: [200]})
    assert ratios(measured) == {"idle_pss": 4.0}


def test_a_large_request_is_compared_with_what_small_ones_wait_beside_it() -> None:
    measured = figures(p50_rows_10000_clients_1={OURS: [30]}, p99_mixed_small={OURS: [20]})
    assert ratios(measured) == {"large_request_to_mixed_p99": 1.5}


def test_the_run_is_void_when_the_chain_is_a_straw_man() -> None:
    assert "1/151" in straw_man(figures(rows_1_clients_16={CHAIN: [100], FLOOR: [15_100]}), FLOOR)
    assert straw_man(figures(rows_1_clients_16={CHAIN: [100], FLOOR: [14_900]}), FLOOR) == ""


def test_the_run_is_void_when_the_chain_was_not_measured() -> None:
    assert "not measured" in straw_man(figures(rows_1_clients_16={FLOOR: [15_000]}), FLOOR)


def test_a_peer_leaves_no_figures_where_it_failed() -> None:
    collected = Figures()
    for key in (ONE_ROW_16, "idle_pss"):
        collected.add(key, OURS, 100)
        collected.add(key, TOOLKIT, 10)
    collected.drop(TOOLKIT, [ONE_ROW_16])
    assert {key: list(of) for key, of in collected.document().items()} == {
        ONE_ROW_16: [OURS],
        "idle_pss": [OURS, TOOLKIT],
    }


def test_a_ratio_is_a_regression_when_it_is_below_its_bound_or_missing() -> None:
    bounds = {"idle_pss": 3.0, ONE_ROW_16: 25.0, "rows_100_clients_16": 6.0}
    assert regressions({"idle_pss": 3.0, ONE_ROW_16: 24.9}, bounds) == [ONE_ROW_16, "rows_100_clients_16"]


def test_check_fails_when_a_ratio_is_below_its_bound(checkout: Path, result_path: Path, tmp_path: Path) -> None:
    bounds_path = tmp_path / "bounds.json"

    def check(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "benchmarks.check", str(result_path), "--bounds", str(bounds_path)]
        return subprocess.run(
            [*command, *arguments], cwd=checkout, capture_output=True, text=True, check=False, timeout=60
        )

    assert check("--record").returncode == 0
    assert json.loads(bounds_path.read_text()) == {ONE_ROW_16: 15.0, "idle_pss": 3.0}
    assert check().returncode == 0
    bounds_path.write_text(json.dumps({ONE_ROW_16: 15.0, "idle_pss": 4.1}))
    failed = check()
    assert failed.returncode == 1
    assert [line.split()[0] for line in failed.stdout.splitlines() if "REGRESSION" in line] == ["idle_pss"]


def test_check_says_what_to_do_when_there_is_no_result(checkout: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.check", str(tmp_path / "none.json")]
    ended = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 2
    assert "none.json does not exist: make benchmark" in ended.stderr


def test_check_refuses_a_void_run(checkout: Path, document: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "void.json"
    path.write_text(json.dumps({**document, "void": "a straw man"}))
    command = [sys.executable, "-m", "benchmarks.check", str(path), "--bounds", str(path), "--record"]
    ended = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 1
    assert "is void: a straw man" in ended.stderr


def test_memory_is_flat_when_it_only_grows_in_the_first_quarter() -> None:
    assert Memory([40, 60, 80, *[100] * 9]).is_flat
    assert not Memory([float(100 + number) for number in range(12)]).is_flat


@pytest.mark.parametrize("dialect", [SAGEMAKER_CSV, MLFLOW_CSV, V2_JSON], ids=["csv", "csv with header", "V2"])
def test_rows_lose_nothing_when_they_are_written(dialect: Dialect) -> None:
    rows = random_rows(SMALL, 50, seed=3)
    names = [f"Column_{index}" for index in range(SMALL.features)]
    body = dialect.write(rows, names)
    if dialect is V2_JSON:
        read = np.array(json.loads(body)["inputs"][0]["data"])
    else:
        read = np.loadtxt(body.decode().splitlines(), delimiter=",", skiprows=int(dialect is MLFLOW_CSV))
    np.testing.assert_array_equal(read.ravel(), rows.ravel())


def test_cells_fit_into_single_precision() -> None:
    rows = random_rows(SMALL, 1000, seed=4)
    np.testing.assert_array_equal(rows.astype(np.float32).astype(np.float64), rows)
    assert len(np.unique(rows)) > 1000


def test_the_chain_keeps_no_path_of_its_container_when_it_is_a_process(tmp_path: Path) -> None:
    folder = tmp_path / "tmp" / "run"  # a folder whose path holds what is replaced
    folder.mkdir(parents=True)
    NotebookChain._copy_program(folder, 23_456)
    texts = {path.name: path.read_text() for path in (folder / "program").iterdir()}
    assert {"serve", "predictor.py", "nginx.conf"} <= set(texts)
    for text in texts.values():
        assert not any(place in text.replace(str(folder), "") for place in ("/opt/", "/tmp/", "8080"))
    assert "listen 127.0.0.1:23456 deferred;" in texts["nginx.conf"]
