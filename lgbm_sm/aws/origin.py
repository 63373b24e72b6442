"""The work folder that created a SageMaker resource, by its tag `lgbm-sm:origin`."""

from lgbm_sm.aws.account import AwsAccount, aws_errors
from lgbm_sm.aws.tags import ORIGIN_TAG
from lgbm_sm.config.sections import ProjectSection

# the notebook's, and therefore the name of many projects that have nothing to do with each other
DEFAULT_PROJECT = ProjectSection().name


def find_origin(account: AwsAccount, arn: str) -> str:
    """Return the id of the work folder that created a SageMaker resource; empty if no tag contains it.

    Raises:
        AwsError: AWS refuses the call, or does not answer.
    """
    with aws_errors(f"the tags of {arn}"):
        tags = account.client("sagemaker").list_tags(ResourceArn=arn)["Tags"]
    return next((str(tag["Value"]) for tag in tags if tag["Key"] == ORIGIN_TAG), "")


def is_own(account: AwsAccount, arn: str, project_id: str) -> bool:
    """Return whether the work folder with this id created the resource; False without an ARN or an id.

    See `find_origin`.
    """
    return bool(arn and project_id) and find_origin(account, arn) == project_id
