"""An output file never replaces a needed file, and is written completely or not at all."""

import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import CommandLine
from tests.cli.forked import ForkedCommandLine, ForkServer

NOT_ROWS = "the endpoint would refuse this\n"


@pytest.fixture
def project(boston: CommandLine, fork_server: ForkServer) -> Iterator[ForkedCommandLine]:
    """A trained project with an endpoint in service and some other files."""
    before = set(boston.folder.iterdir())
    (boston.folder / "config.yaml").write_text("data:\n  name: boston\n")
    (boston.folder / "rows.csv").write_text(NOT_ROWS)
    (boston.folder / "linked").symlink_to("data")
    (boston.folder / "link.csv").symlink_to("rows.csv")
    (boston.folder / "hard.csv").hardlink_to(boston.folder / "rows.csv")
    (boston.folder / "hard.json").hardlink_to(boston.folder / ".lgbm-sm/record.json")
    yield ForkedCommandLine(boston.folder, server=fork_server)
    for path in set(boston.folder.iterdir()) - before:
        path.unlink()


def contents(folder: Path) -> dict[Path, bytes]:
    """Return the content of each file by its path, except the log of the server."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.suffix != ".log"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("target", "what"),
    [
        ("rows.csv", "an input of the command"),
        ("data/../rows.csv", "an input of the command"),
        ("link.csv", "an input of the command"),
        ("hard.csv", "an input of the command"),
        ("config.yaml", "the configuration"),
        ("data/train/boston_train.csv", "in the data folder"),
        ("data/new.csv", "in the data folder"),
        ("linked/train/new.csv", "in the data folder"),
        (".lgbm-sm/new.csv", "in lgbm-sm's work folder"),
        ("hard.json", "in lgbm-sm's work folder"),
    ],
)
def test_predictions_never_replace_what_is_still_needed(project: ForkedCommandLine, target: str, what: str) -> None:
    before = contents(project.folder)
    refused = project("predict", "rows.csv", "--to", target, exit_code=2).stderr
    assert f"error: --to {target} is {what}" in refused
    assert contents(project.folder) == before


def test_predictions_never_replace_a_configured_table(tmp_path: Path, fork_server: ForkServer) -> None:
    lgbm_sm = ForkedCommandLine(tmp_path, server=fork_server)
    for name in ("one.csv", "two.csv", "three.csv"):
        (tmp_path / name).write_text("x,y\n1,2\n")
    one = ("--set", "data.file=one.csv", "--set", "data.target=y")
    refused = lgbm_sm("predict", *one, "--to", str(tmp_path / "one.csv"), exit_code=2).stderr
    assert "one.csv is the table of data.file, which is never replaced" in refused
    split = ("--set", "data.files={train: one.csv, validation: two.csv, test: three.csv}", "--set", "data.target=y")
    refused = lgbm_sm("predict", *split, "--to", "three.csv", exit_code=2).stderr
    assert "three.csv is the table of data.files.test, which is never replaced" in refused


def test_no_other_option_replaces_what_is_still_needed_either(tmp_path: Path, fork_server: ForkServer) -> None:
    lgbm_sm = ForkedCommandLine(tmp_path, server=fork_server)
    (tmp_path / "data").mkdir()
    (tmp_path / "config.yaml").write_text("data:\n  name: boston\n")
    (tmp_path / "plot.svg").symlink_to("config.yaml")
    for command in (
        ("bench", "--plot", "plot.svg"),
        ("verify", "an-image", "--junit", "config.yaml"),
        ("explain", "train", "--tree", "data"),
    ):
        refused = lgbm_sm(*command, exit_code=2).stderr
        assert f"error: {command[-2]} {command[-1]} is " in refused
    assert (tmp_path / "config.yaml").read_text() == "data:\n  name: boston\n"
    assert list((tmp_path / "data").iterdir()) == []


@pytest.mark.slow
def test_another_file_is_replaced_behind_its_link_and_keeps_its_mode(project: ForkedCommandLine) -> None:
    results = project.folder / "results.csv"
    results.write_text("of last week\n")
    results.chmod(0o640)
    (project.folder / "latest.csv").symlink_to("results.csv")
    inode = results.stat().st_ino
    project("predict", "--to", "latest.csv")
    assert len(results.read_text().splitlines()) == 102
    assert results.stat().st_mode & 0o7777 == 0o640
    assert results.stat().st_ino != inode  # replaced at once, and so never half written
    assert (project.folder / "latest.csv").is_symlink()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_file_is_as_it_was_when_the_command_is_ended_half_way(
    boston: CommandLine, tmp_path: Path, number: signal.Signals
) -> None:
    (tmp_path / "results.csv").write_text("of last week\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "lgbm_sm", "predict", "-", "--to", str(tmp_path / "results.csv"), "-v"],
        cwd=boston.folder,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    rows = (boston.folder / "data/test/boston_test.csv").read_bytes()
    for _ in range(20_000_000 // len(rows)):  # more than is read before the first predictions are written
        process.stdin.write(rows)
    process.send_signal(number)
    process.communicate()
    assert process.returncode == (130 if number is signal.SIGTERM else -signal.SIGKILL)
    assert contents(tmp_path) == {tmp_path / "results.csv": b"of last week\n"}


@pytest.mark.slow
def test_pipes_and_stdout_are_written_to_directly(boston: CommandLine, tmp_path: Path) -> None:
    expected = boston("predict").stdout.encode()
    os.mkfifo(tmp_path / "pipe")
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append((tmp_path / "pipe").read_bytes()), daemon=True)
    reader.start()
    boston("predict", "--to", str(tmp_path / "pipe"))
    reader.join(30)
    assert received == [expected]
    (tmp_path / "log.txt").write_bytes(b"before\n")
    (tmp_path / "stdout").symlink_to("/proc/self/fd/1")  # as /dev/stdout is
    with (tmp_path / "log.txt").open("ab") as log:
        subprocess.run(
            [sys.executable, "-m", "lgbm_sm", "predict", "--to", str(tmp_path / "stdout")],
            cwd=boston.folder,
            stdout=log,
            check=True,
        )
        log.write(b"after\n")
    assert (tmp_path / "log.txt").read_bytes() == b"before\n" + expected + b"after\n"


@pytest.mark.slow
def test_a_file_that_cannot_be_written_whole_is_one_clear_error_and_the_old_one_stays(
    boston: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "results.csv").write_text("of last week\n")
    process = boston.start(
        *("predict", "--to", str(tmp_path / "results.csv")),
        # as a full disk, without one: no file may grow beyond so many bytes
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500)),
    )
    _, said = process.communicate()
    assert process.returncode == 4
    assert f"error: failed to write --to {tmp_path}/results.csv: File too large" in said
    assert "Traceback" not in said
    assert contents(tmp_path) == {tmp_path / "results.csv": b"of last week\n"}
