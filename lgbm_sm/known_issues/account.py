"""Of the AWS account: who calls, what is allowed, and how much of it."""

from lgbm_sm.known_issues.issue import GUIDE, TRAINING_PAGE, Trouble

CALLER = (
    Trouble(
        id="clock-wrong",
        patterns=(r"RequestTimeTooSkewed", r"RequestExpired", r"Signature (not yet current|expired)"),
        cause="The clock of this machine is more than five minutes off, and AWS refuses what it signs.",
        remedy="set the clock of this machine: `lgbm-sm doctor --aws` shows by how much it is off, and how to set it",
        source="AWS Identity and Access Management user guide, Elements of an AWS API request signature",
    ),
    Trouble(
        id="credentials-expired",
        patterns=(
            r"\bExpiredToken",
            r"security token included in the request is expired",
            r"SSO (session|token).*expired|Token has expired and refresh failed",
            r"provided token has expired",
        ),
        cause="The temporary credentials have expired.",
        remedy="`aws sso login`, or fetch new ones as before, and run the command again; what runs in AWS runs on",
        source="AWS General Reference, Common errors",
    ),
    Trouble(
        id="credentials-refused",
        patterns=(r"InvalidClientTokenId", r"UnrecognizedClient", r"SignatureDoesNotMatch", r"InvalidAccessKeyId"),
        cause="AWS does not know the access key, or the secret does not belong to it.",
        remedy="`aws configure` with a key that IAM lists, or set AWS_PROFILE; `lgbm-sm doctor --aws` tries again",
        source="AWS General Reference, Common errors",
    ),
    Trouble(
        id="credentials-missing",
        patterns=(r"Unable to locate credentials", r"NoCredentialsError", r"Partial credentials found"),
        cause="There are no AWS credentials here.",
        remedy="`aws configure`, or set AWS_PROFILE; on this machine alone (training.instance_type and "
        "endpoint.instance_type: local) none are needed",
        source="aws/sagemaker-python-sdk#3084, #4640",
    ),
    Trouble(
        id="region-missing",
        patterns=(r"You must specify a region", r"NoRegionError"),
        cause="No region is set, and the client does not guess one.",
        remedy="set aws.region, or run `aws configure set region REGION`",
        source="aws/sagemaker-python-sdk#704",
    ),
    Trouble(
        id="aws-unreachable",
        patterns=(r"Could not connect to the endpoint URL", r"EndpointConnectionError", r"ConnectTimeoutError"),
        cause="AWS does not answer: there is no network or a proxy in between, or no such region.",
        remedy="check aws.region and the network; `lgbm-sm doctor --aws` names what does not answer",
        source="botocore's documentation, Error handling",
    ),
    Trouble(
        id="identity-is-no-role",
        patterns=(r"The current AWS identity is not a role", r"this is no SageMaker notebook"),
        cause="A user calls, not a role, and SageMaker needs a role to run as.",
        remedy="make a role of what `lgbm-sm policy --trust` and `lgbm-sm policy --role` print, and name it; "
        "`lgbm-sm doctor --aws --execution-role ROLE` looks at it",
        source="aws/sagemaker-python-sdk#300, #5031",
    ),
    Trouble(
        id="role-not-assumable",
        patterns=(r"Could not assume role", r"does not allow the principal.*sagemaker|cannot be assumed by SageMaker"),
        cause="SageMaker may not take the execution role: there is none of that name, or it does not trust "
        "sagemaker.amazonaws.com.",
        remedy="`lgbm-sm policy --trust` prints the trust policy to give it; `lgbm-sm doctor --aws` looks at it",
        source=f"{GUIDE}, How to use SageMaker AI execution roles",
    ),
    Trouble(
        id="tag-policy",
        patterns=(r"tag policy does not allow", r"TagPolicy(Exception|Violation)"),
        cause="A tag policy of your organization does not allow a tag that the resource was to get.",
        remedy="set the key in aws.tags to a value that the tag policy allows, spelled as the policy spells it; "
        "`aws organizations describe-effective-policy --policy-type TAG_POLICY` shows the policy",
        source="AWS Organizations user guide, Tag policies",
    ),
    Trouble(
        id="organization-denies",
        patterns=(r"explicit deny in a service control policy",),
        cause="A service control policy of your organization denies the call, for example because a tag is missing.",
        remedy="if your organization requires tags, set them in aws.tags; its administrators know what else is allowed",
        source="AWS Organizations user guide, Service control policies; Require specific tags on specified resources",
    ),
    Trouble(
        id="role-not-passable",
        patterns=(r"not authorized to perform: iam:PassRole",),
        cause="The caller may not hand the execution role to SageMaker.",
        remedy="give the caller what `lgbm-sm policy` prints: it has iam:PassRole for this role",
        source=f"{GUIDE}, How to use SageMaker AI execution roles",
    ),
)

