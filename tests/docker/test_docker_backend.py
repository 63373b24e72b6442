"""The commands with Docker: the same lifecycle and predictions as with a process."""

from __future__ import annotations

import json
import os
import shutil
import signal
import tarfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import docker
import pytest

from lgbm_sm.backends import TrainingInputs
from lgbm_sm.backends.docker.backend import ContainerSettings, DockerBackend
from lgbm_sm.backends.docker.engine import Engine
from lgbm_sm.backends.docker.files import give_to_caller
from lgbm_sm.errors import TrainingError
from lgbm_sm.record.entries import Place, TrainingJob
from lgbm_sm.record.record import Record
from tests.cli.conftest import CommandLine
from tests.cli.forked import ForkedCommandLine, ForkServer
from tests.contract.serving import wait_until
from tests.docker.explained import explained, run_as_shown, shown_command
from tests.docker.projects import containers_of, items, networks_of, new_project, ours

# boosts until it is stopped
ENDLESS = (
    *("--set", "training.hyperparameters.num_boost_round=1000000"),
    *("--set", "training.hyperparameters.early_stopping_round=0"),
)

# the first test waits for the images
pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.xdist_group("docker_backend"), pytest.mark.timeout(900)]


@pytest.fixture
def lgbm_sm(
    engine: docker.DockerClient,
    base_image: str,
    byoc_image: str,
    docker_session: str,
    fork_server: ForkServer,
    tmp_path: Path,
) -> Iterator[CommandLine]:
    """A command line that builds from Docker's cache, because `byoc_image` was built before."""
    yield from new_project(engine, base_image, docker_session, tmp_path, fork_server)


