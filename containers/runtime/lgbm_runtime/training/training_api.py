"""The part of LightGBM's C API that a training needs.

The program makes the same calls as `lightgbm.train`, in the same order. The package `lightgbm` is not imported: its
import, with scipy, takes longer than a small training. LightGBM's c_api.h documents every function. If a function
fails, LightgbmError is raised with LightGBM's message.
"""

from __future__ import annotations

import ctypes
import json
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lgbm_runtime.core.lightgbm_library import find_library, open_library

Matrix: TypeAlias = NDArray[np.float64]

# c_api.h
_FLOAT32, _FLOAT64, _INT32 = 0, 1, 2
_SPLIT, _GAIN = 0, 1
_COLUMN_MAJOR = 0
_NAME_BYTES = 256
# kZeroThreshold in meta.h: LightGBM treats smaller numbers as zero, and drops zeros from a sample
_ZERO = 1e-35
# the Python package has the same list; the C API does not have it
_HIGHER_IS_BETTER = ("auc", "ndcg@", "map@", "average_precision")

Evaluation: TypeAlias = tuple[str, float, bool]  # metric, value, whether higher is better


class LightgbmError(Exception):
    """LightGBM refused its input. The message comes from LightGBM."""


@dataclass(frozen=True)
class Model:
    """A trained model: its text, and the number of splits and total gain of each feature."""

    text: str
    splits: list[int]
    gains: list[float]


class Lightgbm:
    """LightGBM's shared library, with the parameters for every call."""

    # the library keeps only the address, which must stay valid as long as the process runs
    _log: object = None

    def __init__(self) -> None:
        """Load the library.

        Raises ModuleNotFoundError if the package is not installed, and LibraryError.
        """
        path, self.version = find_library()
        self._library = open_library(path)
        self.parameters = b""

    def with_parameters(self, params: Mapping[str, Any]) -> Lightgbm:
        """Return the library with these parameters, which its datasets and boosters get."""
        configured = copy(self)
        configured.parameters = _parameter_text(params)
        return configured

    def call(self, function: str, *arguments: Any) -> None:
        if getattr(self._library, function)(*arguments) != 0:
            raise LightgbmError(self._library.LGBM_GetLastError().decode("utf-8"))

    def log_to(self, write: Callable[[str], object]) -> None:
        """Pass each line of LightGBM's log to `write`.

        LightGBM sends a line in several parts. The last part is the line break.
        """
        chunks: list[bytes] = []

        def take(chunk: bytes) -> None:
            if chunk.strip():
                chunks.append(chunk)
            else:
                line = b"".join(chunks).decode("utf-8", "replace")
                chunks.clear()
                write(line)

        callback = ctypes.CFUNCTYPE(None, ctypes.c_char_p)(take)
        self.call("LGBM_RegisterLogCallback", callback)
        Lightgbm._log = callback

    def parameter_aliases(self) -> dict[str, str]:
        """Map every name and alias of a parameter to LightGBM's main name."""
        table: dict[str, list[str]] = json.loads(self.text_of("LGBM_DumpParamAliases"))
        return {name: canonical for canonical, aliases in table.items() for name in (canonical, *aliases)}

    def text_of(self, function: str, *arguments: Any) -> str:
        """Return the text that a function writes into a buffer.

        Its last arguments are the buffer's size, the text's size, and the buffer.
        """
        size, needed = 1 << 20, ctypes.c_int64(0)
        while True:
            buffer = ctypes.create_string_buffer(size)
            self.call(function, *arguments, ctypes.c_int64(size), ctypes.byref(needed), buffer)
            if needed.value <= size:
                return buffer.value.decode("utf-8")
            size = needed.value

    def sample_indices(self, rows: int) -> NDArray[np.int32]:
        """Return the rows from which LightGBM would choose the bins, in ascending order.

        `rows` is the number of rows of the whole matrix.
        """
        count = ctypes.c_int32(0)
        self.call("LGBM_GetSampleCount", ctypes.c_int32(rows), self.parameters, ctypes.byref(count))
        indices = np.empty(count.value, dtype=np.int32)
        self.call("LGBM_SampleIndices", ctypes.c_int32(rows), self.parameters, _address(indices), ctypes.byref(count))
        return indices[: count.value]


