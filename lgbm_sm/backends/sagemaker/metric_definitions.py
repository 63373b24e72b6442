"""What SageMaker is told so that it reads a job's metrics from its log.

A line of that is `iteration=3 train:l2=61.2 validation:l2=75.9`.
"""

# LightGBM's metrics that need no query groups, those of the usual objectives first (docs/Parameters.rst, `metric`).
# Twenty, since the service takes 40 definitions a job (botocore's API model: MetricDefinitionList) for two channels.
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