@pytest.fixture(scope="module")
def built(
    engine: docker.DockerClient,
    base_image: str,
    byoc_image: str,
    docker_session: str,
    fork_server: ForkServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[CommandLine]:
    """A project with an image and prepared data."""
    folder = tmp_path_factory.mktemp("built")
    for command_line in new_project(engine, base_image, docker_session, folder, fork_server):
        command_line("prepare-data")
        command_line("build")
        yield command_line


@pytest.fixture
def trained(engine: docker.DockerClient, built: CommandLine) -> Iterator[CommandLine]:
    """The built project with a model that a process has trained."""
    built("train", "--set", "local.backend=process")
    yield built
    built("cleanup", "--yes", "--keep", "images")
    assert ours(engine, built) == []


def stop_when_there_is_a_container(
    engine: docker.DockerClient, lgbm_sm: CommandLine, number: signal.Signals, *arguments: str
) -> str:
    """Start a command, send a signal when its container runs, and return the output."""
    command = lgbm_sm.start(*arguments)
    deadline = time.monotonic() + 60
    while not any(container.status == "running" for container in containers_of(engine, lgbm_sm)):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    command.send_signal(number)
    _, conversation = command.communicate(timeout=60)
    assert command.returncode == (130 if number == signal.SIGINT else -number)
    return str(conversation)


def test_cpu_and_memory_of_a_container_are_seen_when_it_is_loaded(trained: CommandLine) -> None:
    trained("deploy")
    said = trained("bench", "--concurrency", "2", "--seconds", "0.6", "--most-requests", "2000", "--output", "json")
    [step] = json.loads(said.stdout)["steps"]
    assert step["errors"] == {}
    assert step["server"]["cpus"] > 0
    assert 10e6 < step["server"]["memory_bytes"] < 2e9


@pytest.mark.parametrize("arguments", [("train", *ENDLESS), ("deploy",)])
def test_cleanup_clears_the_container_when_the_command_was_killed(
    engine: docker.DockerClient, trained: CommandLine, arguments: tuple[str, ...]
) -> None:
    stop_when_there_is_a_container(engine, trained, signal.SIGKILL, *arguments)
    assert len(ours(engine, trained)) == 1
    states = {item["state"] for item in items(trained, "training_job") + items(trained, "endpoint")}
    assert states == {"Completed", "InProgress" if arguments[0] == "train" else "Creating"}
    trained("cleanup", "--yes", "--keep", "images")
    assert ours(engine, trained) == []
    assert list((trained.folder / ".lgbm-sm").rglob("ml")) == []


@pytest.mark.parametrize("arguments", [("train", *ENDLESS), ("deploy",)])
def test_nothing_runs_on_when_the_command_is_interrupted(
    engine: docker.DockerClient, trained: CommandLine, arguments: tuple[str, ...]
) -> None:
    conversation = stop_when_there_is_a_container(engine, trained, signal.SIGINT, *arguments)
    assert "nothing is still running" in conversation
    assert ours(engine, trained) == []
    assert items(trained, "endpoint") == []


def test_the_best_model_so_far_is_kept_when_training_is_interrupted(trained: CommandLine) -> None:
    before = set(trained.folder.glob(".lgbm-sm/jobs/*/training.log"))
    command = trained.start("train", *ENDLESS)

    def boosts() -> bool:
        logs = set(trained.folder.glob(".lgbm-sm/jobs/*/training.log")) - before
        return any("iteration=5 " in log.read_text() for log in logs)

    wait_until(boosts)
    time.sleep(0.5)
    command.send_signal(signal.SIGINT)
    command.communicate(timeout=100)
    stopped = items(trained, "training_job")[-1]
    assert stopped["state"] == "Stopped"
    folder = Path(stopped["folder"])
    assert (folder / "output/model.tar.gz").exists()
    assert "iteration=5 " in (folder / "training.log").read_text()
    assert not (folder / "ml").exists()


def test_cleanup_finds_containers_and_networks_when_record_and_folder_are_lost(
    engine: docker.DockerClient, trained: CommandLine
) -> None:
    trained("deploy", "--set", "local.network=false")
    record = (trained.folder / ".lgbm-sm/record.json").read_text()
    (trained.folder / ".lgbm-sm").rename(trained.folder / "moved")
    [lost] = items(trained, "endpoint")
    assert (lost["backend"], lost["state"]) == ("docker", "Running")
    trained("cleanup", "--yes")
    assert ours(engine, trained) == []
    assert networks_of(engine, trained) == []
    (trained.folder / ".lgbm-sm").mkdir(exist_ok=True)
    (trained.folder / ".lgbm-sm/record.json").write_text(record)  # so that cleanup finds the image


def test_another_folders_containers_are_neither_seen_nor_touched(
    engine: docker.DockerClient, trained: CommandLine, tmp_path_factory: pytest.TempPathFactory
) -> None:
    trained("deploy")
    other = CommandLine(tmp_path_factory.mktemp("other"), trained.environment)
    assert items(other, "endpoint") == []
    assert other("cleanup", "--yes").stdout == "nothing left\n"
    assert len(ours(engine, trained)) == 1
    assert len(trained("predict").stdout.splitlines()) == 102


def test_a_container_has_the_limits_and_variables_of_the_configuration(
    engine: docker.DockerClient, trained: CommandLine
) -> None:
    limits = ("local.memory=512m", "local.cpus=0.5", "local.environment.GREETING=good day")
    trained("deploy", *(word for limit in limits for word in ("--set", limit)))
    [container] = containers_of(engine, trained)
    host = container.attrs["HostConfig"]
    assert (host["Memory"], host["MemorySwap"], host["NanoCpus"]) == (512 * 2**20, 512 * 2**20, 500_000_000)
    assert "GREETING=good day" in container.attrs["Config"]["Env"]
    assert container.attrs["NetworkSettings"]["Ports"]["8080/tcp"][0]["HostIp"] == "127.0.0.1"
    written = container.exec_run(["touch", "/opt/ml/model/x"])
    assert (written.exit_code, b"Read-only file system" in written.output) == (1, True)


def test_the_docker_run_that_explain_shows_trains_the_same_model(
    engine: docker.DockerClient, trained: CommandLine, docker_session: str, tmp_path: Path
) -> None:
    tree = tmp_path / "tree"
    command = shown_command(explained(trained, "train", "--tree", str(tree))["How it is started"])
    try:
        with run_as_shown(engine, command, docker_session) as container:
            assert container.wait(timeout=60)["StatusCode"] == 0, container.logs().decode()
            assert container.attrs["Config"]["Hostname"] == "algo-1"
    finally:
        give_to_caller(tree / "ml", engine, [command[-2]], {"lgbm-sm.test": docker_session})
    [artifact] = trained.folder.glob(".lgbm-sm/jobs/*/output/model.tar.gz")
    with tarfile.open(artifact) as archive:
        model = archive.extractfile("lightgbm-regression-model.txt")
        assert model
        assert (tree / "ml" / "model" / "lightgbm-regression-model.txt").read_bytes() == model.read()


def test_no_network_is_reached_and_predictions_are_the_same_when_it_is_switched_off(
    engine: docker.DockerClient, trained: CommandLine
) -> None:
    trained("deploy")
    expected = trained("predict").stdout
    trained("train", "--set", "local.network=false")
    trained("deploy", "--set", "local.network=false")
    assert trained("predict").stdout == expected
    [container] = containers_of(engine, trained)
    connect = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=3)"
    assert container.exec_run(["python3", "-c", connect]).exit_code == 1
    assert len(networks_of(engine, trained)) == 1
    trained("cleanup", "--yes", "--keep", "images")
    assert networks_of(engine, trained) == []


