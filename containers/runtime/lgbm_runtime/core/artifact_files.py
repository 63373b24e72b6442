"""The names of the files in a model artifact."""

from __future__ import annotations

# The name says "regression", but all objectives use it: the inference code of the notebook opens a file of this name.
MODEL_FILE = "lightgbm-regression-model.txt"
METADATA_FILE = "metadata.json"
MANIFEST_FILE = "lgbm-sm-manifest.json"
