"""The parts of `explain`: the limits of the contract, and real command lines."""

from __future__ import annotations

import json
import shlex
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lgbm_sm.backends import RunningProgram, TrainingInputs
from lgbm_sm.backends.docker.backend import ContainerSettings, DockerBackend
from lgbm_sm.backends.docker.engine import Engine
from lgbm_sm.backends.docker.spec import BindMount, ContainerSpec
from lgbm_sm.config.loading import load_config
from lgbm_sm.errors import UsageError
from lgbm_sm.explain import limits
from lgbm_sm.explain.container import docker_run, in_lines
from lgbm_sm.explain.failures import explain_message
from lgbm_sm.explain.functions import functions_section
from lgbm_sm.explain.programs import describe_running
from lgbm_sm.explain.sections import json_lines
from lgbm_sm.explain.trees import describe_tree
from lgbm_sm.record.entries import Endpoint, Place, TrainingJob
from tests.known_issues.test_known_issues import SAMPLES

NO_ENGINE = Engine({"DOCKER_HOST": "unix:///nonexistent/docker.sock"})


def test_limits_name_the_time_that_is_configured() -> None:
    config = load_config(None, ["endpoint.startup_timeout_seconds=600"]).config
    text = "\n".join(limits.serving_limits(config).lines)
    for number in (
        "within 2 s",
        "8 minutes",
        "(now 600)",
        "250 ms",
        "within 60 s",
        "25 MB",
        "6,291,456",
        "30 s later",
    ):
        assert number in text
    assert "1,024 characters" in "\n".join(limits.training_limits(config).lines)


def spec_of(folder: Path, settings: ContainerSettings, *, serves: bool) -> ContainerSpec:
    backend = DockerBackend(NO_ENGINE, settings, "image:1")
    where: dict[str, Any] = {
        "name": "demo-1",
        "project": "demo",
        "place": Place.DOCKER,
        "created_at": datetime.now(UTC),
    }
    if serves:
        (folder / "ml" / "model").mkdir(parents=True)
        return backend.serving_spec(
            Endpoint(**where, folder=folder, training_job="j"), {"SAGEMAKER_PROGRAM": "mine.py"}
        )
    (folder / "rows").mkdir()
    inputs = TrainingInputs({"train": folder / "rows"}, {"num_leaves": "31"})
    return backend.training_spec(TrainingJob(**where, folder=folder), inputs)


def test_a_command_line_says_all_that_the_container_is_started_with(tmp_path: Path) -> None:
    settings = ContainerSettings({"GREETING": "good day"}, memory="512m", cpus=0.5)
    parts = docker_run(spec_of(tmp_path, settings, serves=True))
    assert parts[:3] == ["docker", "run", "--rm"]
    assert parts[-2:] == ["image:1", "serve"]
    pairs = list(zip(parts[3:-2:2], parts[4:-2:2], strict=True))
    assert sorted(pairs) == sorted(
        [
            ("--mount", f"type=bind,source={tmp_path}/ml,target=/opt/ml"),
            ("--mount", f"type=bind,source={tmp_path}/ml/model,target=/opt/ml/model,readonly"),
            ("--env", "SAGEMAKER_PROGRAM=mine.py"),
            ("--env", "GREETING=good day"),
            ("--memory", "512m"),
            ("--memory-swap", "512m"),
            ("--cpus", "0.5"),
            ("--publish", "127.0.0.1::8080"),
            ("--stop-signal", "SIGTERM"),
        ]
    )


def test_a_shell_reads_the_shown_lines_as_that_command_line(tmp_path: Path) -> None:
    folder = tmp_path / "with spaces, and a comma"
    folder.mkdir()
    parts = docker_run(spec_of(folder, ContainerSettings(), serves=False))
    shown = in_lines(parts)
    assert shown[0] == "docker run --rm \\"
    assert shown[-1] == "image:1 train"
    assert shlex.split("\n".join(shown).replace("\\\n", " ")) == parts
    assert f'type=bind,"source={folder}/ml",target=/opt/ml' in parts


def test_a_container_without_a_network_is_shown_so(tmp_path: Path) -> None:
    for name in ("train", "serve"):
        (tmp_path / name).mkdir()
    settings = ContainerSettings(network=False)
    trains = docker_run(spec_of(tmp_path / "train", settings, serves=False))
    assert trains[trains.index("--network") + 1] == "none"
    spec = spec_of(tmp_path / "serve", settings, serves=True)
    serves = docker_run(spec)
    assert serves[serves.index("--network") + 1] == spec.internal_network != ""
    assert "--publish" not in serves


def test_each_field_of_a_container_changes_the_command() -> None:
    plain = ContainerSpec("image", "train", {}, ())
    others: dict[str, Any] = {
        "image": "other",
        "command": "serve",
        "environment": {"GREETING": "hello"},
        "mounts": (BindMount(Path("/here"), "/there"),),
        "hostname": "algo-1",
        "is_isolated": True,
        "internal_network": "net",
        "publishes": True,
        "memory": "2g",
        "cpus": 1.5,
        "stop_signal": "SIGINT",
    }
    assert {field.name for field in fields(ContainerSpec)} - {"labels"} == set(others)
    commands = [docker_run(plain), *(docker_run(replace(plain, **{name: value})) for name, value in others.items())]
    assert len({tuple(command) for command in commands}) == len(others) + 1