RESOURCES = (
    Trouble(
        id="type-not-in-region",
        patterns=(
            r"requested resource \S+/ml\.\S+ is not available in this region",
            r"instance type .* is not (supported|available) in (this|the) region",
        ),
        cause="SageMaker does not offer this instance type in the region.",
        remedy="set training.instance_type or endpoint.instance_type to another type, or aws.region to another region",
        source="aws/amazon-sagemaker-examples#1001",
    ),
    Trouble(
        id="quota",
        patterns=(r"ResourceLimitExceeded", r"account-level service limit"),
        cause="The account's quota for this instance type is used up; in a new account it is 0.",
        remedy="`lgbm-sm cleanup` frees what endpoints hold; with this instance type in config.yaml "
        "`lgbm-sm doctor --aws` names the nearest type that is allowed, and the command that asks for more",
        source="aws/amazon-sagemaker-examples#307, #593",
    ),
    Trouble(
        id="capacity",
        patterns=(
            r"CapacityError",
            r"Unable to provision requested ML compute capacity",
            r"InsufficientInstanceCapacity",
        ),
        cause="AWS has no free instance of this type at the moment.",
        remedy="try again later, or set training.instance_type or endpoint.instance_type to another type",
        source="DIAGNijmegen/rse-grand-challenge#2631, aws/sagemaker-python-sdk#3004",
    ),
    Trouble(
        id="throttled",
        patterns=(r"Throttling", r"Rate exceeded", r"TooManyRequests", r"\bSlowDown\b", r"Reduce your request rate"),
        cause="AWS limits how many calls the account makes in a second.",
        remedy="run the command again in a minute: it goes on where it was",
        source="aws/sagemaker-python-sdk#645",
    ),
    Trouble(
        id="payload-too-large",
        patterns=(
            r"HTTP content length exceeded",
            r"Request Entity Too Large|Content Too Large|Payload Too Large",
            r"\bHTTP(/1\.1\"?)? 413\b|\(413\)|status(Code)?[\"' :=]+413\b",
            r"TooLongFrameException",
        ),
        cause="The body is larger than the endpoint takes: 6 MB, or 25 MB where the server allows it.",
        remedy="send fewer rows at once; `lgbm-sm predict` splits by bytes",
        source="aws/sagemaker-python-sdk#171, #1119",
    ),
    Trouble(
        id="invocation-timeout",
        patterns=(
            r"invocation timed out while waiting for a response",
            r"Read timeout on endpoint URL.*/invocations",
        ),
        cause="The model has not answered within the 60 seconds that an invocation may take.",
        remedy="send fewer rows at once (`lgbm-sm predict` splits them), or set endpoint.instance_type to a larger one",
        source="aws/sagemaker-python-sdk#1119, #703",
    ),
    Trouble(
        id="name-refused",
        patterns=(r"Member must satisfy regular expression pattern: \^\[a-zA-Z0-9\]",),
        cause="SageMaker's names are letters, digits and inner hyphens, 63 at most: no underscores.",
        remedy="correct project.name",
        source=f"botocore's model of SageMaker; {TRAINING_PAGE}",
    ),
    Trouble(
        id="name-taken",
        patterns=(r"Cannot create already existing", r"\bResourceInUse\b", r"Training job names must be unique"),
        cause="There is a resource of this name already.",
        remedy="run the command again, which takes a new name; `lgbm-sm status` shows what there is, `lgbm-sm cleanup` "
        "removes it",
        source="aws/sagemaker-python-sdk#101, #58",
    ),
    Trouble(
        id="endpoint-busy",
        patterns=(r"Cannot (update|delete) in-progress endpoint",),
        cause="The endpoint is still being created, updated or deleted.",
        remedy="wait until `lgbm-sm status` says InService or Failed, then run the command again",
        source="botocore's model of SageMaker, DeleteEndpoint",
    ),
    Trouble(
        id="endpoint-missing",
        patterns=(r"Endpoint \S+ of account \d+ not found", r"Could not find endpoint \""),
        cause="There is no endpoint of this name in the account and the region.",
        remedy="`lgbm-sm status` shows what there is, `lgbm-sm deploy` makes one; check aws.region",
        source="aws/sagemaker-python-sdk#447",
    ),
)

ACCOUNT_TROUBLES = (*CALLER, *RESOURCES)
