"""Explain the work of SageMaker and lgbm-sm in each step. This package changes nothing."""
