"""The command policy: print the IAM policies of the user and of the execution role."""

import re
from typing import Annotated

import typer

from lgbm_sm.commands.app import app, help_text, load, warn_of_copy
from lgbm_sm.commands.options import SharedOptionsCommand
from lgbm_sm.errors import ConfigError, UsageError


@app.command(
    cls=SharedOptionsCommand,
    short_help="Print the IAM policy needed to run these commands.",
    help=help_text(
        "lgbm-sm policy > policy.json",
        "Print the IAM policy that you need to run the commands. With --role, print the policy of the execution role. "
        "With --trust, print the policy that lets SageMaker assume the execution role. The policies allow access only "
        "to the configured names. The command changes nothing. With --account, it does not call AWS.",
        "`aws iam put-user-policy` or `aws iam put-role-policy`, then `lgbm-sm doctor --aws`.",
    ),
)
def policy(
    ctx: typer.Context,
    role: Annotated[bool, typer.Option("--role", help="Print the permission policy of the execution role.")] = False,
    trust: Annotated[bool, typer.Option("--trust", help="Print the trust policy of the execution role.")] = False,
    account: Annotated[
        str | None, typer.Option(metavar="ID", help="The account, 12 digits (default: the account of the credentials).")
    ] = None,
    execution_role: Annotated[
        str | None, typer.Option(metavar="ROLE", help="The role by name or ARN (default: aws.execution_role).")
    ] = None,
) -> None:
    from lgbm_sm.aws.account import connect, find_partition, open_session, region_of
    from lgbm_sm.aws.policies import TRUST_POLICY, caller_policy, role_policy
    from lgbm_sm.aws.policy_scope import scope_of
    from lgbm_sm.config.sections import Pattern

    if role and trust:
        raise UsageError("--role and --trust print different policies", "use one of them at a time")
    if account is not None and not re.fullmatch(r"[0-9]{12}", account):
        raise UsageError(f"--account {account}: an account has 12 digits", "`lgbm-sm doctor --aws` shows it")
    loaded, console = load(ctx)
    warn_of_copy(loaded, console)
    config = loaded.config
    if trust:
        console.json(TRUST_POLICY)
        return
    region = region_of(open_session(config.aws.region))
    partition = find_partition(region)
    if partition is None:
        raise ConfigError(f"{region} is not a region that botocore knows", "correct aws.region, or upgrade botocore")
    xgboost_image_uri = ""
    if config.container.pattern is Pattern.SCRIPT_MODE:
        from lgbm_sm.images.xgboost import image_uri

        xgboost_image_uri = image_uri(config.container.xgboost_version, region)
    scope = scope_of(
        config,
        partition=partition,
        region=region,
        account_id=account or connect(config.aws.region).account_id,
        execution_role=execution_role,
        xgboost_image_uri=xgboost_image_uri,
    )
    console.json(role_policy(scope) if role else caller_policy(scope))
