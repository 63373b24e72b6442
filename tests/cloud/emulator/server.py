"""The emulated AWS: moto's server, and more services in front of it."""

from __future__ import annotations

import io
import threading
import uuid
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self

import boto3
import botocore
import docker
from botocore.config import Config
from moto.core.base_backend import BackendDict
from moto.core.model_instances import reset_model_data
from moto.moto_server.werkzeug_app import (
    BackendRequest,
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import BaseWSGIServer, make_server
from werkzeug.wrappers import Response

from tests.cloud.emulator.account import Account
from tests.cloud.emulator.calls import ACCOUNT, PLATFORM_KEY, AwsError, Call, error_answer, json_answer, read_call
from tests.cloud.emulator.containers import Containers, Times
from tests.cloud.emulator.ecr import Ecr
from tests.cloud.emulator.faults import Faults
from tests.cloud.emulator.hosting import Hosting
from tests.cloud.emulator.images import Images
from tests.cloud.emulator.in_flight import InFlight
from tests.cloud.emulator.invocation import Runtime
from tests.cloud.emulator.permissions import Permissions
from tests.cloud.emulator.quotas import Quotas
from tests.cloud.emulator.registry import Registry
from tests.cloud.emulator.tags import Tags
from tests.cloud.emulator.training import Training
from tests.cloud.emulator.validation import check

REGION = "eu-west-1"
# the calls of the test itself, whichever it is
_TEST_KEY = "TESTTESTTESTTEST0000"
_DATE = "emulator.date"
_VALIDATED = ("sagemaker", "ecr", "logs", "service-quotas")


class _QuietHandler(MotoRequestHandler):
    def log(self, *_: object) -> None:
        # requests, and the engine's attempts at TLS; errors of the application are the server's to log
        return

    def date_time_string(self, timestamp: float | None = None) -> str:
        # a request that cannot be read is answered before it has an environment
        return self.__dict__.get("environ", {}).get(_DATE) or super().date_time_string(timestamp)

    def connection_dropped(self, error: BaseException, environ: dict[str, Any] | None = None) -> None:  # noqa: ARG002 - werkzeug's
        # werkzeug would wait for the next request on it
        self.close_connection = True


class _Listener:
    """A WSGI application on a free port of this machine, with its own threads."""

    def __init__(self, application: Any) -> None:
        self.in_flight = InFlight(application)
        self._server: BaseWSGIServer = make_server(
            "127.0.0.1", 0, self.in_flight, threaded=True, request_handler=_QuietHandler
        )
        self.address = f"127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()


class Emulator:
    """The emulator. A process can have only one, because moto's state is global.

    `engine` and `registry_behind` are only needed to run containers. `registry_behind` is the host and the port of a
    registry with the login AWS:secret.
    """

    def __init__(self, engine: docker.DockerClient | None = None, registry_behind: str = "", session: str = "") -> None:
        # another one after each reset; whoever still has an older one is refused, and not recorded
        self.access_key = _new_access_key()
        self.times = Times()
        self.faults = Faults()
        self.quotas = Quotas()
        self.permissions = Permissions()
        self.registry = Registry(registry_behind)
        self.registry.authorize = self.permissions.require
        self._front = _Listener(self.registry)
        self.registry.address = self._front.address
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._listener = _Listener(self)
        self.url = f"http://{self._listener.address}"
        self._account = Account(self.url)
        # a session reads the services' descriptions once
        self._session = boto3.Session(_TEST_KEY, "secret")
        self._engine = engine
        containers = None if engine is None else Containers(engine, session)
        self.images = Images(self.registry, containers)
        self._ecr = Ecr(self.registry)
        self.tags = Tags()
        self.training = Training(
            self._account, self.images, containers, self.quotas, self.faults, self.tags, self.times
        )
        self.hosting = Hosting(self._account, self.images, containers, self.quotas, self.faults, self.tags, self.times)
        self._handlers: dict[str, tuple[object, ...]] = {
            "ecr": (self._ecr,),
            "sagemaker": (self.training, self.hosting, self.tags),
            "resourcegroupstaggingapi": (self.tags,),
            "sagemaker-runtime": (Runtime(self.hosting),),
            "service-quotas": (self.quotas,),
        }
        self._containers = containers

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the jobs and the endpoints, and remove their containers."""
        self.reset()
        self._account.close()
        self._listener.close()
        self._front.close()

    def reset(self) -> None:
        """Make the account empty, and remove all faults.

        Calls that are still running have no effect.
        """
        self.access_key = _new_access_key()
        self.faults.reset()
        # an invocation ends with its container
        self._end_work()
        for listener in (self._listener, self._front):
            listener.in_flight.wait(60)
        # what a call that was under way has begun
        self._end_work()
        if self._containers is not None:
            self._containers.remove_all()
        self.faults.reset()
        self.permissions.reset()
        self.images.reset()
        self.quotas.reset()
        self.registry.reset()
        self.tags.reset()
        self.times.reset()
        BackendDict.reset()
        reset_model_data()

    def _end_work(self) -> None:
        self.training.reset()
        self.hosting.reset()

    def environment(self, region: str = REGION) -> dict[str, str]:
        """Return an environment in which all AWS clients use the emulator.

        It is valid until a reset.
        """
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        }

    def client(self, service: str, region: str = REGION, **settings: Any) -> Any:
        """Return a boto3 client for the test itself. Resets do not affect it."""
        config = Config(retries={"total_max_attempts": 1}, **settings)
        return self._session.client(service, region_name=region, endpoint_url=self.url, config=config)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = BackendRequest(environ)
        call: Call | None = None
        service = "sagemaker"
        environ[_DATE] = self.faults.date
        try:
            call = read_call(request)
            if call is None or call.access_key == PLATFORM_KEY:
                _rewind(environ, call)
                return self._moto(environ, start_response)  # type: ignore[no-any-return]
            service = call.service
            if call.access_key not in (self.access_key, _TEST_KEY):
                raise AwsError("InvalidAccessKeyId", "The access key is that of an earlier test.", 403)
            recorded = self.faults.before(call)
            try:
                answer = self._answer(call, environ)
            except AwsError as error:
                recorded.refused = error.code
                raise
            self.faults.after(call)
        except AwsError as error:
            while request.stream.read(1 << 20):  # the connection is used again
                pass
            answer = error_answer(service, error)
        return answer(environ, start_response)

    def _answer(self, call: Call, environ: dict[str, Any]) -> Response:
        if call.service in _VALIDATED:
            check(call)
        self.permissions.check(call)
        name = botocore.xform_name(call.operation)
        for handler in self._handlers.get(call.service, ()):
            operation = getattr(handler, name, None)
            if operation is not None:
                answer = operation(call)
                return answer if isinstance(answer, Response) else json_answer(answer)
        if call.service in ("sagemaker", "sagemaker-runtime", "service-quotas"):
            raise AwsError("NotImplemented", f"the emulation has no {call}", 501)
        if (call.service, call.operation) == ("ecr", "DeleteRepository"):
            self._ecr.before_delete_repository(call)
        _rewind(environ, call)
        answer = Response.from_app(self._moto, environ, buffered=call.service != "s3")
        if call.service == "ecr":
            hosts = f"{ACCOUNT}.dkr.ecr.{call.region}.amazonaws.com"
            answer.set_data(answer.get_data().replace(hosts.encode(), self.registry.address.encode()))
            if call.operation == "DeleteRepository" and answer.status_code == 200:
                self._ecr.after_delete_repository(call)
        return answer


def _new_access_key() -> str:
    return f"AKIA{uuid.uuid4().hex[:16].upper()}"


def _rewind(environ: dict[str, Any], call: Call | None) -> None:
    """Make a body that was read readable again."""
    if call is not None and (call.body or call.service != "s3"):
        environ["wsgi.input"] = io.BytesIO(call.body)
        environ.pop("werkzeug.request", None)
