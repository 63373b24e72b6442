"""Answer requests with the user's inference code.

If the user's code lacks a function, the program's own function takes its place.
"""

from __future__ import annotations

import csv
import importlib
import io
import json
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from lgbm_runtime.core.artifact_files import MODEL_FILE
from lgbm_runtime.core.booster import CONTRIBUTIONS, LEAF_INDEX, PREDICTION, RAW_SCORE, LightgbmBooster
from lgbm_runtime.core.decoding import MAX_BODY_BYTES, decode, too_large
from lgbm_runtime.core.encoding import encode, negotiate
from lgbm_runtime.core.errors import ModelError
from lgbm_runtime.core.lightgbm_library import import_lightgbm
from lgbm_runtime.core.media_type import CSV, JSON
from lgbm_runtime.core.outputs import compute, requested_output
from lgbm_runtime.core.predictor import Answer, Predictor
from lgbm_runtime.core.schema import Feature, Schema
from lgbm_runtime.core.user_content import answer_of, content_for_user, media_type_for_user, rows_of
from lgbm_runtime.core.user_functions import (
    ATTRIBUTES_HEADER,
    INPUT_FN,
    MODEL_FN,
    OUTPUT_FN,
    PREDICT_FN,
    TRANSFORM_FN,
    RequestContext,
    UserFunction,
    describe_failure,
    find_program,
    load_functions,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

# The arguments of lightgbm.Booster.predict for each output.
_ARGUMENTS: dict[str, dict[str, Any]] = {
    PREDICTION: {},
    RAW_SCORE: {"raw_score": True},
    LEAF_INDEX: {"pred_leaf": True},
    CONTRIBUTIONS: {"pred_contrib": True},
}
# With `predict` (the default), the server makes a test prediction before it serves. With `load`, it only loads the
# model, for user code that accepts neither CSV nor JSON.
PROOF_VARIABLE = "LGBM_RUNTIME_PROOF"


def load_service(
    model_path: Path,
    environment: Mapping[str, str],
    num_threads: int | None = None,
    log: Callable[[str], None] | None = None,
    context: Any = None,
) -> Predictor | InferenceCode:
    """Load the model in `model_path`. Also load the user's code, if the artifact has any.

    `environment` may contain SAGEMAKER_PROGRAM, SAGEMAKER_SUBMIT_DIRECTORY and LGBM_RUNTIME_PROOF. Raises LibraryError,
    and ModelError with the reason in one line.
    """
    program = find_program(model_path, environment)
    if program is None:
        return Predictor.load(model_path, num_threads, log)
    proof = environment.get(PROOF_VARIABLE) or "predict"
    if proof not in ("load", "predict"):
        raise ModelError(f"{PROOF_VARIABLE} must be load or predict, got {proof!r}")
    return InferenceCode.load(model_path, program, num_threads, log, context, proves_predictions=proof == "predict")


class InferenceCode:
    """The user's functions that answer requests.

    Without a model_fn, the model is a `lightgbm.Booster`. Without an input_fn, the data are a float64 matrix of the
    shape (rows, features), in which a missing cell is NaN. Without a predict_fn, the method `predict` of the model is
    called. Without an output_fn, the prediction must be numbers or texts in one or two dimensions. The program then
    encodes each row.
    """

    def __init__(
        self, program: Path, functions: dict[str, UserFunction], model: Any, steps: Steps | None, model_path: Path
    ) -> None:
        """`steps` is None if the user's functions replace all of the program's functions."""
        self.program = program
        self.proves_predictions = True
        self._functions = functions
        self._model = model
        self._steps_or_none = steps
        self._model_path = model_path

    @staticmethod
    def load(
        model_path: Path,
        program: Path,
        num_threads: int | None = None,
        log: Callable[[str], None] | None = None,
        context: Any = None,
        *,
        proves_predictions: bool = True,
    ) -> InferenceCode:
        """Run the user's file `program`, then load the model. Raises ModelError and LibraryError."""
        functions = load_functions(program)
        model: Any = None
        if MODEL_FN in functions:
            try:
                model = functions[MODEL_FN](RequestContext(model_path) if context is None else context, str(model_path))
            except (Exception, SystemExit) as error:
                raise ModelError(f"model_fn failed in {describe_failure(error, program)}") from error
        _import_lightgbm_with_companions()
        if MODEL_FN not in functions and (PREDICT_FN in functions or TRANSFORM_FN in functions):
            # load the file here first: this class has better messages for a wrong file than the package lightgbm
            LightgbmBooster(model_path / MODEL_FILE)
            model = import_lightgbm().Booster(model_file=str(model_path / MODEL_FILE))
        steps = None
        if TRANSFORM_FN not in functions and not {INPUT_FN, PREDICT_FN} <= set(functions):
            is_predicting = MODEL_FN not in functions and PREDICT_FN not in functions
            schema = _schema(model_path, model, program)
            booster = _PackageBooster(model_path / MODEL_FILE, num_threads) if is_predicting else _NoBooster()
            steps = Steps(booster, schema, log)
        code = InferenceCode(program, functions, model, steps, model_path)
        code.proves_predictions = proves_predictions
        return code

    def prove(self) -> None:
        """Make a test prediction for one row. Send the row as CSV. If that fails, send it as JSON.

        The row has a zero in each numeric column and the first category in each other column. If neither the artifact
        nor the model names the columns, or with LGBM_RUNTIME_PROOF=load, there is no test prediction. Raises ModelError
        if CSV and JSON both fail.
        """
        features = self._features() if self.proves_predictions else None
        if features is None:
            return
        row = [feature.levels[0] if feature.levels else 0.0 for feature in features]
        line = io.StringIO()
        csv.writer(line).writerow(row)
        try:
            self.invoke(line.getvalue().encode(), CSV, CSV)
        except (Exception, SystemExit) as error:
            if not self._answers_json(row):
                raise ModelError(
                    f"the test prediction failed in {describe_failure(error, self.program)} "
                    f"(a row was sent as {CSV} and as {JSON}; {PROOF_VARIABLE}=load skips this test)"
                ) from error

    def invoke(
        self, body: bytes, content_type: str | None, accept: str | None, attributes: str = "", context: Any = None
    ) -> Answer:
        """Answer a request. `Predictor.invoke` describes the first four arguments.

        The user's functions that accept a context get `context`, which is a RequestContext by default. Raises
        InvocationError, and any exception of the user's functions.
        """
        if len(body) > MAX_BODY_BYTES:
            raise too_large()
        own_context = RequestContext(self._model_path, _headers(content_type, accept, attributes))
        if context is None:
            context = own_context
        media_type = media_type_for_user(accept) if self._encodes else negotiate(accept)
        unseen = ""
        if TRANSFORM_FN in self._functions:
            name, content = content_for_user(body, content_type)
            result = self._functions[TRANSFORM_FN](context, self._model, content, name, media_type)
        else:
            if INPUT_FN in self._functions:
                name, content = content_for_user(body, content_type)
                data = self._functions[INPUT_FN](context, content, name)
            else:
                data, unseen = self._steps.decode(body, content_type)
            prediction = self._predict(context, data, attributes)
            if self._encodes:
                result = self._functions[OUTPUT_FN](context, prediction, media_type)
            else:
                result = encode(rows_of(prediction), media_type)
        return answer_of(result, media_type, own_context.attributes or unseen)

    def handler(
        self, content_type: str | None, accept: str | None, attributes: str
    ) -> Callable[[bytes], tuple[bytes, str, str]]:
        """Return a function that answers a body. It is valid for requests with these headers."""
        return lambda body: self.invoke(body, content_type, accept, attributes)

    @property
    def _encodes(self) -> bool:
        return OUTPUT_FN in self._functions or TRANSFORM_FN in self._functions

    @property
    def _steps(self) -> Steps:
        if self._steps_or_none is None:
            raise TypeError("the program's own steps were not loaded")
        return self._steps_or_none

    def _predict(self, context: Any, data: Any, attributes: str) -> Any:
        if PREDICT_FN in self._functions:
            return self._functions[PREDICT_FN](context, data, self._model)
        if MODEL_FN in self._functions:
            requested_output(attributes, [PREDICTION])
            return self._model.predict(data)
        return np.asarray(self._steps.predict(data, attributes))

    def _features(self) -> tuple[Feature, ...] | None:
        """Return the columns of a row for the test prediction, or None if they are not known."""
        try:
            schema = self._steps_or_none.schema if self._steps_or_none else _schema(self._model_path, self._model)
        except ModelError:
            return None
        return schema.features

    def _answers_json(self, row: list[Any]) -> bool:
        try:
            self.invoke(json.dumps([row]).encode(), JSON, JSON)
        except (Exception, SystemExit):  # noqa: BLE001 - the error of the CSV request is reported
            return False
        return True


class Steps(Predictor):
    """A predictor whose steps are separate methods. The user's functions can run between them."""

    def decode(self, body: bytes, content_type: str | None) -> tuple[Any, str]:
        """Return the matrix, and the custom attributes that name unseen categories."""
        decoded = decode(body, content_type, self.schema)
        return decoded.matrix, self._report_unseen(decoded.unseen)

    def predict(self, data: Any, attributes: str) -> list[Any]:
        """Return one value per row. `lightgbm.Booster.predict` must accept `data`."""
        return compute(self._booster, data, requested_output(attributes, self.outputs), self.schema.classes)


class _PackageBooster(LightgbmBooster):
    """Predicts with the package `lightgbm`.

    The package accepts the kinds of tables that a user's input_fn may return, such as a DataFrame.
    """

    def __init__(self, model_path: Path, num_threads: int | None = None) -> None:
        super().__init__(model_path, num_threads)
        self._package_booster = import_lightgbm().Booster(model_file=str(model_path))
        self._arguments = {} if num_threads is None else {"num_threads": num_threads}

    def predict(self, matrix: Any, output: str) -> NDArray[np.float64]:
        """Call `Booster.predict`."""
        arguments = {**_ARGUMENTS[output], **self._arguments}
        result: NDArray[np.float64] = self._package_booster.predict(matrix, **arguments)
        return result


class _NoBooster(LightgbmBooster):
    """Takes the place of the text model if the user's code predicts."""

    def __init__(self) -> None:
        self.objective = ""
        self.num_class = 1
        self.num_trees = 0
        self.feature_names = []
        self.has_linear_trees = False


def _schema(model_path: Path, model: Any, program: Path | None = None) -> Schema:
    """Return the artifact's schema, or a schema with the column names in the user's model.

    Raises ModelError if neither the artifact nor the model names the columns.
    """
    path = model_path / MODEL_FILE
    if model is None or path.is_file():
        return Predictor.load(model_path).schema
    # LightGBM's Booster has feature_name, its scikit-learn estimators have feature_name_
    names = getattr(model, "feature_name", None) or getattr(model, "feature_name_", None)
    names = names() if callable(names) else names
    if names is None:
        raise ModelError(
            f"the columns are not known: {program} has no input_fn, {path} does not exist, "
            "and the model does not name its columns"
        )
    return Schema(tuple(Feature(str(name)) for name in names))


def _import_lightgbm_with_companions() -> None:
    """Import lightgbm together with the optional packages that it uses.

    lightgbm accepts a DataFrame only if it could import pandas.
    """
    try:
        importlib.import_module("lightgbm")
    except (ImportError, OSError):
        # if the program needs lightgbm, import_lightgbm raises this error with a hint
        sys.modules.pop("lightgbm", None)


def _headers(content_type: str | None, accept: str | None, attributes: str) -> dict[str, str]:
    headers = {"Content-Type": content_type, "Accept": accept, ATTRIBUTES_HEADER: attributes}
    return {name: value for name, value in headers.items() if value}
