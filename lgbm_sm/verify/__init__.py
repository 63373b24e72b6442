"""Run an image as SageMaker would, and check that it keeps the container contract."""
