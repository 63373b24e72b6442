"""Pattern B: Multi Model Server and SageMaker's inference toolkit."""
