from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lgbm_runtime.core.native_code import VARIABLE, native_code
from tests.runtime.served import LIMITS, Served
from tests.runtime.test_predictor import make_model
from tests.runtime.test_schema import DOCUMENT

Write = Callable[[str], Path]


@pytest.fixture(scope="module", params=["compiled", "not compiled"])
def code(request: pytest.FixtureRequest) -> Iterator[str]:
    """Run the test with the compiled code, and without it."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "not compiled":
            patch.setenv(VARIABLE, "nowhere")
        elif not os.environ[VARIABLE]:
            pytest.skip("no C compiler is here")
        native_code.cache_clear()
        yield request.param
    native_code.cache_clear()


@pytest.fixture
def model_path(tmp_path: Path) -> Path:
    """A binary model with one numeric and two categorical columns."""
    make_model(tmp_path, {"objective": "binary"}, DOCUMENT)
    return tmp_path


@pytest.fixture
def write(model_path: Path) -> Iterator[Write]:
    """Return a function that writes code/inference.py.

    At the end, remove its modules from Python.
    """
    path_before = list(sys.path)

    def write_code(text: str) -> Path:
        program = model_path / "code" / "inference.py"
        program.parent.mkdir(exist_ok=True)
        program.write_text(textwrap.dedent(text))
        return program

    yield write_code
    sys.path[:] = path_before
    sys.modules.pop("inference", None)


@pytest.fixture
def served() -> Iterator[Served]:
    one = Served(LIMITS)
    yield one
    one.close()
