"""Serve a LightGBM model through Multi Model Server and SageMaker's inference toolkit (pattern B)."""
