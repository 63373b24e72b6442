"""Which hyperparameters the container does not take, and why; which ones are not meant for LightGBM.

Names are LightGBM's own (docs/Parameters.rst), not aliases. Everything that is not listed here goes to LightGBM.
"""

from __future__ import annotations

_CHANNELS = "the data come from the job's channels"
_TABLE = "the channel files and the schema say which column is what"
_CATEGORICAL = "declare categorical columns in the schema (prepare-data writes it), which the server needs as well"
_MODEL_FILE = "the container itself says where the model is written, and in which form"
_COMMAND = "the container's command, train or serve, says what is done"
_HOSTS = "training runs on one host"
_PREDICTION = "it concerns prediction, not training"
_LOG = "one line is printed for each iteration"

REFUSED: dict[str, str] = {
    "task": _COMMAND,
    "config": "hyperparameters are given one by one, not in a file",
    "data": _CHANNELS,
    "valid": _CHANNELS,
    "input_model": "training starts from the data alone",
    "header": "a header row in a channel file is recognised",
    "label_column": _TABLE,
    "weight_column": "weights are not supported",
    "group_column": "query groups are not supported",
    "ignore_column": _TABLE,
    "categorical_feature": _CATEGORICAL,
    "two_round": "the container reads the files itself",
    "pre_partition": _HOSTS,
    "parser_config_file": "the container reads the files itself",
    "precise_float_parser": "the container reads the files itself, numbers always precisely",
    "save_binary": _MODEL_FILE,
    "output_model": _MODEL_FILE,
    "snapshot_freq": _MODEL_FILE,
    "saved_feature_importance_type": "both kinds of feature importance are written to output.tar.gz",
    "convert_model": _MODEL_FILE,
    "convert_model_language": _MODEL_FILE,
    "metric_freq": _LOG,
    "num_machines": _HOSTS,
    "machines": _HOSTS,
    "machine_list_filename": _HOSTS,
    "local_listen_port": _HOSTS,
    "time_out": _HOSTS,
    "refit_decay_rate": _COMMAND,
    "output_result": _PREDICTION,
    "predict_raw_score": _PREDICTION,
    "predict_leaf_index": _PREDICTION,
    "predict_contrib": _PREDICTION,
    "predict_disable_shape_check": _PREDICTION,
    "pred_early_stop": _PREDICTION,
    "pred_early_stop_freq": _PREDICTION,
    "pred_early_stop_margin": _PREDICTION,
    "num_iteration_predict": _PREDICTION,
    "start_iteration_predict": _PREDICTION,
}

# What the SDK's estimators (`sagemaker_program`, `sagemaker_region`, ...) and the tuner add to every job.
PLATFORM_PREFIX = "sagemaker_"
PLATFORM_KEYS = frozenset({"_tuning_objective_metric"})


def is_platform_key(key: str) -> bool:
    """Whether SageMaker or its SDK added the key, so that it is no parameter of the training."""
    return key.startswith(PLATFORM_PREFIX) or key in PLATFORM_KEYS
