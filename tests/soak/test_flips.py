"""If one byte of an artifact is changed, it is refused, or all predictions are unchanged."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.forked import ForkServer
from tests.soak.flips import answer_of, flipped
from tests.soak.user import User, said

ROOT = Path(__file__).parents[2]
PARTS = 16
DEPLOYED = 30
ROWS = "rooms,age\n" + "".join(
    f"{random.Random(row).random():.4f},{random.Random(-row).random():.4f}\n" for row in range(200)
)

pytestmark = [pytest.mark.soak("files"), pytest.mark.slow, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def trained(fork_server: ForkServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[User]:
    """A project with a small model."""
    user = User(tmp_path_factory.mktemp("flipped"), "soak-flipped", fork_server)
    user.settle()
    (user.folder / "rows.csv").write_text(ROWS)
    user.succeeds("prepare-data")
    user.succeeds("train")
    yield user
    user.succeeds("cleanup", "--yes")
    user.leave()


def artifact_of(user: User) -> Path:
    [path] = user.work_path.glob("jobs/*/output/model.tar.gz")
    return path


@pytest.mark.parametrize("part", range(PARTS))
def test_a_flipped_byte_is_refused_or_changes_no_prediction(
    part: int, seed: int, trained: User, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    artifact = artifact_of(trained)
    expected = answer_of(artifact, ROWS.encode(), tmp_path)
    assert len(expected.splitlines()) == 200
    size = artifact.stat().st_size
    start, stop = part * size // PARTS, (part + 1) * size // PARTS
    arguments = [str(artifact), str(trained.folder / "rows.csv"), str(seed), str(start), str(stop)]
    ended = subprocess.run(
        [sys.executable, "-m", "tests.soak.flips", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'containers' / 'runtime'}"},
        capture_output=True,
        text=True,
        timeout=1100,
        check=False,
    )
    found = [json.loads(line) for line in ended.stdout.splitlines()]
    assert ended.returncode == 0, f"after position {found[-1:]} of {start} to {stop}:\n{ended.stderr}"
    assert [one["position"] for one in found] == list(range(start, stop))
    wrong = [one["position"] for one in found if "answer" in one and one["answer"] != expected]
    record_property("positions", len(found))
    record_property("refused", sum("refused" in one for one in found))
    record_property("with the same predictions", sum(one.get("answer") == expected for one in found))
    assert wrong == [], f"other predictions with a byte flipped at {wrong} of {size}, seed {seed}"


@pytest.mark.parametrize("number", range(DEPLOYED))
def test_deploy_of_a_flipped_artifact_gives_one_clear_error_or_the_same_predictions(
    number: int, seed: int, trained: User, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    artifact = artifact_of(trained)
    whole = artifact.read_bytes()
    position = random.Random(f"{seed}-deploy-{number}").randrange(len(whole))
    in_place = number % 2 == 0  # as its job's, or by its path
    damaged = artifact if in_place else tmp_path / "model.tar.gz"
    damaged.write_bytes(flipped(whole, position, seed))
    try:
        ended = trained.run("deploy", *(() if in_place else ("--model", str(damaged))))
        print(f"position {position}: {said(ended)}")
        if ended.returncode:
            assert ended.stderr.count("error: ") == 1
            assert str(damaged) in ended.stderr
            assert trained.endpoint() is None
            record_property("refused", 1)
        else:
            assert not in_place, "the record knows the digest of what a job has made"
            rows = str(trained.folder / "rows.csv")
            answered = trained.succeeds("predict", rows)
            assert len(answered.splitlines()) == 200
            trained.succeeds("deploy")
            assert trained.succeeds("predict", rows) == answered, f"other predictions: position {position}"
            record_property("with the same predictions", 1)
    finally:
        artifact.write_bytes(whole)
        trained.succeeds("cleanup", "--yes", "--keep", "training-jobs")
