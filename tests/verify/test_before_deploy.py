"""The verification before a deployment: the image must serve the model under the contract."""

from __future__ import annotations

import os
from pathlib import Path

import docker
import pytest

from lgbm_sm.backends.docker.engine import Engine
from lgbm_sm.errors import ImageError
from lgbm_sm.model.code import ModelCode
from lgbm_sm.verify.checks import Area, Report, Verdict
from lgbm_sm.verify.limits import Limits
from lgbm_sm.verify.run import verify_before_deploy
from lgbm_sm.verify.subject import SampleRequest
from tests.verify.conforming_image import broken_image
from tests.verify.conftest import ROWS

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(300)]


def verified(image: str, model: Path, code: ModelCode) -> Report:
    return verify_before_deploy(
        image,
        model,
        code,
        engine=Engine(os.environ),
        request=SampleRequest(ROWS, "text/csv"),
        platform="linux/amd64",
        limits=Limits(startup=4, stop_serving=5),
        tell=lambda _: None,
    )


def test_an_image_that_serves_the_model_passes_and_is_not_trained(conforming: str, model: Path) -> None:
    report = verified(conforming, model, ModelCode({"inference.py": "code"}, {"SAGEMAKER_PROGRAM": "inference.py"}))
    assert [result for result in report.results if not result.is_met] == []
    assert {one.verdict for one in report.results if one.check.area is Area.TRAINING} == {Verdict.SKIPPED}
    assert {one.verdict for one in report.results if one.check.area is Area.ARCHIVE} == {Verdict.PASS}


def test_what_would_fail_is_refused_with_what_was_seen_and_how_to_fix_it(
    engine: docker.DockerClient, conforming: str, model: Path, docker_session: str
) -> None:
    image = broken_image(engine, conforming, "not-deployed", 'ENV DEFECT="another port"', docker_session)
    try:
        with pytest.raises(ImageError) as refused:
            verified(image, model, ModelCode())
    finally:
        engine.images.remove(image, force=True)
    assert "serve-port: listens on 9090 on all interfaces" in refused.value.message
    assert refused.value.hint == "listen on port 8080"
