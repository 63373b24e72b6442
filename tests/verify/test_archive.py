"""The rules of a model archive, and the messages if it breaks a rule."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from lgbm_sm.verify.checks import Verdict
from lgbm_sm.verify.checks.archive import check_archive

MODEL = {"model.txt": b"tree"}


def packed(
    folder: Path, files: Mapping[str, bytes], *, mode: str = "w:gz", links: Mapping[str, str] | None = None
) -> Path:
    path = folder / "model.tar.gz"
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for name, target in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            archive.addfile(member)
    return path


def unmet(path: Path, **environment: str) -> dict[str, str]:
    return {result.check.name: result.seen for result in check_archive(path, environment) if not result.is_met}


@pytest.mark.parametrize(
    ("files", "environment"),
    [
        (MODEL, {}),
        ({"./model.txt": b"tree", "./code/inference.py": b""}, {}),
        ({"1/saved_model.pb": b"graph"}, {}),
        ({"code/inference.py": b""}, {"SAGEMAKER_PROGRAM": "inference.py"}),
        ({**MODEL, "code/mine.py": b""}, {"SAGEMAKER_PROGRAM": "mine.py"}),
        ({"one/model.txt": b"tree", "two/model.txt": b"tree"}, {}),
    ],
)
def test_an_archive_passes_when_its_root_is_what_the_server_reads(
    files: dict[str, bytes], environment: dict[str, str], tmp_path: Path
) -> None:
    results = list(check_archive(packed(tmp_path, files), environment))
    assert [result.verdict for result in results] == [Verdict.PASS] * 4


@pytest.mark.parametrize(
    ("files", "environment", "check", "seen"),
    [
        ({"model/model.txt": b"tree", "model/code/inference.py": b""}, {}, "archive-top-folder", "the folder model"),
        ({"./model/model.txt": b"tree"}, {}, "archive-top-folder", "the folder model"),
        ({**MODEL, "inference.py": b""}, {}, "archive-code", "inference.py is at the root"),
        (MODEL, {"SAGEMAKER_PROGRAM": "mine.py"}, "archive-code", "code/mine.py is missing"),
        ({**MODEL, "code/other.py": b""}, {}, "archive-code", "the folder code has no inference.py"),
        ({**MODEL, "._model.txt": b""}, {}, "archive-litter", "._model.txt"),
        ({**MODEL, "code/inference.py": b"", "code/.DS_Store": b""}, {}, "archive-litter", "code/.DS_Store"),
        ({**MODEL, "../model.txt": b"tree"}, {}, "archive-form", "'../model.txt', which leads out of the folder"),
        ({**MODEL, "/etc/model.txt": b"tree"}, {}, "archive-form", "'/etc/model.txt', which leads out of the folder"),
        ({}, {}, "archive-form", "the archive contains no file"),
    ],
)
def test_an_archive_fails_for_one_reason_when_one_thing_is_wrong(
    files: dict[str, bytes], environment: dict[str, str], check: str, seen: str, tmp_path: Path
) -> None:
    found = unmet(packed(tmp_path, files), **environment)
    assert list(found) == [check]
    assert seen in found[check]


@pytest.mark.parametrize(
    ("target", "expected"), [("model.txt", []), ("/etc/passwd", ["archive-form"]), ("../model.txt", ["archive-form"])]
)
def test_a_link_fails_when_it_leads_out(target: str, expected: list[str], tmp_path: Path) -> None:
    assert list(unmet(packed(tmp_path, MODEL, links={"latest.txt": target}))) == expected


@pytest.mark.parametrize(
    ("content", "seen"),
    [
        (b"", "model.tar.gz is empty"),
        (b"PK\x03\x04 a zip file", "not gzip-compressed"),
        (b"\x1f\x8b\x08\x00 cut off", "is damaged"),
    ],
)
def test_an_archive_fails_when_it_is_no_compressed_tar(content: bytes, seen: str, tmp_path: Path) -> None:
    path = tmp_path / "model.tar.gz"
    path.write_bytes(content)
    results = list(check_archive(path, {}))
    assert [result.verdict for result in results] == [Verdict.FAIL, *[Verdict.SKIPPED] * 3]
    assert seen in results[0].seen


def test_an_archive_fails_when_it_is_not_compressed(tmp_path: Path) -> None:
    assert list(unmet(packed(tmp_path, MODEL, mode="w"))) == ["archive-form"]
