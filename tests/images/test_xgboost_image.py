"""AWS's XGBoost image: its address, and the login. A server on this machine replaces AWS."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from lgbm_sm.aws.account import open_session, region_of, registry_login
from lgbm_sm.errors import AwsError, ConfigError, ExitCode
from lgbm_sm.images.xgboost import image_uri


@dataclass
class Registry:
    """Answers each call with `status` and `answer`.

    `calls` has the operation and the request of each.
    """

    status: int = 200
    answer: dict[str, Any] = field(default_factory=dict)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    registry = Registry()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            registry.calls.append((self.headers["X-Amz-Target"].rpartition(".")[2], body))
            answer = json.dumps(registry.answer).encode()
            self.send_response(registry.status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        monkeypatch.setenv("AWS_ENDPOINT_URL_ECR", f"http://127.0.0.1:{server.server_port}")
        yield registry
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def _account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the AWS settings of this machine."""
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/nonexistent")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")


@pytest.mark.slow
def test_the_image_is_the_regions_own() -> None:
    # the account is the one that AWS's documentation names for Frankfurt, "Docker Registry Paths and Example Code"
    expected = "492215442770.dkr.ecr.eu-central-1.amazonaws.com/sagemaker-xgboost:"
    assert image_uri("1.5-1", "eu-central-1") == f"{expected}1.5-1"
    assert image_uri("3.0-5", "eu-central-1") == f"{expected}3.0-5"


def test_the_region_is_the_configurations_then_the_environments_then_the_notebooks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert region_of(open_session()) == "ap-northeast-1"
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    assert region_of(open_session()) == "us-west-2"
    assert region_of(open_session("eu-central-1")) == "eu-central-1"


def test_the_region_is_named_when_aws_has_no_image_there() -> None:
    with pytest.raises(ConfigError, match=r"no XGBoost image 1\.5-1 in xx-north-9"):
        image_uri("1.5-1", "xx-north-9")


def test_the_token_is_asked_of_the_images_account_and_taken_apart(registry: Registry) -> None:
    token = base64.b64encode(b"AWS:pass:word").decode()
    registry.answer = {"authorizationData": [{"authorizationToken": token, "proxyEndpoint": "https://example.com"}]}
    login = registry_login(open_session(), "492215442770", "eu-central-1")
    assert login == {"username": "AWS", "password": "pass:word"}
    assert registry.calls == [("GetAuthorizationToken", {"registryIds": ["492215442770"]})]


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        ("AccessDeniedException", "allow the identity GetAuthorizationToken"),
        ("ExpiredTokenException", "log in again"),
        ("UnrecognizedClientException", "`aws configure` with a key that exists in IAM"),
    ],
)
def test_awss_words_are_given_with_a_remedy_when_it_refuses(code: str, remedy: str, registry: Registry) -> None:
    registry.status, registry.answer = 400, {"__type": code, "message": "not you"}
    with pytest.raises(AwsError, match=f"{code}: not you") as caught:
        registry_login(open_session(), "492215442770", "eu-central-1")
    assert remedy in caught.value.hint
    assert caught.value.exit_code is ExitCode.AWS


def test_the_command_that_makes_credentials_is_named_when_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(AwsError, match="could not get") as caught:
        registry_login(open_session(), "492215442770", "eu-central-1")
    assert "aws configure" in caught.value.hint


def test_it_is_said_when_aws_cannot_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_ECR", "http://127.0.0.1:9")  # discard; nobody listens
    with pytest.raises(AwsError, match="could not get") as caught:
        registry_login(open_session(), "492215442770", "eu-central-1")
    assert "check aws.region and the network" in caught.value.hint
