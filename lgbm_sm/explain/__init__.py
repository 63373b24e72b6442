"""Explain what SageMaker does at each step, without changing anything."""
