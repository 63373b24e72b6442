"""Run an image as SageMaker would, and check that it meets the container contract."""
