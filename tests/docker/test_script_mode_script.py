"""Pattern C's script without its image. Docker is not needed."""

from __future__ import annotations

import gzip
import importlib.util
import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from packaging.requirements import Requirement

from lgbm_runtime.core.errors import InvocationError, ModelError
from lgbm_runtime.core.predictor import Answer
from lgbm_runtime.core.user_content import answer_of
from lgbm_sm.config.values import XGBOOST_PYTHON_VERSIONS
from tests.contract.cases import ATTRIBUTES, CSV, FIRST, LINE
from tests.contract.models import REGRESSION, Model, train_models, write_artifact
from tests.docker.named_images import CONTEXT

SCRIPT_MODE = CONTEXT / "script_mode"


@pytest.fixture(scope="module")
def model() -> Model:
    return train_models()[REGRESSION]


@pytest.fixture
def model_path(model: Model, tmp_path: Path) -> Path:
    write_artifact(model, tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Import the script as the image does. At the end, restore the environment."""
    monkeypatch.setenv("PIP_DRY_RUN", "")
    monkeypatch.delenv("LGBM_RUNTIME_PROGRAM", raising=False)
    spec = importlib.util.spec_from_file_location("inference", SCRIPT_MODE / "inference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass
class Service:
    """A service that gives prepared answers and stores the requests."""

    answer: Answer | Exception
    asked: tuple[object, ...] = field(default=())

    def invoke(self, *arguments: object) -> Answer:
        self.asked = arguments
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_workers_install_nothing_while_the_model_is_not_loaded(script: ModuleType, model_path: Path) -> None:
    assert os.environ["PIP_DRY_RUN"] == "1"
    script.model_fn(str(model_path))
    assert "PIP_DRY_RUN" not in os.environ


def test_line_says_why_when_the_model_cannot_be_loaded(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ModelError):
        script.model_fn(str(tmp_path))
    assert capsys.readouterr().err == (
        f"error: the model file {tmp_path}/lightgbm-regression-model.txt does not exist\n"
    )
    assert os.environ["PIP_DRY_RUN"] == "1"


def test_model_is_not_loaded_when_a_file_is_not_what_the_manifest_names(
    script: ModuleType, model_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    digests = {"metadata.json": "0" * 64}
    (model_path / "lgbm-sm-manifest.json").write_text(json.dumps({"format_version": 1, "members": digests}))
    with pytest.raises(ModelError, match=r"metadata\.json was changed"):
        script.model_fn(str(model_path))
    assert capsys.readouterr().err.startswith(f"error: {model_path}/metadata.json was changed: ")
    monkeypatch.setenv("LGBM_RUNTIME_UNCHECKED", "1")
    assert script.reply_to(script.model_fn(str(model_path)), LINE, {}).status == 200
    assert capsys.readouterr().err == f"the files in {model_path} are not checked: LGBM_RUNTIME_UNCHECKED=1\n"


def test_request_is_answered_as_by_the_booster(script: ModuleType, model: Model, model_path: Path) -> None:
    reply = script.reply_to(script.model_fn(str(model_path)), LINE, {"Content-Type": CSV, "Accept": "application/json"})
    [value] = model.booster.predict([FIRST])
    assert (reply.status, reply.headers) == (200, {"Content-Type": "application/json"})
    assert json.loads(reply.body) == {"predictions": [value]}


def test_users_file_answers_where_it_is_named_although_ours_is_called_the_same(
    script: ModuleType, model_path: Path
) -> None:
    (model_path / "code").mkdir()
    (model_path / "code" / "inference.py").write_text("def predict_fn(data, model):\n    return [7.5] * len(data)\n")
    plain = script.load(model_path, {"SAGEMAKER_PROGRAM": "inference.py"})
    users = script.load(
        model_path, {"SAGEMAKER_PROGRAM": "lgbm_sm_inference.py", "LGBM_RUNTIME_PROGRAM": "inference.py"}
    )
    assert plain.invoke(LINE, CSV, CSV).body != b"7.5\n"
    assert users.invoke(LINE, CSV, CSV).body == b"7.5\n"


def test_headers_reach_the_service_as_they_were_sent(script: ModuleType) -> None:
    service = Service(Answer(b"1\n", CSV, "unseen_categories=a:b"))
    reply = script.reply_to(service, b"x", {"Content-Type": "text/csv; header=absent", ATTRIBUTES: "output=label"})
    assert service.asked == (b"x", "text/csv; header=absent", None, "output=label")
    assert reply.headers == {"Content-Type": CSV, ATTRIBUTES: "unseen_categories=a:b"}


def test_error_has_its_status_and_place(script: ModuleType) -> None:
    reply = script.reply_to(Service(InvocationError(400, "no number", row=2, column="CRIM")), b"x", {})
    assert (reply.status, reply.headers) == (400, {"Content-Type": "application/json"})
    assert json.loads(reply.body) == {"error": {"status": 400, "message": "no number", "row": 2, "column": "CRIM"}}


def test_gzip_is_refused_when_the_image_has_decoded_it_as_text(script: ModuleType) -> None:
    content = gzip.compress(LINE).decode("utf-8", "replace")
    reply = script.reply_to(Service(Answer(b"", CSV)), script.raw_body({}, content), {"Content-Type": CSV})
    assert reply.status == 415
    assert b"send the body uncompressed" in reply.body


def test_compression_other_than_gzip_is_refused(script: ModuleType) -> None:
    reply = script.reply_to(Service(Answer(b"", CSV)), b"x", {"Content-Encoding": "br"})
    assert reply.status == 415


@pytest.mark.parametrize(
    "answer", [ValueError("a secret"), Answer(b"a secret", CSV, "two\r\nlines"), Answer(b"a secret", CSV, "größer")]
)
def test_bug_reaches_the_log_and_not_the_caller(
    answer: Answer | Exception, script: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    reply = script.reply_to(Service(answer), b"x", {})
    message = json.loads(reply.body)["error"]["message"]
    reference = re.fullmatch(
        "internal error; the server's log shows the cause under the reference ([0-9a-f]{12})", message
    )
    assert reply.status == 500
    assert reference is not None
    logged = capsys.readouterr().err
    assert logged.startswith(f"unexpected error {reference[1]}:\nTraceback")
    assert "ValueError: " in logged


@dataclass
class ReadRequest:
    body: bytes

    def get_data(self) -> bytes:
        return self.body


@pytest.mark.parametrize(
    ("environ", "content", "body"),
    [
        ({"werkzeug.request": ReadRequest(b"\xff1")}, "\ufffd1", b"\xff1"),
        ({}, "\ufeff1,é", "\ufeff1,é".encode()),
        ({}, b"\xff\xfe", b"\xff\xfe"),
    ],
)
def test_body_is_the_bytes_that_were_sent(
    environ: dict[str, Any], content: str | bytes, body: bytes, script: ModuleType
) -> None:
    assert script.raw_body(environ, content) == body


@dataclass
class Response:
    """The part of Werkzeug's Response that the script uses."""

    body: bytes
    status_code: int = 200
    content_type: str = "text/plain"
    headers: dict[str, str] = field(default_factory=dict)

    def get_data(self) -> bytes:
        return self.body


def test_response_of_the_users_is_taken_apart() -> None:
    assert answer_of(Response(b"x"), CSV, "said=1") == Answer(b"x", "text/plain", "said=1")
    assert answer_of(Response(b"x", headers={ATTRIBUTES: "a=b"}), CSV, "") == Answer(b"x", "text/plain", "a=b")


def test_response_of_the_users_with_an_errors_status_is_an_error() -> None:
    with pytest.raises(InvocationError, match="too hot") as caught:
        answer_of(Response(b"too hot", 418), CSV, "")
    assert caught.value.status == 418


def test_each_image_has_its_lightgbm() -> None:
    pinned = {}
    for version in XGBOOST_PYTHON_VERSIONS:
        lines = (SCRIPT_MODE / f"requirements-{version}.txt").read_text().splitlines()
        [requirement] = [Requirement(line) for line in lines if not line.startswith("#")]
        assert requirement.name == "lightgbm"
        pinned[version] = str(requirement.specifier)
    assert pinned == {"1.5-1": "==3.3.5", "1.7-1": "==4.6.0", "3.0-5": "==4.7.0"}
