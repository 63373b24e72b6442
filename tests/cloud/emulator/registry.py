"""The container registry for clients: ECR's rules, and a real registry behind them.

Only images of repositories in ECR are accepted. The real registry keeps all images that were ever pushed. `Images` has
the images that exist for ECR, so a reset takes no time.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from moto.ecr.models import ecr_backends
from werkzeug.wrappers import Request, Response

from tests.cloud.emulator.calls import ACCOUNT, AwsError
from tests.cloud.emulator.faults import ConnectionBrokenError

# what the registry behind wants; see tests/cloud/registry_image.py
BEHIND = "Basic " + base64.b64encode(b"AWS:secret").decode()
TOKEN_LIFETIME = timedelta(hours=12)
_PATH = re.compile(r"/v2/(?P<repository>.+)/(?P<kind>manifests|blobs|tags)/(?P<reference>.*)")
_PASSED = ("Accept", "Content-Type", "Content-Range", "Range", "Host")
_CHUNK = 1 << 20


@dataclass
class PushedImage:
    """A pushed manifest."""

    digest: str
    media_type: str
    manifest: bytes
    pushed_at: datetime
    tags: set[str] = field(default_factory=set)

    @property
    def content(self) -> dict[str, Any]:
        parsed: dict[str, Any] = json.loads(self.manifest)
        return parsed

    @property
    def size(self) -> int:
        """Return the size of the configuration and the layers in bytes. An index has size 0."""
        content = self.content
        parts: list[dict[str, int]] = [*content.get("layers", []), content.get("config", {"size": 0})]
        return sum(part["size"] for part in parts)


def find_repository(name: str) -> Any:
    """Return moto's record of a repository in any region, or None."""
    for backend in ecr_backends[ACCOUNT].values():
        if name in backend.repositories:
            return backend.repositories[name]
    return None


