"""Train and serve a LightGBM model under the SageMaker container contract."""

__version__ = "0.1.0"
