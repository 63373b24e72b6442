"""The definitions that SageMaker uses to read a job's metrics from its log.

A line of the log is `iteration=3 of 20 train:l2=61.2 validation:l2=75.9`. The expressions read only the parts with a
channel, so the text before them can change.
"""

# A job may have 40 definitions (botocore's API model: MetricDefinitionList), which is 20 for each of the two channels.
# These are LightGBM's metrics, without those for query groups (source: docs/Parameters.rst, `metric`).
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
"""The name and the regular expression of each metric."""
