"""Hints for calls that AWS refused. The error code, the operation and the message decide the hint."""

import re

# source of the messages: IAM user guide, "Troubleshoot access denied error messages"
_DENIED = re.compile(r"not authorized to perform: (?P<action>[a-z0-9-]+:[A-Za-z]+)")
_EXPLICIT = re.compile(r"with an explicit deny(?: in (?P<policy>an? [A-Za-z -]+?(?: policy| boundary)))?")
_BOUND = re.compile(r"because no (?P<policy>service control policy|permissions boundary|session policy|VPC \S+ policy)")
# Messages from S3 often omit the denied IAM action, and the action may have another name than the operation.
# Source: Service Authorization Reference, Amazon S3; API reference, "Required permissions" of each operation.
S3_ACTIONS = {
    "AbortMultipartUpload": "s3:AbortMultipartUpload",
    "CompleteMultipartUpload": "s3:PutObject",
    "CreateBucket": "s3:CreateBucket",
    "CreateMultipartUpload": "s3:PutObject",
    "DeleteBucket": "s3:DeleteBucket",
    "DeleteObjects": "s3:DeleteObjectVersion",
    "GetBucketTagging": "s3:GetBucketTagging",
    "GetObject": "s3:GetObject",
    "HeadBucket": "s3:ListBucket",
    # without s3:ListBucket, S3 answers 403 also if the object does not exist
    "HeadObject": "s3:GetObject and s3:ListBucket",
    "ListMultipartUploads": "s3:ListBucketMultipartUploads",
    "ListObjectVersions": "s3:ListBucketVersions",
    "ListObjectsV2": "s3:ListBucket",
    "PutBucketEncryption": "s3:PutEncryptionConfiguration",
    "PutBucketTagging": "s3:PutBucketTagging",
    "PutObject": "s3:PutObject",
    "PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
    "UploadPart": "s3:PutObject",
}
_THROTTLING = ("RequestLimitExceeded", "SlowDown", "TooManyRequestsException")


def remedy_for(code: str, operation: str, text: str) -> str:
    """Return the hint for a refused call. `text` is the message of the AwsError, with AWS's code and message."""
    known = known_remedy(text)
    # AWS reports a wrong clock as expired credentials, and a tag policy as a missing permission
    if is_about_clock(text) or "tag policy" in text:
        return known
    if "Denied" in code or code == "403":
        return _permission_remedy(operation, text)
    if "Expired" in code:
        return "log in again: the credentials have expired"
    if is_throttling(code):
        return "AWS is throttling the calls: try again in a minute"
    return known or "`lgbm-sm doctor --aws` shows the caller's identity, and what is missing in the account"


def is_throttling(code: str) -> bool:
    """Return whether AWS refused the call because of too many calls in a short time."""
    return "Throttl" in code or code in _THROTTLING


def is_about_clock(text: str) -> bool:
    """Return whether AWS refused a call because the clock of this machine is wrong."""
    from lgbm_sm.known_issues.lookup import find_issues

    return any(issue.id == "clock-wrong" for issue in find_issues(text))


def known_remedy(text: str) -> str:
    """Return the fix for a known issue, or "" if the text matches no known issue."""
    from lgbm_sm.known_issues.lookup import find_issues

    known = find_issues(text)
    return known[0].fix if known else ""


def denied_remedy(text: str) -> str:
    """Return the hint for an AWS message in Docker's output, or "" if the message contains no denied action."""
    return _permission_remedy("", text) if _DENIED.search(text) else ""


def _permission_remedy(operation: str, text: str) -> str:
    denied = _DENIED.search(text)
    action = denied["action"] if denied else S3_ACTIONS.get(operation, operation)
    if explicit := _EXPLICIT.search(text):
        policy = explicit["policy"] or "a policy"
        return f"{policy} denies {action} explicitly, and other policies cannot change that: ask its owner to change it"
    if bound := _BOUND.search(text):
        return f"the {bound['policy']} of the identity does not allow {action}: ask its owner to add this action"
    if action.startswith("kms:"):
        return f"allow the identity {action}; `lgbm-sm policy` prints this permission if aws.kms_key is set"
    return f"allow the identity {action}; `lgbm-sm policy` prints all permissions that the commands need"
