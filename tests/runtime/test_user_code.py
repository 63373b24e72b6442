from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from lgbm_runtime.core.errors import InvocationError, ModelError
from lgbm_runtime.core.predictor import Predictor
from lgbm_runtime.core.user_code import InferenceCode, load_service
from tests.runtime.conftest import Write

ROW = b"1,red,10"
NOTEBOOK = """
    import io
    import os

    import lightgbm
    import numpy

    def model_fn(model_dir):
        return lightgbm.Booster(model_file=os.path.join(model_dir, "lightgbm-regression-model.txt"))

    def input_fn(body, content_type):
        if content_type != "text/csv":
            raise ValueError(f"no {content_type}")
        return numpy.genfromtxt(io.StringIO(body), delimiter=",", ndmin=2)

    def predict_fn(data, model):
        return model.predict(data)
"""


def predicted(model_path: Path, body: bytes = ROW) -> bytes:
    return Predictor.load(model_path).invoke(body, "text/csv", "text/csv").body


def test_default_serves_when_there_is_no_code(model_path: Path) -> None:
    assert isinstance(load_service(model_path, {"SAGEMAKER_PROGRAM": "inference.py"}), Predictor)


def test_default_serves_when_the_code_folder_has_no_inference_py_and_none_was_named(model_path: Path) -> None:
    (model_path / "code").mkdir()
    assert isinstance(load_service(model_path, {}), Predictor)


def test_code_is_found_by_the_name_and_in_the_folder_that_the_variables_say(write: Write, model_path: Path) -> None:
    program = write("def model_fn(model_dir): return 1")
    (model_path / "elsewhere").mkdir()
    moved = program.rename(model_path / "elsewhere" / "serving.py")
    variables = {"SAGEMAKER_SUBMIT_DIRECTORY": str(moved.parent), "SAGEMAKER_PROGRAM": "serving"}
    service = load_service(model_path, variables)
    assert isinstance(service, InferenceCode)
    assert service.program == moved


def test_file_that_was_named_and_is_not_there_is_refused(write: Write, model_path: Path) -> None:
    write("")
    with pytest.raises(ModelError, match=r"code/other.py does not exist.* has inference.py"):
        load_service(model_path, {"SAGEMAKER_PROGRAM": "other.py"})


def test_submit_directory_in_s3_means_the_folder_of_the_model(write: Write, model_path: Path) -> None:
    write("def predict_fn(data, model): return [1.0] * len(data)")
    service = load_service(model_path, {"SAGEMAKER_SUBMIT_DIRECTORY": "s3://bucket/code.tar.gz"})
    assert service.invoke(ROW, None, None).body == b"1.0\n"


def test_three_functions_of_the_notebook_are_completed_by_the_encoding(write: Write, model_path: Path) -> None:
    write(NOTEBOOK)
    service = load_service(model_path, {})
    service.prove()
    assert service.invoke(b"1,1,0\n", "text/csv; charset=utf-8", None).body == predicted(model_path)
    answer = service.invoke(b"1,1,0\n", "text/csv", "application/json")
    assert json.loads(answer.body) == {"predictions": [float(predicted(model_path))]}
    with pytest.raises(InvocationError) as caught:
        service.invoke(b"1,1,0\n", "text/csv", "text/html")
    assert caught.value.status == 406


def test_four_functions_are_called_one_after_the_other(write: Write, model_path: Path) -> None:
    write("""
        def model_fn(model_dir): return ["model"]
        def input_fn(body, content_type): return [body, content_type]
        def predict_fn(data, model): return data + model
        def output_fn(prediction, accept): return "|".join(map(str, prediction)) + "|" + accept, "text/plain"
    """)
    answer = load_service(model_path, {}).invoke(b"a\n", "text/html; x=y", "image/png, */*;q=0")
    assert (answer.body, answer.content_type) == (b"b'a\\n'|text/html|model|image/png", "text/plain")


def test_transform_fn_answers_alone(write: Write, model_path: Path) -> None:
    write("""
        def model_fn(model_dir): return 7
        def transform_fn(model, body, content_type, accept): return {"got": [model, body, content_type, accept]}
    """)
    answer = load_service(model_path, {}).invoke(b"\xef\xbb\xbf1", None, None)
    assert json.loads(answer.body) == {"got": [7, "1", "text/csv", "text/csv"]}
    assert answer.content_type == "text/csv"


def test_transform_fn_without_model_fn_gets_a_booster(write: Write, model_path: Path) -> None:
    write("def transform_fn(model, body, content_type, accept): return f'{model.predict([[1, 1, 0]])[0]!r}'")
    service = load_service(model_path, {})
    service.prove()
    assert "0." in service.invoke(ROW, None, None).body.decode()


@pytest.mark.parametrize(
    "code",
    [
        "def predict_fn(data, model): return model.predict(data)",
        "def output_fn(prediction, accept): return ''.join(f'{value!r}\\n' for value in prediction.tolist())",
        "def input_fn(body, content_type): return [[1.0, 1.0, 0.0]]",
        """
        import lightgbm
        def model_fn(folder): return lightgbm.Booster(model_file=folder + "/lightgbm-regression-model.txt")
        """,
    ],
    ids=["predict_fn", "output_fn", "input_fn", "model_fn"],
)
def test_one_function_is_enough(code: str, write: Write, model_path: Path) -> None:
    write(code)
    service = load_service(model_path, {})
    service.prove()
    assert service.invoke(ROW, "text/csv", None).body == predicted(model_path)