def test_the_reason_says_so_when_memory_does_not_suffice(trained: CommandLine) -> None:
    failed = trained("train", "--set", "local.memory=16m", exit_code=7)
    assert "exit code: 137 (killed, because it needed more memory than local.memory: 16m)" in failed.stderr
    assert "more memory than" in items(trained, "training_job")[-1]["remark"]


def test_the_engines_words_are_given_when_a_container_cannot_be_started(
    engine: docker.DockerClient, trained: CommandLine
) -> None:
    refused = trained("train", "--set", "local.memory=9999999999g", exit_code=7)
    assert "its container cannot be started: json: cannot unmarshal number" in refused.stderr
    assert items(trained, "training_job")[-1]["state"] == "Failed"
    assert ours(engine, trained) == []


def test_a_missing_entry_point_is_named_when_the_image_has_none(
    engine: docker.DockerClient, base_image: str, lgbm_sm: CommandLine
) -> None:
    record = Record(lgbm_sm.folder / ".lgbm-sm")
    job = TrainingJob(
        name="job",
        project=lgbm_sm.environment["LGBM_SM_PROJECT__NAME"],
        place=Place.DOCKER,
        created_at=datetime.now(UTC),
        folder=record.jobs_path / "job",
    )
    record.make_folder(job.folder)
    backend = DockerBackend(Engine(os.environ), ContainerSettings(), base_image)
    with pytest.raises(TrainingError, match=r"train.*executable file not found"):
        backend.start_training(job, TrainingInputs({}, {}))
    assert backend.stop(job) == []
    assert ours(engine, lgbm_sm) == []
    backend.engine.client.close()


def test_outputs_belong_to_the_caller_when_another_user_wrote_them(
    engine: docker.DockerClient, byoc_image: str, docker_session: str, tmp_path: Path
) -> None:
    tmp_path.chmod(0o777)
    write = "mkdir -p /opt/ml/a/b && echo x >/opt/ml/a/b/c && ln -s /etc/passwd /opt/ml/a/link && chmod 700 /opt/ml/a"
    mounts = [docker.types.Mount(target="/opt/ml", source=str(tmp_path), type="bind")]
    engine.containers.run(
        byoc_image,
        ["-c", write],
        entrypoint="sh",
        user="12345:12345",
        mounts=mounts,
        remove=True,
        labels={"lgbm-sm.test": docker_session},
    )
    assert (tmp_path / "a").lstat().st_uid == 12345
    give_to_caller(tmp_path, engine, (byoc_image,), {"lgbm-sm.project": tmp_path.name})
    assert {path.lstat().st_uid for path in tmp_path.rglob("*")} == {os.getuid()}
    assert len(list(tmp_path.rglob("*"))) == 4
    assert engine.containers.list(all=True, filters={"label": f"lgbm-sm.project={tmp_path.name}"}) == []


def test_the_owner_of_a_folder_behind_a_link_stays_when_a_job_is_stopped(
    engine: docker.DockerClient, byoc_image: str, docker_session: str, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "thesis.txt").write_text("mine")
    os.chown(outside / "thesis.txt", 12345, 12345)
    record = Record(tmp_path / ".lgbm-sm")
    now = datetime.now(UTC)
    job = TrainingJob(
        name="job", project="p", place=Place.DOCKER, created_at=now, folder=record.jobs_path / "job", image=byoc_image
    )
    record.add(job)
    job.root_path.symlink_to(outside)
    backend = DockerBackend(Engine(os.environ), ContainerSettings(), byoc_image, lambda: record.project_id)
    assert backend.stop(job) == []
    assert (outside / "thesis.txt").stat().st_uid == 12345
    backend.engine.client.close()


