"""The SageMaker backend: training jobs and endpoints in the AWS account."""
