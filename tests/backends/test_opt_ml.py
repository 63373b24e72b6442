"""The folder /opt/ml of a server."""

from __future__ import annotations

import io
import stat
import tarfile
from pathlib import Path

import pytest

from lgbm_sm.backends.opt_ml import lay_out_serving
from lgbm_sm.model.archive import ArchiveError
from lgbm_sm.record.work_folder import remove_tree


def artifact(folder: Path, *members: tarfile.TarInfo) -> Path:
    path = folder / "model.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for member in members:
            archive.addfile(member, io.BytesIO(b"x" * member.size))
    return path


def file(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname, member.mode = kind, target, 0o777
    member.size = 3 if kind == tarfile.REGTYPE else 0
    return member


def test_the_artifact_and_the_code_lie_in_the_model_folder_which_is_read_only(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("x = 1\n")
    code: dict[str, Path | str] = {"inference.py": tmp_path / "mine.py", "package/notes.txt": "hello\n"}
    lay_out_serving(tmp_path / "ml", artifact(tmp_path, file("model.txt"), file("sub/more.bin")), code)
    model = tmp_path / "ml" / "model"
    assert (model / "model.txt").read_bytes() == (model / "sub" / "more.bin").read_bytes() == b"xxx"
    assert (model / "code" / "inference.py").read_text() == "x = 1\n"
    assert (model / "code" / "package" / "notes.txt").read_text() == "hello\n"
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (model, *model.rglob("*"))}
    assert modes == {0o444, 0o555}
    remove_tree(tmp_path / "ml")
    assert not (tmp_path / "ml").exists()


@pytest.mark.parametrize(
    "member",
    [
        file("/etc/lgbm-sm-test"),
        file("../outside"),
        file("a/../../outside"),
        file("link", tarfile.SYMTYPE, "/etc/passwd"),
        file("link", tarfile.LNKTYPE, "../outside"),
        file("pipe", tarfile.FIFOTYPE),
    ],
    ids=lambda member: f"{member.name}-{member.type.decode()}",
)
def test_an_artifact_is_refused_when_it_holds_what_leads_out_of_it(member: tarfile.TarInfo, tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match=r"neither a file nor a folder|leads out of the folder"):
        lay_out_serving(tmp_path / "ml", artifact(tmp_path, file("model.txt"), member), {})
    assert {path.name for path in tmp_path.rglob("*")} == {"ml", "model", "model.txt", "model.tar.gz"}
