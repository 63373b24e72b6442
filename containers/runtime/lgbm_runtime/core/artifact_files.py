"""The names of the files in a model artifact."""

from __future__ import annotations

# Inference code written for the notebook opens the model under this name, so all objectives use it.
MODEL_FILE = "lightgbm-regression-model.txt"
METADATA_FILE = "metadata.json"
MANIFEST_FILE = "lgbm-sm-manifest.json"
