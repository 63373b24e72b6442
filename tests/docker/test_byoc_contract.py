"""Pattern A's container passes the same tests of requests as the program alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import docker
import pytest

from tests.contract.models import Model, train_models, write_artifact
from tests.contract.test_http import (
    endpoint,
    test_body_is_asked_for_when_the_client_expects_it,
    test_bytes_that_are_no_request_get_a_client_error,
    test_chunked_body_is_read,
    test_chunked_body_is_refused_as_soon_as_it_is_too_large,
    test_client_that_goes_away_midway_harms_nobody,
    test_connection_is_kept_after_answers_and_errors,
    test_large_body_gets_its_answer_when_the_client_wants_the_connection_closed,
    test_large_body_is_refused_before_it_is_sent,
    test_pipelined_requests_are_answered_in_their_order,
    test_slow_clients_do_not_hold_up_others,
)
from tests.contract.test_requests import (
    test_answer_is_as_the_table_says,
    test_every_row_is_answered_when_the_body_has_25_megabytes,
    test_ping_has_an_empty_body,
    test_status_follows_method_and_path,
)
from tests.docker.byoc_image import ContainerEndpoint, Containers, Started

__all__ = [
    "endpoint",
    "test_answer_is_as_the_table_says",
    "test_body_is_asked_for_when_the_client_expects_it",
    "test_bytes_that_are_no_request_get_a_client_error",
    "test_chunked_body_is_read",
    "test_chunked_body_is_refused_as_soon_as_it_is_too_large",
    "test_client_that_goes_away_midway_harms_nobody",
    "test_connection_is_kept_after_answers_and_errors",
    "test_every_row_is_answered_when_the_body_has_25_megabytes",
    "test_large_body_gets_its_answer_when_the_client_wants_the_connection_closed",
    "test_large_body_is_refused_before_it_is_sent",
    "test_ping_has_an_empty_body",
    "test_pipelined_requests_are_answered_in_their_order",
    "test_slow_clients_do_not_hold_up_others",
    "test_status_follows_method_and_path",
]

# one process has the containers, and the first test waits for the image to be built
pytestmark = [
    pytest.mark.docker,
    pytest.mark.slow,
    pytest.mark.xdist_group("byoc_contract"),
    pytest.mark.timeout(900),
]


@pytest.fixture(scope="module")
def models() -> Mapping[str, Model]:
    return train_models()


@pytest.fixture(scope="module")
def endpoints(
    engine: docker.DockerClient,
    byoc_image: str,
    docker_session: str,
    models: Mapping[str, Model],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Mapping[str, ContainerEndpoint]]:
    """Map the name of each model to the endpoint of a container that serves it."""
    containers = Containers(engine, byoc_image, docker_session)
    started: dict[str, Started] = {}
    try:
        for name, model in models.items():
            folder = tmp_path_factory.mktemp(name) / "model"
            write_artifact(model, folder)
            started[name] = containers.serve(folder, {"LGBM_RUNTIME_WORKERS": "2"})
        yield {name: server.endpoint() for name, server in started.items()}
        for server in started.values():
            code, _ = server.stop()
            assert code == 0
            assert "Traceback" not in server.log
            assert "unexpected error" not in server.log
            assert "takes its place" not in server.log
    finally:
        containers.remove_all()