@pytest.mark.parametrize(
    "document",
    [{}, [], {"a": []}, {"long": ["x" * 60, "ü" * 60, {"b": {"c": None}}]}, [[["y" * 120]], 1], "text", 1.5],
)
def test_json_that_is_broken_into_lines_is_the_same_document(document: object) -> None:
    assert json.loads("\n".join(json_lines(document))) == document


def test_what_fits_into_a_line_is_one() -> None:
    document = {"features": [{"name": "a", "type": "numeric"}] * 5}
    assert json_lines(document)[1:3] == ['  "features": [', '    {"name": "a", "type": "numeric"},']


def test_a_tree_shows_json_whole_and_of_packages_the_names(tmp_path: Path) -> None:
    (tmp_path / "model" / "code" / "package").mkdir(parents=True)
    (tmp_path / "output").mkdir()
    (tmp_path / "model" / "metadata.json").write_text('{"best_iteration": 7}')
    (tmp_path / "model" / "broken.json").write_text("no JSON")
    (tmp_path / "model" / "model.txt").write_text("tree\nversion=v4\nnum_class=1\nmore\n")
    (tmp_path / "model" / "weights.bin").write_bytes(b"\0\1")
    for name in ("__init__.py", "core.py"):
        (tmp_path / "model" / "code" / "package" / name).write_text("x = 1\n")
    assert describe_tree(tmp_path) == [
        "/opt/ml/model/broken.json  7 bytes",
        "  no JSON",
        "/opt/ml/model/code/package/  2 files: __init__.py, core.py",
        "/opt/ml/model/metadata.json",
        '  {"best_iteration": 7}',
        "/opt/ml/model/model.txt  33 bytes",
        "  tree",
        "  version=v4",
        "  num_class=1",
        "  …",
        "/opt/ml/model/weights.bin  2 bytes",
        "/opt/ml/output/  empty",
    ]


def test_a_process_stands_below_the_one_that_started_it() -> None:
    programs = [
        RunningProgram(7, 5, "worker"),
        RunningProgram(5, 1, "server"),
        RunningProgram(9, 7, "helper"),
        RunningProgram(8, 5, "worker"),
    ]
    assert describe_running(programs) == ["5  server", "  7  worker", "    9  helper", "  8  worker"]


@pytest.mark.parametrize(
    ("code", "owners"),
    [
        ("def predict_fn(data, model): ...", ["lgbm-sm's", "lgbm-sm's", "yours", "lgbm-sm's", "none"]),
        ("def model_fn(d): ...\ndef transform_fn(m, b, c, a): ...", ["yours", "not called", "not called", "not called", "yours"]),
        ("from elsewhere import input_fn, output_fn", ["lgbm-sm's", "yours", "lgbm-sm's", "yours", "none"]),
    ],
)  # fmt: skip
def test_each_function_is_the_users_or_the_programs(code: str, owners: list[str], tmp_path: Path) -> None:
    (tmp_path / "inference.py").write_text(code)
    config = load_config(None, [f"endpoint.source_dir={tmp_path}"]).config
    workspace: Any = SimpleNamespace(config=config, folder=tmp_path)
    lines = functions_section(workspace).lines
    rows = [line.split(maxsplit=1) for line in lines[1:6]]
    assert [name for name, _ in rows] == ["model_fn", "input_fn", "predict_fn", "output_fn", "transform_fn"]
    assert all(said.startswith(owner) for (_, said), owner in zip(rows, owners, strict=True)), rows


@pytest.mark.parametrize(("issue", "text"), SAMPLES)
def test_an_error_that_was_seen_is_explained_with_its_source(issue: str, text: str) -> None:
    first = explain_message(text)[0]
    assert first.title == f"Known issue: {issue}"
    assert [line.split()[0] for line in first.lines] == ["cause", "fix", "source"]


def test_a_message_that_is_not_known_is_answered_with_where_to_look() -> None:
    [found] = explain_message("the moon is blue")
    assert found.title == "Not known"
    assert "lgbm-sm doctor" in "\n".join(found.lines)


@pytest.mark.parametrize(
    ("word", "hint"),
    [("trian", "did you mean `lgbm-sm explain train`?"), ("Deploi", "explain deploy`?"), ("moon", "the steps are prepare-data, build,")],
)  # fmt: skip
def test_a_word_that_is_not_a_step_is_a_usage_error_with_a_suggestion(word: str, hint: str) -> None:
    with pytest.raises(UsageError, match=f"{word} is not a step") as refused:
        explain_message(word)
    assert hint in refused.value.hint


def test_an_error_code_is_explained_though_it_is_one_word() -> None:
    assert explain_message("ResourceLimitExceeded")[0].title == "Known issue: quota"
