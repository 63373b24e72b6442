from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from lgbm_runtime.native_code import VARIABLE, native_code


@pytest.fixture(scope="module", params=["compiled", "not compiled"])
def code(request: pytest.FixtureRequest) -> Iterator[str]:
    """The test is run with the compiled code, and without it."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "not compiled":
            patch.setenv(VARIABLE, "nowhere")
        elif not os.environ[VARIABLE]:
            pytest.skip("no C compiler is here")
        native_code.cache_clear()
        yield request.param
    native_code.cache_clear()