def test_default_prediction_before_the_users_encoding_knows_all_outputs(write: Write, model_path: Path) -> None:
    write("def output_fn(prediction, accept): return '/'.join(map(str, prediction))")
    assert load_service(model_path, {}).invoke(b"-3,blue,10\n3,red,10", None, None, "output=label").body == b"no/yes"


def test_output_that_the_users_model_does_not_have_is_refused(write: Write, model_path: Path) -> None:
    write("""
        class Zero:
            def predict(self, X): return X[:, 0] * 0
        def model_fn(folder): return Zero()
    """)
    service = load_service(model_path, {})
    assert service.invoke(ROW, None, None, "output=prediction").body == b"0.0\n"
    with pytest.raises(InvocationError, match="it has prediction"):
        service.invoke(ROW, None, None, "output=label")


def test_unseen_categories_are_named_before_the_users_prediction(write: Write, model_path: Path) -> None:
    write("def predict_fn(data, model): return data[:, 1]")
    lines: list[str] = []
    answer = load_service(model_path, {}, log=lines.append).invoke(b"1,purple,10", None, None)
    assert answer.attributes == "unseen_categories=colour:purple"
    assert lines == ["unseen categories are treated as missing: colour: 'purple'"]


def test_columns_are_the_models_when_the_artifact_holds_a_format_of_the_users(write: Write, model_path: Path) -> None:
    (model_path / "lightgbm-regression-model.txt").rename(model_path / "own.bin")
    (model_path / "metadata.json").unlink()
    write("""
        import lightgbm
        def model_fn(folder): return lightgbm.Booster(model_file=folder + "/own.bin")
    """)
    service = load_service(model_path, {})
    service.prove()
    assert service.invoke(b"size,age,colour\n0,1,1\n", None, None).body.startswith(b"0.")


def test_code_is_refused_when_nothing_tells_the_columns_of_the_default_decoding(write: Write, model_path: Path) -> None:
    (model_path / "lightgbm-regression-model.txt").unlink()
    write("def model_fn(folder): return object()")
    with pytest.raises(ModelError, match=r"has no input_fn, .* does not exist"):
        load_service(model_path, {})


def test_context_is_handed_to_functions_that_take_it(write: Write, model_path: Path) -> None:
    write("""
        def model_fn(model_dir, context): return context.system_properties["model_dir"] == model_dir
        def input_fn(body, content_type, context): return context.get_request_header(0, "content-type")
        def predict_fn(data, model): return [data, model]
        def output_fn(prediction, accept, ctx):
            ctx.set_response_header(0, "X-Amzn-SageMaker-Custom-Attributes", "a=b")
            return prediction
    """)
    answer = load_service(model_path, {}).invoke(ROW, "text/csv;header=absent", None)
    assert json.loads(answer.body) == ["text/csv;header=absent", True]
    assert answer.attributes == "a=b"


def test_context_of_the_server_is_handed_on_when_there_is_one(write: Write, model_path: Path) -> None:
    write("""
        def model_fn(model_dir, context): return context
        def transform_fn(model, body, content_type, accept, context): return f"{model} {context}"
    """)
    service = load_service(model_path, {}, context="loading")
    assert isinstance(service, InferenceCode)
    assert service.invoke(ROW, None, None, context="asking").body == b"loading asking"


def test_modules_beside_the_file_can_be_imported(write: Write, model_path: Path) -> None:
    write("""
        from beside import VALUE
        def predict_fn(data, model): return [VALUE] * len(data)
    """)
    (model_path / "code" / "beside.py").write_text("VALUE = 3")
    assert load_service(model_path, {}).invoke(ROW, None, None).body == b"3\n"
    del sys.modules["beside"]


def test_numpy_numbers_are_encoded_as_numbers(write: Write, model_path: Path) -> None:
    write("""
        import numpy
        def predict_fn(data, model): return [numpy.float64(0.1), numpy.float32(2)]
    """)
    assert load_service(model_path, {}).invoke(ROW, None, None).body == b"0.1\n2.0\n"


def test_predictions_of_a_matrix_are_encoded_row_by_row(write: Write, model_path: Path) -> None:
    write("def predict_fn(data, model): return [[1.5, 2], [3, 4]]")
    assert load_service(model_path, {}).invoke(ROW, None, None).body == b"1.5,2.0\n3.0,4.0\n"


def test_dataframe_of_the_code_is_understood_by_the_default_model(write: Write, model_path: Path) -> None:
    write("""
        import pandas
        def input_fn(body, content_type):
            frame = pandas.DataFrame({"age": [1.0], "colour": ["red"], "size": [10.0]})
            frame["colour"] = pandas.Categorical(frame["colour"], ["blue", "red"]).codes
            frame["size"] = 0
            return frame
    """)
    assert load_service(model_path, {}).invoke(ROW, None, None).body == predicted(model_path)


def test_matrix_of_the_default_decoding_is_float64_with_nan(write: Write, model_path: Path) -> None:
    write("def predict_fn(data, model): return [str(data.dtype), str(data.tolist())]")
    answer = load_service(model_path, {}).invoke(b",blue,20.5", None, "application/json")
    assert json.loads(answer.body)["predictions"] == ["float64", str([[np.nan, 0.0, 1.0]])]