class Registry:
    """A WSGI application. `address` is its host and port, `behind` that of the real registry."""

    def __init__(self, behind: str) -> None:
        self.behind = behind
        self.address = ""
        # repository -> digest -> image
        self.images: dict[str, dict[str, PushedImage]] = {}
        self.platform_token = secrets.token_hex(16)
        # uploads of a layer whose connection breaks; the engine tries each five times, within 75 seconds
        self.broken_pushes = 0
        # what each layer is refused with, at once
        self.layers_refused = ""
        # raises AwsError for an action on a repository's ARN that the caller may not do
        self.authorize: Callable[[str, str], None] = lambda _action, _arn: None
        self._tokens: dict[str, datetime] = {}

    def reset(self) -> None:
        self.images.clear()
        self._tokens.clear()
        self.broken_pushes = 0
        self.layers_refused = ""

    def new_token(self) -> tuple[str, datetime]:
        """Return a password for the user AWS, and its expiry time."""
        token, ends = secrets.token_hex(32), datetime.now(UTC) + TOKEN_LIFETIME
        self._tokens[token] = ends
        return token, ends

    def expire_tokens(self) -> None:
        for token in self._tokens:
            self._tokens[token] = datetime.now(UTC)

    def find(self, repository: str, tag: str = "", digest: str = "") -> PushedImage | None:
        images = self.images.get(repository, {})
        if digest:
            image = images.get(digest)
            return image if image is None or not tag or tag in image.tags else None
        return next((image for image in images.values() if tag in image.tags), None)

    def put(self, repository: str, reference: str, manifest: bytes, media_type: str) -> PushedImage:
        """Send a manifest to the real registry, and record it.

        Raises AwsError if an immutable tag already exists, or if a part of the image is missing.
        """
        digest = f"sha256:{hashlib.sha256(manifest).hexdigest()}"
        tag = "" if reference.startswith("sha256:") else reference
        images = self.images.setdefault(repository, {})
        immutable = str(find_repository(repository).image_tag_mutability).startswith("IMMUTABLE")
        if tag and immutable and self.find(repository, tag) is not None:
            raise AwsError(
                "ImageTagAlreadyExistsException",
                f"The image tag '{tag}' already exists in the '{repository}' repository and cannot be overwritten "
                "because the tag is immutable.",
            )
        path = f"/v2/{repository}/manifests/{tag or digest}"
        answer = self._ask("PUT", path, [manifest], {"Content-Type": media_type, "Content-Length": str(len(manifest))})
        said = answer.read()
        if answer.status != 201:
            raise AwsError("LayersNotFoundException", said.decode(errors="replace"))
        image = images.setdefault(digest, PushedImage(digest, media_type, manifest, datetime.now(UTC)))
        for other in images.values():
            other.tags.discard(tag)
        if tag:
            image.tags.add(tag)
        return image

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = Request(environ)
        try:
            answer = self._refusal(request) or self._answer(request)
        except AwsError as error:
            code = "TAG_INVALID" if "Tag" in error.code else "DENIED" if "Denied" in error.code else "MANIFEST_INVALID"
            answer = _error(403 if code == "DENIED" else 400, code, error.message)
        if answer.status_code >= 400:
            for _ in _body(request):  # the connection is used again
                pass
        return answer(environ, start_response)

    def _refusal(self, request: Request) -> Response | None:
        login = request.authorization
        if login is None or login.type != "basic":
            challenge = {"WWW-Authenticate": f'Basic realm="http://{self.address}/",service="ecr.amazonaws.com"'}
            return Response("Not Authorized", 401, headers=challenge)
        if login.password == self.platform_token:
            return None
        ends = self._tokens.get(login.password or "")
        if login.username != "AWS" or ends is None or ends <= datetime.now(UTC):
            return _error(403, "DENIED", "Your authorization token has expired. Reauthenticate and try again.")
        found = _PATH.fullmatch(request.path)
        repository = find_repository(found["repository"]) if found else None
        if found and repository is None:
            return _error(404, "NAME_UNKNOWN", _no_repository(found["repository"]))
        if found and repository is not None:
            for action in _actions(request.method, found["kind"]):
                self.authorize(action, repository.arn)
        return None

    def _answer(self, request: Request) -> Response:
        found = _PATH.fullmatch(request.path)
        if found is None:
            return Response("{}", 200, content_type="application/json")
        repository, kind, reference = found["repository"], found["kind"], found["reference"]
        if kind == "manifests" and request.method == "PUT":
            image = self.put(repository, reference, request.get_data(), request.headers["Content-Type"])
            location = {"Location": request.path, "Docker-Content-Digest": image.digest}
            return Response("", 201, headers=location)
        if kind == "manifests":
            tag, digest = ("", reference) if reference.startswith("sha256:") else (reference, "")
            known = self.find(repository, tag, digest)
            if known is None:
                return _error(404, "MANIFEST_UNKNOWN", "Requested image not found")
            headers = {"Docker-Content-Digest": known.digest, "Content-Length": str(len(known.manifest))}
            body = b"" if request.method == "HEAD" else known.manifest
            return Response(body, 200, content_type=known.media_type, headers=headers)
        return self._pass_on(request)

    def _pass_on(self, request: Request) -> Response:
        headers = {name: request.headers[name] for name in _PASSED if name in request.headers}
        if request.method == "PATCH" and self.broken_pushes > 0:
            self.broken_pushes -= 1
            raise ConnectionResetError
        if request.method == "PATCH" and self.layers_refused:
            return _error(403, "DENIED", self.layers_refused)
        if request.content_length is not None:
            headers["Content-Length"] = str(request.content_length)
        path = request.full_path if request.query_string else request.path
        answer = self._ask(request.method, path, _body(request), headers)
        kept = [(n, v) for n, v in answer.getheaders() if n.lower() not in ("connection", "transfer-encoding", "date")]
        return Response(_chunks(answer), answer.status, headers=kept, direct_passthrough=True)

    def _ask(self, method: str, path: str, body: Iterable[bytes], headers: dict[str, str]) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection(self.behind, timeout=120)
        sends = method in ("PUT", "PATCH", "POST")
        if sends and "Content-Length" not in headers:
            headers = {**headers, "Transfer-Encoding": "chunked"}
        try:
            connection.request(
                method,
                path,
                body if sends else None,
                {**headers, "Authorization": BEHIND},
                encode_chunked="Transfer-Encoding" in headers,
            )
            return connection.getresponse()
        finally:
            # where there is an answer, it holds the socket from now on
            connection.close()


def _body(request: Request) -> Iterator[bytes]:
    try:
        while chunk := request.stream.read(_CHUNK):
            yield chunk
    except OSError as error:  # the client has gone in the middle of it
        raise ConnectionBrokenError from error


def _chunks(answer: http.client.HTTPResponse) -> Iterator[bytes]:
    try:
        while chunk := answer.read(_CHUNK):
            yield chunk
    finally:
        answer.close()


def _actions(method: str, kind: str) -> list[str]:
    if kind == "blobs":
        if method in ("GET", "HEAD"):
            return ["ecr:BatchCheckLayerAvailability" if method == "HEAD" else "ecr:GetDownloadUrlForLayer"]
        return ["ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload"]
    return ["ecr:PutImage" if method == "PUT" else "ecr:ListImages" if kind == "tags" else "ecr:BatchGetImage"]


def _no_repository(name: str) -> str:
    return f"The repository with name '{name}' does not exist in the registry with id '{ACCOUNT}'"


def _error(status: int, code: str, message: str) -> Response:
    content = {"errors": [{"code": code, "message": message}]}
    return Response(json.dumps(content), status, content_type="application/json")
