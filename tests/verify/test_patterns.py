"""The project's own images pass `verify` in each pattern."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import docker
import pytest

from lgbm_sm.verify.sandbox import VERIFICATION_LABEL
from lgbm_sm.verify.verifier import ALL_CHECKS
from tests.cli.conftest import CommandLine
from tests.cli.forked import ForkServer
from tests.docker.projects import new_project
from tests.docker.xgboost_stand_in import IN_SOAK, WHEELS, build_image

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(900)]

CASES = [
    pytest.param(name, marks=[pytest.mark.xdist_group(f"verified {name}"), *in_soak])
    for name, in_soak in {
        "byoc": [],
        "inference_toolkit": [],
        "script_mode 1.5-1": [],
        "script_mode 3.0-5": [IN_SOAK],
    }.items()
]
# what cannot be seen before a push, and what only --full looks at
NOT_LOOKED_AT = {"image-manifest", "serve-memory", "serve-restart"}
EVERY_CHECK = {check.name for check in ALL_CHECKS}


@pytest.fixture(params=CASES)
def project(
    request: pytest.FixtureRequest,
    engine: docker.DockerClient,
    base_image: str,
    byoc_image: str,
    toolkit_image: str,
    docker_session: str,
    fork_server: ForkServer,
    tmp_path: Path,
) -> Iterator[CommandLine]:
    pattern, _, version = request.param.partition(" ")
    stand_in = build_image(engine, base_image, version) if version else ""
    for lgbm_sm in new_project(engine, base_image, docker_session, tmp_path, fork_server):
        lgbm_sm.environment["LGBM_SM_CONTAINER__PATTERN"] = pattern
        if version:
            lgbm_sm.environment["LGBM_SM_CONTAINER__XGBOOST_VERSION"] = version
            for name, value in WHEELS.items():
                lgbm_sm.environment[f"LGBM_SM_LOCAL__ENVIRONMENT__{name}"] = value
        else:
            lgbm_sm.environment["LGBM_SM_CONTAINER__REPOSITORY"] = f"test-{docker_session}-{uuid.uuid4().hex[:6]}"
        lgbm_sm("build", *(("--image", stand_in) if stand_in else ()))
        yield lgbm_sm


def test_our_images_pass_every_check(project: CommandLine, engine: docker.DockerClient) -> None:
    # a command of its own time: AWS's image installs packages at each start
    process = project.start("verify", "--output", "json", "--junit", "report.xml")
    told, said = process.communicate(timeout=600)
    assert process.returncode == 0, told + said
    reports = json.loads(told)["images"]
    passed = set()
    for report in reports:
        verdicts = {check["name"]: (check["verdict"], check["seen"]) for check in report["checks"]}
        assert set(verdicts) == EVERY_CHECK
        assert [name for name, (verdict, _) in verdicts.items() if verdict in ("fail", "warning")] == [], verdicts
        passed |= {name for name, (verdict, _) in verdicts.items() if verdict == "pass"}
    assert passed == EVERY_CHECK - NOT_LOOKED_AT
    suites = ET.parse(project.folder / "report.xml").getroot()
    assert len(suites) == 4 * len(reports)
    assert sum(int(suite.get("failures", "")) for suite in suites) == 0
    found = engine.api.containers(all=True, filters={"label": VERIFICATION_LABEL})
    assert [one["Id"] for one in found if f"/{process.pid}/" in one["Labels"][VERIFICATION_LABEL]] == []
