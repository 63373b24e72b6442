"""lgbm-sm: the lifecycle of a LightGBM model in a custom SageMaker container, from a terminal."""

__version__ = "0.1.0"
