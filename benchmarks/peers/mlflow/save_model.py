"""Convert a LightGBM model to MLflow's format. Usage: save_model.py MODEL_FILE FOLDER."""

import sys

import lightgbm
import mlflow.lightgbm  # type: ignore[import-not-found]

mlflow.lightgbm.save_model(lightgbm.Booster(model_file=sys.argv[1]), sys.argv[2], pip_requirements=["lightgbm"])
