"""A project of an older version of lgbm-sm (commit 43dd234) still works.

`made_before/record.json` is the record after a `train` and a `run --keep`. @FOLDER@ and @URL@ stand for the folder of
the project and the address of the endpoint.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lgbm_sm.backends import opt_ml
from lgbm_sm.shipped import containers_path
from tests.cli.conftest import CommandLine, _end_programs
from tests.cli.forked import ForkedCommandLine, ForkServer
from tests.contract.serving import wait_until

RECORD = Path(__file__).with_name("made_before") / "record.json"


@dataclass
class FormerProject:
    """The project, and the server that the older version has left running."""

    lgbm_sm: ForkedCommandLine
    server: subprocess.Popen[bytes]

    def items(self) -> list[tuple[str, str]]:
        found = json.loads(self.lgbm_sm("status", "--output", "json").stdout)["items"]
        return [(item["kind"], item["state"]) for item in found]


@pytest.fixture(scope="module")
def trained(fork_server: ForkServer, tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    folder = tmp_path_factory.mktemp("trained")
    command_line = ForkedCommandLine(folder, {"LGBM_SM_LOCAL__BACKEND": "process"}, server=fork_server)
    command_line("prepare-data")
    command_line("train")
    return command_line


@pytest.fixture
def former(trained: ForkedCommandLine, tmp_path: Path) -> Iterator[FormerProject]:
    folder = tmp_path / "project"
    shutil.copytree(trained.folder / "data", folder / "data")
    [artifact] = trained.folder.glob(".lgbm-sm/jobs/*/output/model.tar.gz")
    text = RECORD.read_text().replace("@FOLDER@", str(folder))
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        text = text.replace("@URL@", f"http://127.0.0.1:{listener.getsockname()[1]}")
        server = None
        for entry in json.loads(text)["entries"]:
            entry_folder = Path(entry["folder"])
            entry_folder.mkdir(parents=True)
            if entry["kind"] == "training_job":
                (entry_folder / "output").mkdir()
                shutil.copy(artifact, entry_folder / "output")
                (entry_folder / "training.log").write_text("trained\n")
            else:
                opt_ml.lay_out_serving(entry_folder / "ml", artifact, {})
                server = _started_as_then(entry_folder, listener.fileno())
    assert server
    log_path = next((folder / ".lgbm-sm/endpoints").glob("*/server.log"))
    wait_until(lambda: "serving" in log_path.read_text())
    (folder / ".lgbm-sm/record.json").write_text(text)
    yield FormerProject(ForkedCommandLine(folder, trained.environment, server=trained.server), server)
    _end_programs(CommandLine(tmp_path))
    server.wait(10)


def _started_as_then(folder: Path, descriptor: int) -> subprocess.Popen[bytes]:
    """Start a server with the command line of lgbm_sm/backends/process.py at 43dd234."""
    with (folder / "server.log").open("ab") as log:
        return subprocess.Popen(
            [
                sys.executable,
                "-P",
                "-m",
                "lgbm_runtime",
                "serve",
                "--root",
                str(folder / "ml"),
                "--fd",
                str(descriptor),
            ],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(containers_path() / "runtime")},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=(descriptor,),
        )


@pytest.mark.slow
@pytest.mark.parametrize("is_moved", [False, True])
def test_a_former_record_is_migrated_and_everything_in_it_is_found(former: FormerProject, is_moved: bool) -> None:
    lgbm_sm = former.lgbm_sm
    if is_moved:
        target = lgbm_sm.folder.with_name("moved")
        lgbm_sm.folder.rename(target)
        lgbm_sm.folder = target
    jobs = [("training_job", "Completed")] * 2
    assert former.items() == [*jobs, ("endpoint", "InService")]
    record = json.loads((lgbm_sm.folder / ".lgbm-sm/record.json").read_text())
    assert (record["format_version"], len(record["id"]), record["folder"]) == (2, 16, str(lgbm_sm.folder))
    assert [entry["folder"] for entry in record["entries"]] == [entry["name"] for entry in record["entries"]]
    assert len(lgbm_sm("predict").stdout.splitlines()) == 102
    lgbm_sm("deploy")
    assert former.server.wait(30) == 0
    assert former.items() == [*jobs, ("endpoint", "InService")]
    assert lgbm_sm("cleanup", "--yes").stdout == "nothing left\n"
    assert lgbm_sm.programs() == []
    work_path = lgbm_sm.folder / ".lgbm-sm"
    assert sorted(path.name for path in work_path.rglob("*") if path.is_file()) == ["record.json", "record.lock"]


@pytest.mark.slow
def test_a_copy_of_a_former_project_is_a_copy_and_leaves_its_server_alone(former: FormerProject) -> None:
    lgbm_sm = former.lgbm_sm
    copy = ForkedCommandLine(lgbm_sm.folder.with_name("copy"), lgbm_sm.environment, server=lgbm_sm.server)
    shutil.copytree(lgbm_sm.folder, copy.folder)
    refused = copy("cleanup", "--yes", exit_code=3)
    assert f"{copy.folder} is a copy of {lgbm_sm.folder}" in refused.stderr
    assert len(copy("predict").stdout.splitlines()) == 102
    copy("new-identity")
    assert copy("cleanup", "--yes").stdout == "nothing left\n"
    assert former.server.poll() is None
    assert former.items()[-1] == ("endpoint", "InService")


@pytest.mark.parametrize("folder", ["/home/user/thesis", "@FOLDER@/.lgbm-sm/jobs/../../data", "@FOLDER@/data"])
def test_a_record_that_names_a_foreign_folder_is_refused_by_name(
    trained: ForkedCommandLine, tmp_path: Path, folder: str
) -> None:
    lgbm_sm = ForkedCommandLine(tmp_path, trained.environment, server=trained.server)
    (tmp_path / ".lgbm-sm/jobs").mkdir(parents=True)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/table.csv").write_text("1,2\n")
    record = json.loads(RECORD.read_text().replace("@FOLDER@", str(tmp_path)))
    named = folder.replace("@FOLDER@", str(tmp_path))
    record["entries"][0]["folder"] = named
    (tmp_path / ".lgbm-sm/record.json").write_text(json.dumps(record))
    refused = lgbm_sm("cleanup", "--yes", exit_code=3)
    assert f"the folder of training job {record['entries'][0]['name']} is {named}, which is not in" in refused.stderr
    assert (tmp_path / "data/table.csv").exists()
