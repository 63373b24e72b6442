"""The judgements of an image and of a trained model, without a container."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any

import pytest

from lgbm_sm.verify.checks import Result, Verdict
from lgbm_sm.verify.checks.image import JUDGES, ImageProgram, Inspected, State
from lgbm_sm.verify.training_outputs import repack

ATTRIBUTES = {
    "Os": "linux",
    "Architecture": "amd64",
    "Size": 512_000_000,
    "Config": {"Entrypoint": ["/opt/program/start"], "User": ""},
}
START = ImageProgram("train", "/opt/program/start", "/opt/program/start", 0o755)


def judged(
    *, platform: str | None = None, programs: tuple[ImageProgram, ...] = (START,), **attributes: Any
) -> dict[str, Result]:
    config = {**ATTRIBUTES["Config"], **attributes.pop("Config", {})}  # type: ignore[dict-item]
    image = Inspected({**ATTRIBUTES, **attributes, "Config": config}, platform, programs)
    return {check.name: judge(image) for check, judge in JUDGES.items()}


def test_an_image_that_keeps_every_rule_passes() -> None:
    found = judged()
    assert [name for name, result in found.items() if result.verdict is not Verdict.PASS] == ["image-manifest"]
    assert found["image-manifest"].verdict is Verdict.SKIPPED  # before a push, Docker may store none
    assert found["image-size"].seen == "512 MB unpacked"
    assert found["image-programs"].seen == "executable: /opt/program/start"


@pytest.mark.parametrize(
    ("architecture", "wanted", "verdict", "seen"),
    [
        ("arm64", None, Verdict.WARNING, "linux/arm64: only Graviton instances run it"),
        ("s390x", None, Verdict.FAIL, "linux/s390x"),
        ("arm64", "linux/arm64", Verdict.PASS, "linux/arm64; the instance type needs linux/arm64"),
        ("arm64", "linux/amd64", Verdict.FAIL, "linux/arm64; the instance type needs linux/amd64"),
    ],
)
def test_the_platform_is_that_of_the_instance_type(
    architecture: str, wanted: str | None, verdict: Verdict, seen: str
) -> None:
    result = judged(platform=wanted, Architecture=architecture)["image-platform"]
    assert (result.verdict, result.seen) == (verdict, seen)


@pytest.mark.parametrize(
    ("media_type", "verdict"),
    [
        ("application/vnd.oci.image.index.v1+json", Verdict.WARNING),
        ("application/vnd.oci.image.manifest.v1+json", Verdict.WARNING),
        ("application/vnd.docker.distribution.manifest.v2+json", Verdict.PASS),
    ],
)
def test_a_manifest_that_hosting_refuses_is_a_warning(media_type: str, verdict: Verdict) -> None:
    assert judged(Descriptor={"mediaType": media_type})["image-manifest"].verdict is verdict


@pytest.mark.parametrize(("size", "verdict"), [(10_000_000_000, Verdict.PASS), (10_000_000_001, Verdict.WARNING)])
def test_an_image_over_10_gb_is_a_warning(size: int, verdict: Verdict) -> None:
    assert judged(Size=size)["image-size"].verdict is verdict


@pytest.mark.parametrize(
    ("user", "is_met"),
    [("root", True), ("0", True), ("0:0", True), ("root:root", True), ("nobody", False), ("1000:0", False)],
)
def test_only_root_may_be_the_user(user: str, is_met: bool) -> None:
    assert judged(Config={"User": user})["image-user"].is_met is is_met


@pytest.mark.parametrize(
    ("entry_point", "is_met"),
    [
        (["/bin/sh", "-c", "start"], False),
        (["bash", "-c", "start"], False),
        (["/bin/sh", "/opt/start.sh"], True),
        (["python3", "-c", "start"], True),
        ([], True),
    ],
)
def test_a_shell_with_a_command_is_the_shell_form(entry_point: list[str], is_met: bool) -> None:
    assert judged(Config={"Entrypoint": entry_point})["image-entry-point-form"].is_met is is_met


@pytest.mark.parametrize(
    ("program", "state"),
    [
        (ImageProgram("train", "train"), State.MISSING),
        (ImageProgram("train", "train", "/usr/bin/train", 0o644), State.NOT_EXECUTABLE),
        (ImageProgram("train", "train", "/usr/bin/train", 0o644, has_wrong_endings=True), State.NOT_EXECUTABLE),
        (ImageProgram("train", "train", "/usr/bin/train", 0o755, has_wrong_endings=True), State.WRONG_LINE_ENDINGS),
        (ImageProgram("train", "train", "/usr/bin/train", 0o100), State.STARTABLE),
    ],
)
def test_a_program_is_in_the_first_state_that_keeps_it_from_starting(program: ImageProgram, state: State) -> None:
    assert program.state is state


TRAIN, SERVE = ImageProgram("train", "train"), ImageProgram("serve", "serve", "/usr/bin/serve", 0o755)


@pytest.mark.parametrize(
    ("programs", "is_met", "seen"),
    [
        ((SERVE, TRAIN), True, "executable: serve; no `train`, so the image is checked without it"),
        ((ImageProgram("serve", "serve"), TRAIN), False, "not found on PATH: serve, train"),
        ((ImageProgram("serve", "/start"), ImageProgram("train", "/start")), False, "not found on PATH: /start"),
        (
            (ImageProgram("serve", "serve", "/usr/bin/serve", 0o640), TRAIN),
            False,
            "not executable: /usr/bin/serve (mode 640)",
        ),
    ],
)
def test_one_of_two_programs_may_be_missing(programs: tuple[ImageProgram, ...], is_met: bool, seen: str) -> None:
    result = judged(programs=programs)["image-programs"]
    assert (result.is_met, result.seen) == (is_met, seen)


def test_a_script_with_wrong_line_endings_is_named_once() -> None:
    wrong = ImageProgram("train", "/start", "/start", 0o755, has_wrong_endings=True)
    result = judged(programs=(wrong, ImageProgram("serve", "/start", "/start", 0o755, has_wrong_endings=True)))
    assert result["image-line-endings"].seen == r"\r\n in /start"


def folder(*members: tuple[str, bytes, dict[str, Any]]) -> tarfile.TarFile:
    """Return a tar of /opt/ml/model as Docker gives it. Its names begin with `model`."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        archive.addfile(_member("model", b"", {"type": tarfile.DIRTYPE, "mode": 0o755}))
        for name, data, attributes in members:
            archive.addfile(_member(f"model/{name}", data, attributes), io.BytesIO(data))
    content.seek(0)
    return tarfile.open(fileobj=content, mode="r|")


