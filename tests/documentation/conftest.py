"""Fixtures for the commands on the pages."""

from tests.cli.conftest import lgbm_sm  # noqa: F401 - a fixture
from tests.cloud.conftest import (  # noqa: F401 - fixtures
    aws,
    emulator_with_engine,
)
from tests.docker.conftest import (  # noqa: F401 - fixtures
    base_image,
    byoc_image,
    docker_session,
    engine,
    pytest_runtest_makereport,
    toolkit_image,
)
