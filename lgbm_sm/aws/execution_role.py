"""The execution role: what SageMaker becomes when it runs our job, and serves our model."""

import json
import re

from lgbm_sm.aws.account import AwsAccount, aws_errors
from lgbm_sm.aws.policies import TRUST_POLICY, role_policy
from lgbm_sm.aws.policy_scope import ROLE_ARN, SUGGESTED_ROLE, scope_of
from lgbm_sm.config.sections import Config
from lgbm_sm.errors import AwsError

# SageMaker's notebooks call the session that they open with the role by this name
NOTEBOOK_ARN = re.compile(r"arn:aws[a-z-]*:sts::[0-9]{12}:assumed-role/(?P<name>[^/]+)/SageMaker")


def get_execution_role(account: AwsAccount, config: Config) -> str:
    """The ARN of `aws.execution_role`; without one that of the notebook that we run on.

    Raises:
        AwsError: there is no such role, or it is another account's, or none is given and this is no notebook; says
            which policies to create it with.
    """
    on_notebook = NOTEBOOK_ARN.fullmatch(account.caller_arn)
    if config.aws.execution_role is None and on_notebook is None:
        raise AwsError(
            "aws.execution_role: none is set, and this is no SageMaker notebook, whose role would be taken",
            _creation(SUGGESTED_ROLE, account, config),
        )
    name = config.aws.execution_role or (on_notebook["name"] if on_notebook else "")
    if match := ROLE_ARN.fullmatch(name):
        if match["account"] != account.account_id:
            raise AwsError(
                f"aws.execution_role: {name} is in account {match['account']}, and the caller in {account.account_id}",
                "name a role of the caller's account: SageMaker takes no other",
            )
        return name
    try:
        with aws_errors(f"role {name}"):
            return str(account.client("iam").get_role(RoleName=name)["Role"]["Arn"])
    except AwsError as error:
        if error.code != "NoSuchEntity":
            raise
        said = f"aws.execution_role: account {account.account_id} has no role {name}"
        raise AwsError(said, _creation(name, account, config), error.code) from error


def _creation(name: str, account: AwsAccount, config: Config) -> str:
    scope = scope_of(config, partition=account.partition, region=account.region, account_id=account.account_id)
    return (
        f"create it, and set aws.execution_role: {name}\n"
        f"  lgbm-sm policy --trust >trust.json; lgbm-sm policy --role >permissions.json\n"
        f"  aws iam create-role --role-name {name} --assume-role-policy-document file://trust.json\n"
        f"  aws iam put-role-policy --role-name {name} --policy-name lgbm-sm --policy-document file://permissions.json\n"
        f"trust.json is {json.dumps(TRUST_POLICY)}\n"
        f"permissions.json is {json.dumps(role_policy(scope))}"
    )
