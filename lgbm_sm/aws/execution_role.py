"""The execution role: the IAM role that SageMaker uses to run jobs and serve models."""

import json
import re

from lgbm_sm.aws.account import AwsAccount, has_code
from lgbm_sm.aws.policies import TRUST_POLICY, role_policy
from lgbm_sm.aws.policy_scope import ROLE_ARN, SUGGESTED_ROLE, scope_of
from lgbm_sm.config.sections import Config
from lgbm_sm.errors import AwsError

# in a SageMaker notebook, the name of the role session is SageMaker
NOTEBOOK_ARN = re.compile(r"arn:aws[a-z-]*:sts::[0-9]{12}:assumed-role/(?P<name>[^/]+)/SageMaker")


def get_execution_role(account: AwsAccount, config: Config) -> str:
    """Return the ARN of `aws.execution_role`. The default in a SageMaker notebook is the role of the notebook.

    Raises:
        AwsError: the role does not exist, is in another account, or is not set outside a notebook.
    """
    on_notebook = NOTEBOOK_ARN.fullmatch(account.caller_arn)
    if config.aws.execution_role is None and on_notebook is None:
        raise AwsError(
            "aws.execution_role is not set, and this is not a SageMaker notebook (the default is a notebook's role)",
            _creation(SUGGESTED_ROLE, account, config),
        )
    name = config.aws.execution_role or (on_notebook["name"] if on_notebook else "")
    if match := ROLE_ARN.fullmatch(name):
        if match["account"] != account.account_id:
            raise AwsError(
                f"aws.execution_role: {name} is in account {match['account']}, but the credentials are for account "
                f"{account.account_id}",
                f"set a role in account {account.account_id}: SageMaker accepts no role of another account",
            )
        return name
    found = account.find("iam", "get_role", f"role {name}", has_code("NoSuchEntity"), RoleName=name)
    if found is None:
        message = f"aws.execution_role: account {account.account_id} has no role {name}"
        raise AwsError(message, _creation(name, account, config), "NoSuchEntity")
    return str(found["Role"]["Arn"])


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