def _member(name: str, data: bytes, attributes: dict[str, Any]) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(data), 0o644
    for attribute, value in attributes.items():
        setattr(member, attribute, value)
    return member


def test_a_model_is_packed_without_its_folder(tmp_path: Path) -> None:
    link = {"type": tarfile.LNKTYPE, "linkname": "model/trees/model.txt"}
    summary = repack(
        folder(("trees/model.txt", b"tree", {}), ("same.txt", b"", link), ("metadata.json", b"{}", {"uid": 1000})),
        tmp_path / "model.tar.gz",
    )
    assert summary.problem == ""
    assert str(summary) == "2 files, 0 kB, owned by user 0, 1000"
    with tarfile.open(tmp_path / "model.tar.gz") as packed:
        assert packed.getnames() == ["trees/model.txt", "same.txt", "metadata.json"]
        assert packed.extractfile("same.txt").read() == b"tree"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("attributes", "problem"),
    [
        ({"type": tarfile.SYMTYPE, "linkname": "/tmp/x"}, "bad is a link to /tmp/x, which is not in the archive"),
        ({"type": tarfile.SYMTYPE, "linkname": "../x"}, "bad is a link to ../x, which is not in the archive"),
        ({"type": tarfile.FIFOTYPE}, "bad is neither a file nor a folder"),
        ({"mode": 0o244}, "bad is not readable by its owner (mode 244)"),
        ({"type": tarfile.SYMTYPE, "linkname": "model.txt"}, ""),
        ({"mode": 0o400}, ""),
    ],
)
def test_the_first_member_that_cannot_be_packed_is_the_problem(
    attributes: dict[str, Any], problem: str, tmp_path: Path
) -> None:
    found = repack(folder(("model.txt", b"tree", {}), ("bad", b"", attributes)), tmp_path / "model.tar.gz")
    assert found.problem == problem


@pytest.mark.parametrize("content", [None, "folder"])
def test_a_model_without_a_file_is_empty(content: str | None, tmp_path: Path) -> None:
    found = repack(folder() if content else None, tmp_path / "model.tar.gz")
    assert found.problem == "/opt/ml/model is empty"
