"""The table of requests without a server. It is fast enough for `make mutants`."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from pathlib import Path

import pytest

from lgbm_runtime.core.errors import InvocationError
from lgbm_runtime.core.predictor import Predictor
from tests.contract.answers import expected_values, values_in
from tests.contract.cases import ATTRIBUTES, CASES, Case
from tests.contract.models import Model
from tests.contract.serving import Reply

# the server itself refuses an encoding, and a body that is too large
OF_THE_PREDICTOR = [case for case in CASES if "Content-Encoding" not in case.headers and case.status != 413]


@pytest.fixture(scope="module")
def predictors(roots: Mapping[str, Path]) -> Mapping[str, Predictor]:
    return {name: Predictor.load(root / "model", num_threads=1) for name, root in roots.items()}


@pytest.mark.parametrize("case", OF_THE_PREDICTOR, ids=lambda case: case.name)
def test_answer_is_as_the_table_says(
    case: Case, predictors: Mapping[str, Predictor], models: Mapping[str, Model]
) -> None:
    headers = {name.lower(): value for name, value in case.headers.items()}
    arguments = (headers.get("content-type"), headers.get("accept"), headers.get(ATTRIBUTES.lower(), ""))
    if case.status != 200:
        with pytest.raises(InvocationError) as caught:
            predictors[case.model].invoke(case.body, *arguments)
        error = caught.value.to_json()["error"]
        assert error["status"] == case.status
        assert {key: error.get(key) for key in case.error} == case.error
        assert [text for text in case.says if text not in error["message"]] == []
        return
    answer = predictors[case.model].invoke(case.body, *arguments)
    assert answer.content_type == case.answer
    assert answer.attributes == (case.attributes or "")
    reply_headers = http.client.HTTPMessage()
    reply_headers["Content-Type"] = answer.content_type
    assert values_in(Reply(200, reply_headers, answer.body)) == expected_values(
        models[case.model], case.rows, case.output
    )


def test_most_of_the_table_needs_no_server() -> None:
    assert len(OF_THE_PREDICTOR) > 150
