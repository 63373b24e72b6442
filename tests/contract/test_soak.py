"""Full load for twenty seconds. `make benchmark` does the same for ten minutes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.contract.models import REGRESSION, Model
from tests.contract.serving import start_server
from tests.contract.soak import soak


@pytest.mark.soak("serving")
def test_memory_stays_flat_and_no_request_fails_under_full_load(
    models: Mapping[str, Model], roots: Mapping[str, Path]
) -> None:
    server = start_server(roots[REGRESSION])
    try:
        result = soak(server, models[REGRESSION], seconds=20)
    finally:
        server.close()
    assert result.faults == []
    assert min(result.answers.values()) > 20
    assert len(result.answers) == 4
    assert server.process.returncode == 0
