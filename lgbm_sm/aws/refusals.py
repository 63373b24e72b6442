"""The hint for a call that AWS refused, from the error code, the operation and the message."""

import re

# the messages: IAM user guide, "Troubleshoot access denied error messages"
_DENIED = re.compile(r"not authorized to perform: (?P<action>[a-z0-9-]+:[A-Za-z]+)")
_EXPLICIT = re.compile(r"with an explicit deny(?: in (?P<policy>an? [A-Za-z -]+?(?: policy| boundary)))?")
_BOUND = re.compile(r"because no (?P<policy>service control policy|permissions boundary|session policy|VPC \S+ policy)")
# S3's messages often omit the action, whose name may differ from the operation's: Service Authorization Reference,
# Amazon S3; API reference, "Required permissions" of each operation
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
    # without s3:ListBucket S3 also answers 403 for an object that does not exist
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
    """Return the hint for a refusal; `text` is the message of the AwsError, which contains AWS's code and message."""
    known = known_remedy(text)
    # these look like expired credentials or a missing permission
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
    """Return whether AWS limits the rate of calls, as opposed to the number of resources."""
    return "Throttl" in code or code in _THROTTLING


def is_about_clock(text: str) -> bool:
    """Return whether AWS refused a call because the clock of this machine is wrong."""
    from lgbm_sm.known_issues.lookup import find_issues

    return any(issue.id == "clock-wrong" for issue in find_issues(text))


def known_remedy(text: str) -> str:
    """Return the fix for a known issue; empty if it is not known."""
    from lgbm_sm.known_issues.lookup import find_issues

    known = find_issues(text)
    return known[0].fix if known else ""


def denied_remedy(text: str) -> str:
    """Return the hint for an AWS message in Docker's output; empty if it does not name a denied action."""
    return _permission_remedy("", text) if _DENIED.search(text) else ""


def _permission_remedy(operation: str, text: str) -> str:
    denied = _DENIED.search(text)
    action = denied["action"] if denied else S3_ACTIONS.get(operation, operation)
    if explicit := _EXPLICIT.search(text):
        policy = explicit["policy"] or "a policy"
        return f"{policy} denies {action} explicitly, which overrides every allow: ask its owner to change it"
    if bound := _BOUND.search(text):
        return f"the {bound['policy']} of the identity does not allow {action}: ask its owner to add it"
    if action.startswith("kms:"):
        return f"allow the identity {action}; `lgbm-sm policy` prints it if aws.kms_key names the key"
    return f"allow the identity {action}; `lgbm-sm policy` prints all permissions that the commands need"
