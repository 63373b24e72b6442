"""A model artifact is unchanged, or it is refused. `deploy` adds its code to the manifest."""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lgbm_runtime.core.manifest import check_model
from lgbm_runtime.core.predictor import Predictor
from lgbm_sm.backends import TrainingInputs
from lgbm_sm.backends.opt_ml import lay_out_serving, pack
from lgbm_sm.backends.process import ProcessBackend
from lgbm_sm.console import Console, OutputFormat
from lgbm_sm.errors import TrainingError
from lgbm_sm.following import Following, follow, start_recorded
from lgbm_sm.model.archive import ArchiveError
from lgbm_sm.model.artifact import ManifestError, read_artifact, read_metadata
from lgbm_sm.record.entries import Place, TrainingJob, TrainingJobStatus
from lgbm_sm.record.record import Record
from lgbm_sm.record.work_folder import remove_tree
from tests.runtime.training_jobs import regression_job

MANIFEST = "lgbm-sm-manifest.json"
MODEL = "lightgbm-regression-model.txt"
ROWS = "".join(f"{row / 10},{-row},{row % 7},,{row * row}\n" for row in range(200)).encode()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def manifest(**digests: str) -> bytes:
    return json.dumps({"format_version": 1, "members": digests}).encode()


def packed(folder: Path, files: dict[str, bytes]) -> Path:
    path = folder / "model.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive with the outputs of a training."""
    job = regression_job(tmp_path_factory.mktemp("trained"), num_boost_round=2)
    assert job.run_here() == 0
    pack(job.root / "model", job.root / "model.tar.gz")
    return job.root / "model.tar.gz"


def predictions(model_path: Path) -> bytes:
    return Predictor.load(model_path).invoke(ROWS, "text/csv", "text/csv").body


def test_each_flipped_byte_is_refused_or_changes_no_prediction(trained: Path, tmp_path: Path) -> None:
    lay_out_serving(tmp_path / "good", trained, {})
    expected = predictions(tmp_path / "good" / "model")
    assert expected.count(b"\n") == 200
    content = trained.read_bytes()
    # the header and the checksum of gzip, and a sample of what is between
    positions = [*range(30), *random.Random(13).sample(range(30, len(content) - 8), 40), *range(-8, 0)]
    served = 0
    for position in positions:
        flipped = bytearray(content)
        flipped[position] ^= 1 << random.Random(position).randrange(8)
        path, root = tmp_path / "flipped.tar.gz", tmp_path / f"flipped at {position}"
        path.write_bytes(flipped)
        try:
            lay_out_serving(root, path, {})
        except ArchiveError:
            continue
        served += 1
        assert predictions(root / "model") == expected
    # gzip's time, its file name and the like
    assert 0 < served < 30


def test_the_manifest_names_the_code_that_deploy_adds_and_not_what_others_have_added(
    trained: Path, tmp_path: Path
) -> None:
    with tarfile.open(trained) as archive:
        members = {member.name: archive.extractfile(member) for member in archive}
        files = {name: member.read() for name, member in members.items() if member}
    path = packed(tmp_path, {**files, "notes.txt": b"mine", "code/old.py": b"old", "code/inference.py": b"theirs"})
    contents = lay_out_serving(tmp_path / "ml", path, {"inference.py": "x = 1\n", "package/more.py": trained})
    model_path = tmp_path / "ml" / "model"
    assert json.loads((model_path / MANIFEST).read_text()) == {
        "format_version": 1,
        "members": {
            MODEL: sha256(files[MODEL]),
            "metadata.json": sha256(files["metadata.json"]),
            "code/inference.py": sha256(b"x = 1\n"),
            "code/package/more.py": sha256(trained.read_bytes()),
        },
    }
    assert contents.remark.endswith("does not list them: code/inference.py, code/old.py, notes.txt")
    # the program in the image reads the same
    assert check_model(model_path, {}).endswith("does not list them: code/old.py, notes.txt")
    remove_tree(tmp_path / "ml")


