"""`stop` ends endpoints and keeps models; `cleanup` lists the models before it asks."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.cli.conftest import CommandLine
from tests.cli.forked import ForkedCommandLine, ForkServer
from tests.cli.terminal import Terminal

pytestmark = pytest.mark.xdist_group("stop")


@pytest.fixture(scope="module")
def trained(fork_server: ForkServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForkedCommandLine]:
    """A project with one model; each test starts its own endpoint and ends it."""
    command_line = ForkedCommandLine(tmp_path_factory.mktemp("trained"), server=fork_server)
    command_line("prepare-data")
    command_line("train")
    yield command_line
    command_line("cleanup", "--yes")


def items(lgbm_sm: CommandLine) -> list[tuple[str, str]]:
    found = json.loads(lgbm_sm("status", "--output", "json").stdout)["items"]
    return [(item["kind"], item["state"]) for item in found]


def kinds(result: dict[str, Any], part: str) -> list[str]:
    return [item["kind"] for item in result[part]]


@pytest.mark.slow
def test_stop_ends_the_server_and_deploy_starts_the_model_again(trained: CommandLine) -> None:
    trained("deploy")
    predicted = trained("predict").stdout
    assert items(trained) == [("training_job", "Completed"), ("endpoint", "InService")]
    assert [
        call["parameters"]["kind"]
        for call in json.loads(trained("stop", "--dry-run", "--output", "json").stdout)["calls"]
    ] == ["endpoint"]
    assert trained.programs() != []
    stopped = trained("stop", "--output", "json")
    result = json.loads(stopped.stdout)
    assert set(result) == {"deleted", "kept", "left"}
    assert (kinds(result, "deleted"), kinds(result, "kept"), result["left"]) == (["endpoint"], ["training_job"], [])
    assert "`lgbm-sm deploy` starts it again, `lgbm-sm cleanup` deletes the models too" in stopped.stderr
    assert trained.programs() == []
    assert items(trained) == [("training_job", "Completed")]
    assert trained("stop").stdout == "no endpoint left, 1 resource kept\n"
    trained("deploy")
    assert trained("predict").stdout == predicted
    trained("stop")


@pytest.mark.slow
def test_stop_names_the_model_that_it_stopped_when_deploy_alone_would_serve_another(lgbm_sm: CommandLine) -> None:
    lgbm_sm("prepare-data")
    first, second = (json.loads(lgbm_sm("train", "--output", "json").stdout)["training_job"] for _ in range(2))
    lgbm_sm("deploy", "--model", first)
    assert f"`lgbm-sm deploy --model {first}` starts it again" in lgbm_sm("stop").stderr
    lgbm_sm("deploy")
    assert "`lgbm-sm deploy` starts it again" in lgbm_sm("stop").stderr
    assert first != second


@pytest.mark.slow
def test_stop_clears_a_server_that_has_crashed(trained: CommandLine) -> None:
    trained("deploy")
    programs = trained.programs()
    for program in programs:
        program.send_signal(signal.SIGKILL)
    psutil.wait_procs(programs, timeout=30)
    trained("stop")
    assert items(trained) == [("training_job", "Completed")]


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("write", [1, 2])  # the endpoint is marked as being deleted, then taken off the record
def test_the_next_stop_finishes_what_a_killed_one_has_begun(
    trained: ForkedCommandLine, write: int, moment: str
) -> None:
    trained("deploy")
    assert trained.run("stop", kill=(write, moment)).returncode == -signal.SIGKILL
    assert trained("stop").stdout == "no endpoint left, 1 resource kept\n"
    assert trained.programs() == []
    assert items(trained) == [("training_job", "Completed")]
    assert list((trained.folder / ".lgbm-sm/endpoints").glob("*/*")) == []


@pytest.mark.slow
def test_an_interrupt_names_stop_when_only_an_endpoint_is_running(trained: CommandLine) -> None:
    trained("deploy")
    command = trained.start("logs", "--follow")
    assert command.stdout
    command.stdout.readline()
    command.send_signal(signal.SIGINT)
    _, said = command.communicate(timeout=30)
    assert "hint: `lgbm-sm stop` ends it and keeps the models" in said
    trained("stop")


@pytest.mark.slow
def test_cleanup_lists_the_models_with_their_metric_before_it_asks(lgbm_sm: CommandLine) -> None:
    lgbm_sm("prepare-data")
    full = json.loads(lgbm_sm("train", "--output", "json").stdout)
    rounds = ("--set", "training.hyperparameters.num_boost_round=3")
    short = json.loads(lgbm_sm("train", *rounds, "--output", "json").stdout)
    lgbm_sm("train", "--set", "training.hyperparameters={boosting: rf}", exit_code=7)
    with Terminal(lgbm_sm.folder, "cleanup") as terminal:
        said = terminal.answer("Delete? [y/N] ", "n")
        assert terminal.end()[0] == 0
    lines = [line.strip() for line in said.splitlines()]
    assert "3 training jobs, including model artifacts and logs:" in lines
    # the figures of LightGBM's log of these rounds
    assert f"training job {full['training_job']} (Completed): validation l2 33.4163" in lines
    assert f"training job {short['training_job']} (Completed): validation l2 74.2545" in lines
    assert [line.endswith("(Failed)") for line in lines[-2:-1]] == [True]
    assert [kind for kind, _ in items(lgbm_sm)] == ["training_job"] * 3


@pytest.mark.slow
def test_cleanup_shows_the_metric_of_a_job_of_an_earlier_version_from_its_artifact(lgbm_sm: CommandLine) -> None:
    lgbm_sm("prepare-data")
    artifact = json.loads(lgbm_sm("train", "--output", "json").stdout)["model_artifact"]
    record_path = lgbm_sm.folder / ".lgbm-sm" / "record.json"
    record = json.loads(record_path.read_text(encoding="utf-8"))
    for job in record["entries"]:
        job.pop("metrics")
    record_path.write_text(json.dumps(record), encoding="utf-8")
    assert "(Completed): validation l2 33.4163" in asked_before_deletion(lgbm_sm)
    Path(artifact).write_bytes(b"damaged")
    assert "(Completed): metrics unknown" in asked_before_deletion(lgbm_sm)


def asked_before_deletion(command: CommandLine) -> str:
    with Terminal(command.folder, "cleanup") as terminal:
        said = terminal.answer("Delete? [y/N] ", "n")
        assert terminal.end()[0] == 0
    return said
