"""The definitions by which SageMaker reads a job's metrics from its log.

A line of the log is `iteration=3 of 20 train:l2=61.2 validation:l2=75.9`. The expressions read only the parts with a
channel, so the text before them can change.
"""

# LightGBM's metrics without query groups, those of the usual objectives first (docs/Parameters.rst, `metric`).
# Twenty for each of two channels: a job may have 40 definitions (botocore's API model: MetricDefinitionList).
_METRICS = (
    *("rmse", "l2", "l1", "r2", "binary_logloss", "binary_error", "auc", "average_precision"),
    *("multi_logloss", "multi_error", "auc_mu", "quantile", "huber", "fair", "mape"),
    *("poisson", "gamma", "gamma_deviance", "tweedie", "cross_entropy"),
)

METRIC_DEFINITIONS = tuple(
    (f"{channel}:{metric}", f"{channel}:{metric}=([-+0-9.eE]+)")
    for channel in ("train", "validation")
    for metric in _METRICS
)
"""Name and regular expression of each."""