def test_a_moved_project_finds_its_container_and_a_new_one_in_its_old_place_does_not(
    engine: docker.DockerClient, trained: CommandLine
) -> None:
    assert isinstance(trained, ForkedCommandLine)
    trained("deploy")
    expected = trained("predict").stdout
    old, new = trained.folder, trained.folder.with_name("moved")
    old.rename(new)
    old.mkdir()
    try:
        stranger = ForkedCommandLine(old, trained.environment, server=trained.server)
        stranger("prepare-data")
        stranger("train", "--set", "training.hyperparameters.num_boost_round=1")
        assert stranger("cleanup", "--yes", "--keep", "images").stdout == "nothing left\n"
        trained.folder = new
        assert trained("predict").stdout == expected
        assert "lgbm_runtime" in trained("logs").stdout
        assert [item["state"] for item in items(trained, "endpoint")] == ["InService"]
        trained("cleanup", "--yes", "--keep", "images,training-jobs")
        assert containers_of(engine, trained) == []
    finally:
        shutil.rmtree(old)
        new.rename(old)
        trained.folder = old


@pytest.mark.parametrize("is_moved", [False, True])
def test_a_container_of_43dd234_is_found_and_removed_after_its_record_was_migrated(
    engine: docker.DockerClient, byoc_image: str, lgbm_sm: CommandLine, is_moved: bool
) -> None:
    name, project = "houses-2026-11-01-10-00-00-000", lgbm_sm.environment["LGBM_SM_PROJECT__NAME"]
    old = lgbm_sm.folder
    folder = old / ".lgbm-sm/endpoints" / name
    (folder / "ml/model").mkdir(parents=True)
    entry = {
        "kind": "endpoint",
        "name": name,
        "project": project,
        "place": "docker",
        "training_job": "houses",
        "created_at": "2026-11-01T10:00:00Z",
        "folder": str(folder),
        "status": "InService",
        "url": "",
    }
    record = {"format_version": 1, "entries": [entry]}
    (old / ".lgbm-sm/record.json").write_text(json.dumps(record))
    engine.containers.run(
        byoc_image,
        ["60"],
        entrypoint="sleep",
        detach=True,
        labels={
            "lgbm-sm.project": project,
            "lgbm-sm.kind": "endpoint",
            "lgbm-sm.name": name,
            "lgbm-sm.folder": str(old / ".lgbm-sm"),
        },
    )
    if is_moved:
        lgbm_sm.folder = old.with_name("moved")
        old.rename(lgbm_sm.folder)
    assert [item["state"] for item in items(lgbm_sm, "endpoint")] == ["InService"]
    assert json.loads((lgbm_sm.folder / ".lgbm-sm/record.json").read_text())["format_version"] == 2
    assert lgbm_sm("cleanup", "--yes").stdout == "nothing left\n"
    assert ours(engine, lgbm_sm) == []


def test_status_and_cleanup_go_on_when_the_engine_does_not_answer(trained: CommandLine) -> None:
    trained("deploy")
    trained.environment["DOCKER_HOST"] = "unix:///no/such/engine.sock"
    try:
        assert {item["state"] for item in items(trained, "endpoint") + items(trained, "image")} == {"Unknown"}
        cleaned = json.loads(trained("cleanup", "--yes", "--output", "json", exit_code=11).stdout)
        assert "could not delete everything" in cleaned["error"]["message"]
        assert items(trained, "training_job") == []
    finally:
        del trained.environment["DOCKER_HOST"]
    assert [item["state"] for item in items(trained, "image")] == ["Available"]


def test_auto_takes_a_container_only_once_its_image_is_built(lgbm_sm: CommandLine) -> None:
    lgbm_sm.environment["LGBM_SM_LOCAL__BACKEND"] = "auto"
    lgbm_sm("prepare-data")
    assert "`lgbm-sm build` creates it" in lgbm_sm("train").stderr
    lgbm_sm("build")
    assert "and the image exists: " in lgbm_sm("train").stderr
    assert [job["backend"] for job in items(lgbm_sm, "training_job")] == ["process", "docker"]
    changed = lgbm_sm("train", "--set", "container.build_args.NEW=1")
    assert "local.backend is auto, and the image does not exist" in changed.stderr


def test_training_says_what_is_missing_when_there_is_no_image_or_no_engine(lgbm_sm: CommandLine) -> None:
    lgbm_sm("prepare-data")
    assert "run `lgbm-sm build` first" in lgbm_sm("train", exit_code=5).stderr
    lgbm_sm.environment["DOCKER_HOST"] = "unix:///no/such/engine.sock"
    try:
        assert "Docker does not answer" in lgbm_sm("train", exit_code=5).stderr
    finally:
        del lgbm_sm.environment["DOCKER_HOST"]
