"""Run an image as SageMaker does, and check that it follows the rules for SageMaker containers."""
