"""Find the work folder that created a SageMaker resource. The tag `lgbm-sm:origin` contains the folder's id."""

from lgbm_sm.aws.account import AwsAccount, aws_errors
from lgbm_sm.aws.tags import ORIGIN_TAG
from lgbm_sm.config.sections import ProjectSection

# the example notebook uses this name, so many unrelated projects have it
DEFAULT_PROJECT = ProjectSection().name


def find_origin(account: AwsAccount, arn: str) -> str:
    """Return the id of the work folder that created a SageMaker resource, or "" if the resource has no such tag.

    Raises:
        AwsError: AWS refuses the call, or does not answer.
    """
    with aws_errors(f"the tags of {arn}"):
        tags = account.client("sagemaker").list_tags(ResourceArn=arn)["Tags"]
    return next((str(tag["Value"]) for tag in tags if tag["Key"] == ORIGIN_TAG), "")


def is_own(account: AwsAccount, arn: str, project_id: str) -> bool:
    """Return whether the work folder with this id created the resource. Without an ARN or an id, return False.

    Raises:
        AwsError: AWS refuses the call, or does not answer.
    """
    return bool(arn and project_id) and find_origin(account, arn) == project_id
