"""`deploy` refuses an archive that was changed after training, and leaves nothing."""

from __future__ import annotations

import hashlib
import json
import shutil
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lgbm_sm.record.record import Record
from tests.cli.conftest import _end_programs
from tests.cli.forked import ForkedCommandLine, ForkServer


@pytest.fixture(scope="module")
def project(fork_server: ForkServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForkedCommandLine]:
    """A trained project. No test leaves an endpoint in it."""
    lgbm_sm = ForkedCommandLine(tmp_path_factory.mktemp("artifacts"), server=fork_server)
    lgbm_sm("prepare-data")
    lgbm_sm("train")
    yield lgbm_sm
    _end_programs(lgbm_sm)


def artifact_of(project: ForkedCommandLine) -> Path:
    [job] = Record(project.folder / ".lgbm-sm").training_jobs()
    return job.model_artifact_path


def refused(project: ForkedCommandLine, *options: str) -> str:
    """Check that `deploy` refuses and leaves nothing behind. Return its message."""
    finished = project("deploy", *options, exit_code=8)
    assert finished.stderr.count("error: ") == 1
    assert "Traceback" not in finished.stderr
    assert Record(project.folder / ".lgbm-sm").endpoints() == ()
    endpoints_path = project.folder / ".lgbm-sm" / "endpoints"
    assert not endpoints_path.exists() or list(endpoints_path.iterdir()) == []
    assert project.programs() == []
    return " ".join(finished.stderr.split())


def repacked(artifact_path: Path, folder: Path, change: Callable[[Path], object]) -> Path:
    with tarfile.open(artifact_path) as archive:
        archive.extractall(folder / "model", filter="data")
    change(folder / "model")
    path = folder / "repacked.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        archive.add(folder / "model", arcname=".")
    return path


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda content: content[:-1], "is damaged"),
        (lambda content: content[: len(content) // 2], "is damaged"),
        (lambda content: content + b"more", "is damaged"),
        (lambda content: content[:-8] + bytes(4) + content[-4:], "CRC check failed"),
        (lambda _: b"", "is empty"),
    ],
)
def test_a_damaged_archive_leaves_no_endpoint(
    damage: Callable[[bytes], bytes], says: str, project: ForkedCommandLine, tmp_path: Path
) -> None:
    path = tmp_path / "given.tar.gz"
    path.write_bytes(damage(artifact_of(project).read_bytes()))
    said = refused(project, "--model", str(path))
    assert f"error: {path} " in said
    assert says in said


def test_a_jobs_archive_is_served_as_it_was_recorded_or_unchecked(project: ForkedCommandLine, tmp_path: Path) -> None:
    path = artifact_of(project)
    [job] = Record(project.folder / ".lgbm-sm").training_jobs()
    recorded = hashlib.sha256(path.read_bytes()).hexdigest()
    assert job.model_sha256 == recorded
    kept = tmp_path / "kept.tar.gz"
    shutil.copy(path, kept)
    try:
        # a good archive, with the same model, but another one
        shutil.copy(repacked(path, tmp_path, lambda _: None), path)
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        said = refused(project)
        for part in (str(path), recorded, found, f"`lgbm-sm deploy --model {job.name} --unchecked`"):
            assert part in said
        project("deploy", "--model", job.name, "--unchecked")
        assert len(project("predict").stdout.splitlines()) == 102
    finally:
        project("cleanup", "--yes", "--keep", "training-jobs,data")
        shutil.copy(kept, path)


def test_an_archive_that_its_manifest_does_not_describe_is_served_unchecked_alone(
    project: ForkedCommandLine, tmp_path: Path
) -> None:
    path = repacked(artifact_of(project), tmp_path, lambda model: (model / "metadata.json").write_text("{}"))
    said = refused(project, "--model", str(path))
    assert f"error: {path} holds a changed 'metadata.json'" in said
    assert f"`lgbm-sm deploy --model {path} --unchecked`" in said
    deployed = project("deploy", "--model", str(path), "--unchecked")
    assert "unchecked: the model artifact holds a changed 'metadata.json'" in deployed.stderr
    try:
        assert "are not checked: LGBM_RUNTIME_UNCHECKED=1" in project("logs").stdout
    finally:
        project("cleanup", "--yes", "--keep", "training-jobs,data")


def test_an_archive_of_elsewhere_is_served_and_said_to_be_unchecked(project: ForkedCommandLine, tmp_path: Path) -> None:
    path = repacked(artifact_of(project), tmp_path, lambda model: (model / "lgbm-sm-manifest.json").unlink())
    deployed = json.loads(project("deploy", "--model", str(path), "--output", "json").stdout)
    try:
        assert deployed["endpoint"]["status"] == "InService"
        assert "could not be checked: there is no lgbm-sm-manifest.json" in project("logs").stdout
        assert len(project("predict").stdout.splitlines()) == 102
    finally:
        project("cleanup", "--yes", "--keep", "training-jobs,data")