def test_an_archive_without_a_manifest_is_unpacked_as_it_is_and_said_to_be_unchecked(tmp_path: Path) -> None:
    contents = lay_out_serving(tmp_path / "ml", packed(tmp_path, {MODEL: b"tree"}), {})
    assert [path.name for path in (tmp_path / "ml" / "model").iterdir()] == [MODEL]
    assert contents.remark == "the model artifact could not be checked: it has no lgbm-sm-manifest.json"


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({MODEL: b"tree", MANIFEST: manifest(**{MODEL: sha256(b"root")})}, f"holds a changed '{MODEL}'"),
        ({"x": b"", MANIFEST: manifest(**{MODEL: sha256(b"")})}, f"lacks '{MODEL}', which {MANIFEST} lists"),
        ({MODEL: b"tree", MANIFEST: b"{"}, "holds a damaged lgbm-sm-manifest.json"),
        ({MODEL: b"tree", MANIFEST: b"[" * 100_000}, "holds a damaged lgbm-sm-manifest.json"),
        ({MODEL: b"tree", MANIFEST: b'{"members": {}}'}, "not of format 1"),
        ({MODEL: b"tree", MANIFEST: b'{"format_version": 1}'}, "does not give the SHA-256 of each member"),
    ],
)
def test_a_member_that_is_not_what_the_manifest_names_is_refused_unless_it_is_asked_for(
    files: dict[str, bytes], says: str, tmp_path: Path
) -> None:
    path = packed(tmp_path, files)
    with pytest.raises(ManifestError, match=says):
        read_artifact(path)
    contents = read_artifact(path, unchecked=True)
    assert contents.digests == {name: sha256(content) for name, content in files.items()}
    assert contents.remark.startswith("unchecked: the model artifact ")


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({MODEL: b"tree"}, "model.tar.gz holds no metadata.json"),
        ({"metadata.json": b"{"}, "model.tar.gz holds a broken metadata.json"),
        ({"metadata.json": b"[]"}, "model.tar.gz holds a metadata.json without metrics"),
        ({"metadata.json": b'{"metrics": {}}'}, "model.tar.gz holds a metadata.json without metrics"),
        ({"metadata.json": b"[" * 100_000}, "model.tar.gz holds a broken metadata.json"),
        ({"metadata.json": b"{}", MANIFEST: manifest(**{"metadata.json": ""})}, "holds a changed 'metadata.json'"),
    ],
)
def test_metadata_are_read_of_a_whole_archive_alone(files: dict[str, bytes], says: str, tmp_path: Path) -> None:
    path = packed(tmp_path, files)
    with pytest.raises(TrainingError, match=says):
        read_metadata(path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(TrainingError, match="is damaged"):
        read_metadata(path)


PROGRAM_OF_ANOTHER = """
import sys
from pathlib import Path
Path(sys.argv[3], "model", "model.bin").write_text("theirs")
"""


def test_a_job_is_failed_when_its_artifact_is_not_one_of_this_program(tmp_path: Path) -> None:
    program = tmp_path / "runtime" / "lgbm_runtime"
    program.mkdir(parents=True)
    (program / "__main__.py").write_text(PROGRAM_OF_ANOTHER)
    record = Record(tmp_path / ".lgbm-sm")
    job = TrainingJob(
        name="job", project="demo", place=Place.PROCESS, created_at=datetime.now(UTC), folder=record.jobs_path / "job"
    )
    backend = ProcessBackend(tmp_path / "runtime", os.environ)
    following = Following(record, backend, Console(output=OutputFormat.TEXT, verbose=False, environment={}))
    with pytest.raises(TrainingError, match=r"holds no metadata\.json: it is not a model artifact of this program"):
        follow(job, start_recorded(job, TrainingInputs({}, {}), following), following)
    [ended] = record.training_jobs()
    assert ended.status is TrainingJobStatus.FAILED
    assert "holds no metadata.json" in ended.failure_reason