class Dataset:
    """LightGBM's binned data."""

    def __init__(self, lightgbm: Lightgbm, handle: ctypes.c_void_p) -> None:
        self.lightgbm = lightgbm
        self.handle = handle
        self._pushed = 0

    @classmethod
    def from_columns(cls, lightgbm: Lightgbm, columns: Matrix, reference: Dataset | None = None) -> Dataset:
        """Return the dataset of a whole table (features, rows).

        If `reference` is given, the dataset has the bins of `reference`.
        """
        values = np.ascontiguousarray(columns)
        handle = ctypes.c_void_p()
        lightgbm.call(
            "LGBM_DatasetCreateFromMat",
            _address(values),
            ctypes.c_int(_FLOAT64),
            ctypes.c_int32(values.shape[1]),
            ctypes.c_int32(values.shape[0]),
            ctypes.c_int(_COLUMN_MAJOR),
            lightgbm.parameters,
            None if reference is None else reference.handle,
            ctypes.byref(handle),
        )
        return cls(lightgbm, handle)

    @classmethod
    def from_sample(cls, lightgbm: Lightgbm, sample: Matrix, rows: int) -> Dataset:
        """Return a dataset for `rows` rows, with bins that LightGBM chooses from `sample`.

        `push` adds the rows. `sample` has the shape (features, sampled rows), with the rows in `sample_indices`.
        LightGBM sorts `sample` in place, so do not use it again.
        """
        values, places = [], []
        for column in sample:
            kept = ~(np.abs(column) <= _ZERO)  # NaN is kept
            places.append(np.flatnonzero(kept).astype(np.int32))
            values.append(np.ascontiguousarray(column if kept.all() else column[kept]))
        counts = np.array([len(column) for column in values], dtype=np.int32)
        handle = ctypes.c_void_p()
        lightgbm.call(
            "LGBM_DatasetCreateFromSampledColumn",
            (ctypes.c_void_p * len(values))(*map(_address, values)),
            (ctypes.c_void_p * len(places))(*map(_address, places)),
            ctypes.c_int32(len(sample)),
            _address(counts),
            ctypes.c_int32(sample.shape[1]),
            ctypes.c_int32(rows),
            ctypes.c_int64(rows),
            lightgbm.parameters,
            ctypes.byref(handle),
        )
        return cls(lightgbm, handle)

    def same_bins(self, rows: int) -> Dataset:
        """Return a dataset for `rows` other rows, with the same bins. `push` adds the rows."""
        handle = ctypes.c_void_p()
        self.lightgbm.call("LGBM_DatasetCreateByReference", self.handle, ctypes.c_int64(rows), ctypes.byref(handle))
        return Dataset(self.lightgbm, handle)

    def push(self, features: Matrix) -> None:
        """Add the next rows (rows, features). After the last row, the dataset is complete."""
        block = np.ascontiguousarray(features, dtype=np.float64)
        self.lightgbm.call(
            "LGBM_DatasetPushRows",
            self.handle,
            _address(block),
            ctypes.c_int(_FLOAT64),
            ctypes.c_int32(block.shape[0]),
            ctypes.c_int32(block.shape[1]),
            ctypes.c_int32(self._pushed),
        )
        self._pushed += len(block)

    def set_labels(self, labels: Matrix) -> None:
        """Set the labels. LightGBM keeps them as float32."""
        self._set_field("label", labels.astype(np.float32), _FLOAT32)

    def set_query_groups(self, sizes: NDArray[np.int32]) -> None:
        self._set_field("group", sizes, _INT32)

    def set_feature_names(self, names: Sequence[str]) -> None:
        encoded = (ctypes.c_char_p * len(names))(*(name.encode("utf-8") for name in names))
        self.lightgbm.call("LGBM_DatasetSetFeatureNames", self.handle, encoded, ctypes.c_int(len(names)))

    def free(self) -> None:
        self.lightgbm.call("LGBM_DatasetFree", self.handle)

    def _set_field(self, name: str, values: NDArray[Any], kind: int) -> None:
        count = ctypes.c_int(len(values))
        self.lightgbm.call(
            "LGBM_DatasetSetField", self.handle, name.encode(), _address(values), count, ctypes.c_int(kind)
        )


