"""Whether an image keeps the SageMaker container contract: the checks, a module for each part of it."""
