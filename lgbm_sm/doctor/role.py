"""Check the execution role: the IAM role that SageMaker uses to run the project's jobs and endpoints."""

import json
import shlex
from collections.abc import Mapping
from typing import Any

from lgbm_sm.aws.account import AwsAccount, aws_errors
from lgbm_sm.aws.execution_role import NOTEBOOK_ARN
from lgbm_sm.aws.policies import SAGEMAKER_SERVICE, TRUST_POLICY
from lgbm_sm.aws.policy_scope import ROLE_ARN, SUGGESTED_ROLE
from lgbm_sm.doctor.findings import DoctorArea, DoctorCheck, Finding
from lgbm_sm.errors import AwsError

ROLE = DoctorCheck("execution role", DoctorArea.AWS)

_ASSUME = "sts:AssumeRole"


def examine_role(account: AwsAccount, caller_arn: str, execution_role: str | None) -> Finding:
    """Check that SageMaker may use `execution_role`, which is a name or an ARN.

    The default in a SageMaker notebook is the role of the notebook.

    Raises:
        AwsError: AWS does not answer, or refuses the call for a reason other than a missing permission.
    """
    on_notebook = NOTEBOOK_ARN.fullmatch(caller_arn)
    if execution_role is None and on_notebook is None:
        return ROLE.problem("no role is set, and this is not a SageMaker notebook", _creation(SUGGESTED_ROLE))
    name = execution_role or (on_notebook["name"] if on_notebook else "")
    if match := ROLE_ARN.fullmatch(name):
        if match["account"] != account.account_id:
            said = f"{name} is in account {match['account']}, but the credentials are for account {account.account_id}"
            return ROLE.problem(said, "use a role of your own account: SageMaker accepts no role of another account")
        name = match["name"]
    try:
        with aws_errors(f"role {name}"):
            role = account.client("iam").get_role(RoleName=name)["Role"]
    except AwsError as error:
        if error.code == "NoSuchEntity":
            return ROLE.problem(f"account {account.account_id} has no role {name}", _creation(name))
        if "Denied" in error.code:
            return ROLE.warning(error.message, "allow your identity iam:GetRole")
        raise
    if trusts_sagemaker(role["AssumeRolePolicyDocument"]):
        return ROLE.ok(f"{role['Arn']} trusts {SAGEMAKER_SERVICE}")
    return ROLE.problem(
        f"{role['Arn']} does not trust {SAGEMAKER_SERVICE}: SageMaker refuses to run jobs and endpoints with it",
        f"aws iam update-assume-role-policy --role-name {name} --policy-document {_quoted_policy()}",
    )


def trusts_sagemaker(document: Mapping[str, Any]) -> bool:
    """Return whether a trust policy allows SageMaker to use the role. Conditions in the policy are ignored."""
    concerned = [
        statement["Effect"]
        for statement in _as_list(document.get("Statement", []))
        if SAGEMAKER_SERVICE in _services(statement.get("Principal", {}))
        and {_ASSUME.lower(), "sts:*", "*"} & {str(action).lower() for action in _as_list(statement.get("Action", []))}
    ]
    return "Allow" in concerned and "Deny" not in concerned


def _services(principal: Any) -> list[Any]:
    return _as_list(principal.get("Service", [])) if isinstance(principal, Mapping) else []


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _creation(name: str) -> str:
    return (
        f"aws iam create-role --role-name {name} --assume-role-policy-document {_quoted_policy()}, "
        "then attach the policy that `lgbm-sm policy --role` prints"
    )


def _quoted_policy() -> str:
    return shlex.quote(json.dumps(TRUST_POLICY))
