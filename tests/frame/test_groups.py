"""That tests of a group go to one process, which makes what they share once."""

import os

import pytest


@pytest.mark.xdist_group("a group")
@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="all tests are in one process here")
def test_a_group_is_seen_by_what_shares_the_tests_out(request: pytest.FixtureRequest) -> None:
    assert request.node.nodeid.endswith("@a group")
