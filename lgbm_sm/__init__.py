"""lgbm-sm: a LightGBM model's whole life in a custom SageMaker container, from a terminal."""

__version__ = "0.1.0"
