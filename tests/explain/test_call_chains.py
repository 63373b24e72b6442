"""The call chains of `explain` are those of the running programs.

Here pattern A's run as processes.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from lgbm_sm.backends.docker.build_context import ImageRecipe, image_files
from lgbm_sm.config.sections import Pattern
from lgbm_sm.explain.call_chain import MODULE, call_chains, describe_chain, function_lines
from lgbm_sm.shipped import containers_path
from tests.call_traces import TRACER, VARIABLE, ask, compare
from tests.contract.serving import Endpoint, wait_until
from tests.runtime.training_jobs import RUNTIME, Job, traced_job

CONTAINERS = containers_path()


def command(*words: str) -> list[str]:
    """Return a command that starts Python as the image's entry point does."""
    return [sys.executable, "-P", str(CONTAINERS / "byoc" / "start.py"), *words]


def environment(trace_path: Path) -> dict[str, str]:
    trace_path.mkdir()
    return {**os.environ, "PYTHONPATH": f"{TRACER}:{RUNTIME}", VARIABLE: str(trace_path)}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Job, Path]:
    """Run a job with the tracer. Return the job and the trace."""
    folder = tmp_path_factory.mktemp("traced")
    job = traced_job(folder / "ml")
    words = command("train", "--root", str(job.root))
    ended = subprocess.run(
        words, env=environment(folder / "trace"), capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.returncode == 0, ended.stderr
    return job, folder / "trace"


@pytest.mark.slow
def test_the_training_chain_is_that_of_a_training(trained: tuple[Job, Path]) -> None:
    compare("train", trained[1])


@pytest.mark.slow
def test_the_serving_chain_is_that_of_a_server(trained: tuple[Job, Path], tmp_path: Path) -> None:
    job, _ = trained
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(
            command("serve", "--root", str(job.root)),
            env={
                **environment(tmp_path / "trace"),
                "LGBM_RUNTIME_WORKERS": "2",
                # as in a container, the program binds the port itself
                "SAGEMAKER_BIND_TO_PORT": str(port),
            },
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    endpoint = Endpoint("127.0.0.1", port, [])
    try:
        wait_until(lambda: b" serving " in (tmp_path / "log").read_bytes() or server.poll() is not None)
        ask(endpoint, "1,2,3,4,5")
    finally:
        endpoint.hang_up()
        server.terminate()
        assert server.wait(timeout=40) == 0, (tmp_path / "log").read_text()
    compare("byoc", tmp_path / "trace")


@pytest.mark.parametrize("name", ["train", "byoc", "inference_toolkit", "script_mode"])
def test_a_chain_leads_through_functions_of_this_checkout(name: str) -> None:
    for line, call in zip(describe_chain(name, CONTAINERS)[1:], call_chains()[name], strict=True):
        file, function = call.callee.split(" ")
        shown = re.match(r"( *)containers/(\S+?):(\d+)[ :]", line)
        assert shown
        assert (len(shown[1]), shown[2]) == (2 * call.depth, file)
        code = (CONTAINERS / file).read_text().splitlines()[int(shown[3]) - 1 :]
        if function != MODULE:
            assert re.match(r"@|(async )?def ", code[0].strip())
            assert f" {function}" in line
            assert any(f"def {function.rpartition('.')[2]}(" in text for text in code[:6])


@pytest.mark.parametrize(
    ("name", "pattern"), [("train", Pattern.BYOC), *((pattern.value, pattern) for pattern in Pattern)]
)
def test_each_file_of_a_chain_goes_into_the_image(name: str, pattern: Pattern) -> None:
    recipe = ImageRecipe(CONTAINERS, pattern, "repository", "linux/amd64")
    if pattern is Pattern.SCRIPT_MODE:  # the files of the model artifact
        folders = (CONTAINERS / "script_mode", CONTAINERS / "runtime" / "lgbm_runtime" / "core")
        there = {str(path.relative_to(CONTAINERS)) for folder in folders for path in folder.glob("*.py")}
    else:
        there = {file for file, _ in image_files(recipe)}
    assert {call.callee.split(" ")[0] for call in call_chains()[name]} <= there


def test_training_calls_the_c_api_and_not_the_package_lightgbm() -> None:
    files = {call.callee.split(" ")[0] for call in call_chains()["train"]}
    assert "runtime/lgbm_runtime/training/training_api.py" in files
    assert not any("lightgbm" in call.through for call in call_chains()["train"])


def test_a_function_that_a_copy_of_containers_does_not_have_is_marked(tmp_path: Path) -> None:
    assert describe_chain("train", tmp_path)[0] == "containers/byoc/Dockerfile: no ENTRYPOINT"
    (tmp_path / "byoc").mkdir()
    (tmp_path / "byoc" / "Dockerfile").write_text('FROM scratch\nENTRYPOINT ["/start"]\n')
    lines = describe_chain("train", tmp_path)
    assert lines[0] == 'containers/byoc/Dockerfile:2 ENTRYPOINT ["/start"]'
    assert lines[1] == "containers/byoc/start.py <module>: not in this copy of containers/"


def test_functions_are_found_with_their_classes_and_decorators(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(
        "class A:\n    @property\n    def b(self):\n        def c(): ...\n\nif 1:\n    async def d(): ...\n"
    )
    assert function_lines(tmp_path / "a.py") == {MODULE: 1, "A.b": 2, "A.b.c": 4, "d": 7}