class Booster:
    """A model in training."""

    def __init__(self, train: Dataset, validation: Dataset | None) -> None:
        self._lightgbm = train.lightgbm
        self._handle = ctypes.c_void_p()
        parameters = self._lightgbm.parameters
        self._lightgbm.call("LGBM_BoosterCreate", train.handle, parameters, ctypes.byref(self._handle))
        if validation is not None:
            self._lightgbm.call("LGBM_BoosterAddValidData", self._handle, validation.handle)
        self._metrics = self._metric_names()

    def update(self) -> None:
        """Run one more iteration."""
        self._lightgbm.call("LGBM_BoosterUpdateOneIter", self._handle, ctypes.byref(ctypes.c_int(0)))

    def evaluate(self, data: int) -> list[Evaluation]:
        """Return every metric on the training data (0) or on the validation data (1)."""
        values = np.empty(len(self._metrics))
        if not self._metrics:
            return []
        count = ctypes.c_int(0)
        self._lightgbm.call(
            "LGBM_BoosterGetEval", self._handle, ctypes.c_int(data), ctypes.byref(count), _address(values)
        )
        return [
            (name, value, name.startswith(_HIGHER_IS_BETTER))
            for name, value in zip(self._metrics, values.tolist(), strict=True)
        ]

    @property
    def iterations(self) -> int:
        """Return the number of iterations in the model. Iterations without a split are not in it."""
        count = ctypes.c_int(0)
        self._lightgbm.call("LGBM_BoosterGetCurrentIteration", self._handle, ctypes.byref(count))
        return count.value

    def model(self, iterations: int, width: int) -> Model:
        """Return the model of the first `iterations` iterations, or of all if it is 0.

        `width` is the number of features.
        """
        text = self._lightgbm.text_of(
            "LGBM_BoosterSaveModelToString",
            self._handle,
            ctypes.c_int(0),
            ctypes.c_int(iterations),
            ctypes.c_int(_SPLIT),
        )
        # the Python package writes this last line, and programs that read models expect it
        text += "\npandas_categorical:null\n"
        splits, gains = (self._importance(iterations, width, kind) for kind in (_SPLIT, _GAIN))
        return Model(text, [int(split) for split in splits], gains)

    def free(self) -> None:
        self._lightgbm.call("LGBM_BoosterFree", self._handle)

    def _importance(self, iterations: int, width: int, kind: int) -> list[float]:
        values = np.empty(width)
        self._lightgbm.call(
            "LGBM_BoosterFeatureImportance",
            self._handle,
            ctypes.c_int(iterations),
            ctypes.c_int(kind),
            _address(values),
        )
        listed: list[float] = values.tolist()
        return listed

    def _metric_names(self) -> list[str]:
        count, needed = ctypes.c_int(0), ctypes.c_size_t(0)
        self._lightgbm.call("LGBM_BoosterGetEvalCounts", self._handle, ctypes.byref(count))
        buffers = [ctypes.create_string_buffer(_NAME_BYTES) for _ in range(count.value)]
        self._lightgbm.call(
            "LGBM_BoosterGetEvalNames",
            self._handle,
            count,
            ctypes.byref(count),
            ctypes.c_size_t(_NAME_BYTES),
            ctypes.byref(needed),
            (ctypes.c_void_p * len(buffers))(*map(ctypes.addressof, buffers)),
        )
        return [buffer.value.decode("utf-8") for buffer in buffers]


def _parameter_text(params: Mapping[str, Any]) -> bytes:
    """Return the parameters as one text: `name=value`, separated by spaces."""
    return " ".join(f"{name}={_value_text(value)}" for name, value in params.items()).encode("utf-8")


def _value_text(value: Any) -> str:
    if not isinstance(value, list):
        return str(value)
    return ",".join(f"[{','.join(map(str, one))}]" if isinstance(one, list) else str(one) for one in value)


def _address(array: NDArray[Any]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)
