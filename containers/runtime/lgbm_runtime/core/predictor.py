"""Answer requests with a model. This module does not depend on an HTTP server."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

import numpy as np

from lgbm_runtime.core.artifact_files import METADATA_FILE, MODEL_FILE
from lgbm_runtime.core.booster import PREDICTION, LightgbmBooster
from lgbm_runtime.core.decoding import decode, is_plain_csv
from lgbm_runtime.core.encoding import encoder, negotiate
from lgbm_runtime.core.errors import ModelError, SchemaError
from lgbm_runtime.core.outputs import BINARY, MULTICLASS, compute, outputs_of, requested_output
from lgbm_runtime.core.schema import Feature, Schema

if TYPE_CHECKING:
    from collections.abc import Callable

# "CustomAttributes" in the API reference of InvokeEndpoint: at most 1,024 visible ASCII characters.
_ATTRIBUTES_LIMIT = 1024
_LOGGED_CATEGORIES = 5


class Answer(NamedTuple):
    """An answer. `attributes` is the value of X-Amzn-SageMaker-Custom-Attributes, or empty."""

    body: bytes
    content_type: str
    attributes: str = ""


class Predictor:
    """A model that answers requests. Several threads may call `invoke` at once."""

    def __init__(self, booster: LightgbmBooster, schema: Schema, log: Callable[[str], None] | None = None) -> None:
        """`log` writes one line to the log. The default prints it on stderr."""
        self.schema = schema
        self.outputs = outputs_of(booster)
        self.num_trees = booster.num_trees
        self._booster = booster
        self._is_plain = schema.is_plain
        self._log = log or _write_line

    @staticmethod
    def load(model_path: Path, num_threads: int | None = None, log: Callable[[str], None] | None = None) -> Predictor:
        """Load LightGBM's text model and metadata.json from `model_path` (/opt/ml/model).

        metadata.json contains the schema. Without a schema, all columns are numeric and have the names in the model.
        Raises ModelError if a file is invalid, if the model is missing, or if the model and the schema do not match.
        """
        booster = LightgbmBooster(model_path / MODEL_FILE, num_threads)
        metadata_path = model_path / METADATA_FILE
        schema = _schema(metadata_path)
        if schema is None:
            schema = Schema(tuple(Feature(name) for name in booster.feature_names))
        _check(booster, schema, metadata_path)
        return Predictor(booster, schema, log)

    def prove(self) -> None:
        """Make one prediction. Raises ModelError if its result is not one row."""
        values = self._booster.predict(np.zeros((1, self.schema.width)), PREDICTION)
        if len(values) != 1:
            raise ModelError(f"the model returned {len(values)} predictions for one row")

    def invoke(self, body: bytes, content_type: str | None, accept: str | None, attributes: str = "") -> Answer:
        """Answer a request. Raises InvocationError.

        The arguments are the body and the headers Content-Type, Accept and X-Amzn-SageMaker-Custom-Attributes. A
        category that is not in the schema is treated as missing. The log and the answer's attributes name it.
        """
        return Answer(*self.handler(content_type, accept, attributes)(body))

    def handler(
        self, content_type: str | None, accept: str | None, attributes: str
    ) -> Callable[[bytes], tuple[bytes, str, str]]:
        """Return a function that answers a body. It is valid for requests with these headers.

        Raises InvocationError for invalid headers. The function raises InvocationError for an invalid body.
        """
        media_type = negotiate(accept)
        output = requested_output(attributes, self.outputs)
        predict_line, written = self._booster.predict_line, encoder(media_type)

        def answer(body: bytes) -> tuple[bytes, str, str]:
            decoded = decode(body, content_type, self.schema)
            values = compute(self._booster, decoded.matrix, output, self.schema.classes)
            return written(values), media_type, self._report_unseen(decoded.unseen)

        def answer_line(body: bytes) -> tuple[bytes, str, str]:
            values = predict_line(body)
            if values is None:
                return answer(body)
            return written(values if len(values) == 1 else [values]), media_type, ""

        is_plain = output == PREDICTION and self._is_plain and is_plain_csv(content_type)
        return answer_line if is_plain else answer

    def _report_unseen(self, unseen: tuple[tuple[str, str], ...]) -> str:
        if not unseen:
            return ""
        shown = ", ".join(f"{name}: {category!a}" for name, category in unseen[:_LOGGED_CATEGORIES])
        more = f" and {len(unseen) - _LOGGED_CATEGORIES} more" if len(unseen) > _LOGGED_CATEGORIES else ""
        self._log(f"unseen categories are treated as missing: {shown}{more}")
        return _unseen_attribute(unseen)


def _unseen_attribute(unseen: tuple[tuple[str, str], ...]) -> str:
    """Return a custom attribute such as `unseen_categories=colour:purple|size:XXL`.

    Special characters are percent-encoded. The text ends with `|...` if there is no room for all categories.
    """
    attribute = "unseen_categories="
    for position, pair in enumerate(unseen):
        text = ":".join(quote(part, safe=" ", errors="backslashreplace") for part in pair)
        separator = "|" if position else ""
        if len(attribute) + len(separator) + len(text) > _ATTRIBUTES_LIMIT - len("|..."):
            return f"{attribute}{separator}..."
        attribute += separator + text
    return attribute


def _schema(metadata_path: Path) -> Schema | None:
    try:
        metadata: Any = json.loads(metadata_path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{metadata_path} cannot be read: {error}") from error
    if not isinstance(metadata, dict):
        raise ModelError(f"{metadata_path} is not a JSON object")
    if metadata.get("schema") is None:
        return None
    try:
        return Schema.from_json(metadata["schema"])
    except SchemaError as error:
        raise ModelError(f"the schema in {metadata_path}: {error}") from error


def _check(booster: LightgbmBooster, schema: Schema, metadata_path: Path) -> None:
    """Raise ModelError if the schema does not fit the model."""
    if schema.width != booster.width:
        raise ModelError(f"{metadata_path} describes {schema.width} features, but the model has {booster.width}")
    if schema.classes is None:
        return
    expected = 2 if booster.objective == BINARY else booster.num_class if booster.objective in MULTICLASS else None
    if expected not in (None, len(schema.classes)):
        raise ModelError(f"{metadata_path} describes {len(schema.classes)} classes, but the model has {expected}")


def _write_line(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
