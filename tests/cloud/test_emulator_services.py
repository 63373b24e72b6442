"""The emulated services that run no containers."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.cloud.emulator import ACCOUNT, TRAINING, Call, Emulator
from tests.cloud.emulator.calls import AwsError
from tests.cloud.emulator.validation import check
from tests.cloud.roles import ROLE_ARN, make_role


def refused(call: Any, **parameters: Any) -> tuple[str, str]:
    """Return the error code and the message of a refused call."""
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def job(**changes: Any) -> dict[str, Any]:
    return {
        "TrainingJobName": "job-1",
        "AlgorithmSpecification": {"TrainingImage": "busybox", "TrainingInputMode": "File"},
        "RoleArn": ROLE_ARN,
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
        "ResourceConfig": {"InstanceType": "ml.m4.2xlarge", "InstanceCount": 1, "VolumeSizeInGB": 10},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        **changes,
    }


def test_each_client_of_a_process_comes_here_when_it_is_told_so(aws_without_engine: Emulator) -> None:
    script = "import boto3; print(boto3.client('sts').get_caller_identity()['Account'], boto3.Session().region_name)"
    environment = aws_without_engine.environment("ap-northeast-1")
    said = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert said.stdout.split() == [ACCOUNT, "ap-northeast-1"]
    assert aws_without_engine.faults.operations() == ["sts:GetCallerIdentity"]


def test_a_bucket_keeps_what_is_put_and_a_reset_empties_the_account(aws_without_engine: Emulator) -> None:
    s3 = aws_without_engine.client("s3")
    location = {"LocationConstraint": "eu-west-1"}
    s3.create_bucket(Bucket="bucket", CreateBucketConfiguration=location)
    s3.put_object(Bucket="bucket", Key="a/ü b.csv", Body=b"1,2\n")
    assert s3.get_object(Bucket="bucket", Key="a/ü b.csv")["Body"].read() == b"1,2\n"
    recorded = aws_without_engine.faults.calls[-1].call
    assert (str(recorded), recorded.parameters["Key"]) == ("s3:GetObject", "a/ü b.csv")
    aws_without_engine.reset()
    assert s3.list_buckets()["Buckets"] == []


def test_a_large_object_arrives_in_parts(aws_without_engine: Emulator) -> None:
    import io

    s3 = aws_without_engine.client("s3", "us-east-1")
    s3.create_bucket(Bucket="bucket")
    content = bytes(range(256)) * 40_000
    s3.upload_fileobj(io.BytesIO(content), "bucket", "large")
    assert s3.get_object(Bucket="bucket", Key="large")["Body"].read() == content
    assert "s3:CompleteMultipartUpload" in aws_without_engine.faults.operations()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"TrainingJobName": "my_job"}, ("Value 'my_job' at 'trainingJobName' failed to satisfy constraint: Member must "
         "satisfy regular expression pattern")),
        ({"HyperParameters": {"a": "x" * 2501}}, "Member must have length less than or equal to 2500"),
        ({"ResourceConfig": {"InstanceType": "ml.huge", "InstanceCount": 1}}, "Member must satisfy enum value set"),
        ({"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/none"}, f"Could not assume role arn:aws:iam::{ACCOUNT}:role/none."),
        ({"AlgorithmSpecification": {"TrainingInputMode": "File",
          "TrainingImage": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/none:1"}},
         "Cannot find repository: none in registry ID: 123456789012 Please check"),
    ],
    ids=["name", "hyperparameter", "type", "role", "image"],
)  # fmt: skip
def test_a_job_is_refused_in_the_services_words(
    changes: dict[str, Any], words: str, aws_without_engine: Emulator
) -> None:
    code, message = refused(aws_without_engine.client("sagemaker").create_training_job, **job(**changes))
    assert code == "ValidationException"
    assert words in message


def test_what_a_client_does_not_check_is_checked_here(aws_without_engine: Emulator) -> None:
    client = aws_without_engine.client("sagemaker", parameter_validation=False)
    null = "1 validation error detected: Value null at 'trainingJobName' failed to satisfy constraint: Member must not be null"
    assert refused(client.describe_training_job) == ("ValidationException", null)
    with pytest.raises(AwsError, match="1 validation error detected: Unknown parameter 'name'"):
        check(Call("sagemaker", "DescribeTrainingJob", {"TrainingJobName": "x", "Name": "x"}, "eu-west-1", ""))
    refusal = refused(client.create_training_job, **job(HyperParameters={"a": 1}))
    assert refusal == ("SerializationException", "hyperParameters.a.member is no string")


def test_a_role_that_does_not_trust_sagemaker_is_refused(aws_without_engine: Emulator) -> None:
    role = make_role(aws_without_engine, "lambda-role", "lambda.amazonaws.com")
    _, message = refused(aws_without_engine.client("sagemaker").create_training_job, **job(RoleArn=role))
    assert message.startswith(f"Could not assume role {role}. Please ensure that the role exists and allows principal")


def test_what_is_missing_is_said_in_the_services_words(aws_without_engine: Emulator) -> None:
    sagemaker = aws_without_engine.client("sagemaker")
    arn = f"arn:aws:sagemaker:eu-west-1:{ACCOUNT}"
    missing = ("ValidationException", "Requested resource not found.")
    assert refused(sagemaker.describe_training_job, TrainingJobName="x") == missing
    assert refused(sagemaker.stop_training_job, TrainingJobName="x") == missing
    for call, parameters, words in (
        (sagemaker.describe_endpoint, {"EndpointName": "X"}, f'Could not find endpoint "{arn}:endpoint/x".'),
        (sagemaker.delete_endpoint, {"EndpointName": "x"}, f'Could not find endpoint "{arn}:endpoint/x".'),
        (sagemaker.delete_endpoint_config, {"EndpointConfigName": "x"}, f'Could not find endpoint configuration "{arn}:endpoint-config/x".'),
        (sagemaker.describe_model, {"ModelName": "x"}, f'Could not find model "{arn}:model/x".'),
    ):  # fmt: skip
        assert refused(call, **parameters) == ("ValidationException", words)
    runtime = aws_without_engine.client("sagemaker-runtime")
    gone = ("ValidationError", f"Endpoint x of account {ACCOUNT} not found.")
    assert refused(runtime.invoke_endpoint, EndpointName="x", Body=b"1") == gone
    code, message = refused(aws_without_engine.client("ecr").describe_images, repositoryName="model")
    assert code == "RepositoryNotFoundException"
    assert message == f"The repository with name 'model' does not exist in the registry with id '{ACCOUNT}'"


def test_a_body_above_the_limit_is_refused_by_the_gateway(aws_without_engine: Emulator) -> None:
    runtime = aws_without_engine.client("sagemaker-runtime")
    answer = refused(runtime.invoke_endpoint, EndpointName="x", Body=b"1" * 6291457)
    assert answer == ("413", "HTTP content length exceeded 6291456 bytes.")
    assert refused(runtime.invoke_endpoint, EndpointName="x", Body=b"1" * 6291456)[0] == "ValidationError"


def test_quotas_of_instance_types_are_listed_and_set(aws_without_engine: Emulator) -> None:
    client = aws_without_engine.client("service-quotas")
    aws_without_engine.quotas.set("ml.m4.2xlarge", TRAINING, 0)
    pages = client.get_paginator("list_service_quotas").paginate(ServiceCode="sagemaker")
    quotas = {quota["QuotaName"]: quota for page in pages for quota in page["Quotas"]}
    quota = quotas["ml.m4.2xlarge for training job usage"]
    assert quota["Value"] == 0
    assert quotas["ml.m4.xlarge for endpoint usage"]["Value"] == 4
    one = {"ServiceCode": "sagemaker", "QuotaCode": quota["QuotaCode"]}
    assert client.get_service_quota(**one)["Quota"]["Value"] == 0
    assert client.get_aws_default_service_quota(**one)["Quota"]["Value"] == 4


def test_a_policy_is_enforced_by_action_and_resource(aws_without_engine: Emulator) -> None:
    aws_without_engine.permissions.policy = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": ["s3:ListBucket", "s3:PutObject"], "Resource": ["arn:aws:s3:::mine", "arn:aws:s3:::mine/*"]},
            {"Effect": "Allow", "Action": "sagemaker:*", "Resource": "*"},
        ],
    }  # fmt: skip
    s3 = aws_without_engine.client("s3")
    assert refused(s3.create_bucket, Bucket="mine")[0] == "AccessDenied"
    assert refused(s3.list_objects_v2, Bucket="mine")[0] == "NoSuchBucket"
    assert refused(s3.list_objects_v2, Bucket="other")[0] == "AccessDenied"
    code, message = refused(aws_without_engine.client("sagemaker").create_training_job, **job())
    assert (code, "iam:PassRole on resource: " + ROLE_ARN in message) == ("AccessDeniedException", True)
    aws_without_engine.client("sts").get_caller_identity()
    aws_without_engine.permissions.policy = None
    s3.create_bucket(Bucket="mine", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    aws_without_engine.permissions.policy = {
        "Statement": [{"Effect": "Allow", "Action": "s3:DeleteObject", "Resource": "arn:aws:s3:::mine/a/*"}]
    }
    s3.delete_objects(Bucket="mine", Delete={"Objects": [{"Key": "a/1"}, {"Key": "a/2&3"}]})
    assert refused(s3.delete_objects, Bucket="mine", Delete={"Objects": [{"Key": "a/1"}, {"Key": "b"}]})[0] == (
        "AccessDenied"
    )
    versions = {"Objects": [{"Key": "a/1", "VersionId": "1"}]}
    assert "s3:DeleteObjectVersion" in refused(s3.delete_objects, Bucket="mine", Delete=versions)[1]


def test_resources_of_all_services_are_found_by_their_tag(aws_without_engine: Emulator) -> None:
    aws = aws_without_engine
    tag = {"Key": "lgbm-sm:project", "Value": "p"}
    model = f"arn:aws:sagemaker:eu-west-1:{ACCOUNT}:model/x"
    aws.client("sagemaker").add_tags(ResourceArn=model, Tags=[tag])
    aws.client("sagemaker").add_tags(ResourceArn=f"{model}2", Tags=[{**tag, "Value": "q"}])
    aws.client("ecr").create_repository(repositoryName="model", tags=[tag])
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_bucket_tagging(Bucket="bucket", Tagging={"TagSet": [tag]})
    tagging = aws.client("resourcegroupstaggingapi")
    wanted = [{"Key": "lgbm-sm:project", "Values": ["p"]}]
    found = tagging.get_resources(TagFilters=wanted)["ResourceTagMappingList"]
    repository = f"arn:aws:ecr:eu-west-1:{ACCOUNT}:repository/model"
    assert [resource["ResourceARN"] for resource in found] == [repository, "arn:aws:s3:::bucket", model]
    found = tagging.get_resources(TagFilters=wanted, ResourceTypeFilters=["sagemaker:model"])["ResourceTagMappingList"]
    assert found == [{"ResourceARN": model, "Tags": [tag]}]
    elsewhere = aws.client("resourcegroupstaggingapi", "us-east-1")
    assert elsewhere.get_resources(TagFilters=wanted)["ResourceTagMappingList"] == []


def test_tags_and_pages_are_sagemakers(aws_without_engine: Emulator) -> None:
    sagemaker = aws_without_engine.client("sagemaker")
    arn = f"arn:aws:sagemaker:eu-west-1:{ACCOUNT}:model/x"
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "lgbm-sm:project", "Value": "a b"}])
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "lgbm-sm:project", "Value": "a b"}]
    for number in range(12):
        aws_without_engine.hosting.models[f"{arn}{number}"] = {
            "ModelName": f"x{number}",
            "ModelArn": f"{arn}{number}",
            "CreationTime": datetime.fromtimestamp(number, UTC),
        }
    first = sagemaker.list_models(NameContains="X")
    assert [model["ModelName"] for model in first["Models"]] == [f"x{number}" for number in range(11, 1, -1)]
    second = sagemaker.list_models(NameContains="X", NextToken=first["NextToken"])
    assert ([model["ModelName"] for model in second["Models"]], second.get("NextToken")) == (["x1", "x0"], None)
