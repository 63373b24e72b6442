"""Errors in a user's code, or in a request to it, are reported before the server answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from lgbm_runtime.core.decoding import MAX_BODY_BYTES
from lgbm_runtime.core.errors import InvocationError, ModelError
from lgbm_runtime.core.user_code import load_service
from tests.runtime.conftest import Write
from tests.runtime.test_user_code import ROW


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("", "has none of the functions model_fn, input_fn, predict_fn, output_fn, transform_fn"),
        ("def model_fnn(d): return 1", r"line 1: model_fnn would be ignored \(did you mean model_fn\?\)"),
        (
            "def model_fn(d): return 1\n\ndef predcit_fn(data, model): return 1",
            "line 3: predcit_fn would be ignored .* rename it to predict_fn, or to _predcit_fn if it is",
        ),
        ("def model_fn(d): return 1\n\ndef ouput_fn(p, a): return 1", "did you mean output_fn"),
        ("predict_fn = 3", "predict_fn is not a function"),
        (
            "def predict_fn(data): return 1",
            r"predict_fn\(data\) cannot be called as predict_fn\(data, model\[, context",
        ),
        ("def predict_fn(a, b, c, d): return 1", "cannot be called as"),
        (
            "def transform_fn(a, b, c, d): return 1\ndef predict_fn(a, b): return 1",
            "transform_fn and predict_fn: transform_fn replaces them",
        ),
        ("def (", r"inference.py, line 1: SyntaxError: "),
        ("import no_such_module", "line 1: ModuleNotFoundError: No module named 'no_such_module'"),
        ("\nraise SystemExit(0)", "line 2: SystemExit: 0"),
        ("def model_fn(model_dir):\n    open('/no/such')", "model_fn failed in .*line 2: FileNotFoundError"),
        ("def model_fn(model_dir):\n    raise SystemExit(0)", "model_fn failed in .*line 2: SystemExit"),
    ],
)
def test_load_says_in_one_line_what_is_wrong_with_the_code(
    code: str, says: str, write: Write, model_path: Path
) -> None:
    write(code)
    with pytest.raises(ModelError, match=says) as caught:
        load_service(model_path, {})
    assert "\n" not in str(caught.value)


def test_functions_of_the_users_own_are_let_through(write: Write, model_path: Path) -> None:
    names = ("_predcit_fn", "predict", "helper_fn", "transform", "model_function", "load_model", "input_data")
    code = "".join(f"def {name}(): pass\n" for name in names)
    write(code + "def predict_fn(data, model):\n    def input_fm(): pass\n    return model.predict(data)\n")
    assert load_service(model_path, {}) is not None


@pytest.mark.parametrize(
    "code",
    [
        "def predict_fn(data, model):\n    return model.predct(data)",
        "def input_fn(body, content_type):\n    raise SystemExit(0)",
        "def output_fn(prediction, accept):\n    return object()",
        "def transform_fn(model, body, content_type, accept):\n    return 1 / 0",
        "def predict_fn(data, model):\n    return {}",
    ],
)
def test_proof_fails_when_no_prediction_comes_out(code: str, write: Write, model_path: Path) -> None:
    write(code)
    service = load_service(model_path, {})
    with pytest.raises(ModelError, match=r"the test prediction failed in .*inference\.py") as caught:
        service.prove()
    assert "\n" not in str(caught.value)


def test_proof_names_the_line_of_the_users_code(write: Write, model_path: Path) -> None:
    write("def predict_fn(data, model):\n    return model.predct(data)")
    with pytest.raises(ModelError, match=r"inference.py, line 2: AttributeError: 'Booster' object has no attribute"):
        load_service(model_path, {}).prove()


def test_proof_is_made_in_json_when_the_code_takes_no_csv(write: Write, model_path: Path) -> None:
    write("""
        import json
        def input_fn(body, content_type):
            assert content_type == "application/json"
            return json.loads(body)
        def predict_fn(data, model): return [len(row) for row in data]
    """)
    load_service(model_path, {}).prove()


def test_loading_is_proof_enough_when_the_variable_says_so(write: Write, model_path: Path) -> None:
    write("def transform_fn(model, body, content_type, accept): raise ValueError('only images')")
    load_service(model_path, {"LGBM_RUNTIME_PROOF": "load"}).prove()
    with pytest.raises(ModelError, match="LGBM_RUNTIME_PROOF must be load or predict, got 'none'"):
        load_service(model_path, {"LGBM_RUNTIME_PROOF": "none"})


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"\xff", "text/csv", 400),
        (b"1", "text/csv; charset=klingon", 415),
        (b"MQ==", "text/csv; charset=base64", 415),
        (b"1" * (MAX_BODY_BYTES + 1), "text/csv", 413),
    ],
)
def test_request_is_refused_before_it_reaches_the_code(
    body: bytes, content_type: str, status: int, write: Write, model_path: Path
) -> None:
    write("""
        def model_fn(model_dir): return 1
        def transform_fn(model, body, content_type, accept): return "reached"
    """)
    with pytest.raises(InvocationError) as caught:
        load_service(model_path, {}).invoke(body, content_type, None)
    assert caught.value.status == status


def test_status_is_the_one_that_the_error_of_the_code_carries(write: Write, model_path: Path) -> None:
    write("""
        class Refused(Exception):
            status_code = 422
            message = "too old"
        def input_fn(body, content_type): raise Refused
    """)
    with pytest.raises(InvocationError) as caught:
        load_service(model_path, {}).invoke(ROW, None, None)
    assert caught.value.to_json() == {"error": {"status": 422, "message": "too old"}}


def test_error_of_the_code_without_a_status_stays_what_it_is(write: Write, model_path: Path) -> None:
    write("def input_fn(body, content_type): return {}['missing']")
    with pytest.raises(KeyError):
        load_service(model_path, {}).invoke(ROW, None, None)
