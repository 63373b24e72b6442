"""Of what lies in S3 and ECR: images, data and model artifacts."""

from lgbm_sm.known_issues.issue import GUIDE, HOSTING_PAGE, TRAINING_PAGE, Trouble

IMAGES = (
    Trouble(
        id="manifest-media-type",
        patterns=(r"Unsupported manifest media type",),
        cause="Hosting takes single images in Docker's schema 2 only, and this one was pushed as OCI or as an index.",
        remedy="run `lgbm-sm push`, which puts it again in the form that hosting takes; with Docker alone, build with "
        "--provenance=false --sbom=false",
        source="aws/amazon-sagemaker-feedback#180, mlflow/mlflow#13834, moby/moby#51532",
    ),
    Trouble(
        id="registry-login",
        patterns=(r"no basic auth credentials", r"Your authorization token has expired\. Reauthenticate"),
        cause="The Docker engine has no login for the ECR registry, or one that is older than 12 hours.",
        remedy="run `lgbm-sm push`, which fetches a token for each push and passes it with the call",
        source="aws/aws-cli#2351, #3042",
    ),
    Trouble(
        id="tag-immutable",
        patterns=(r"ImageTagAlreadyExists", r"cannot be overwritten because the repository is immutable"),
        cause="The repository's tags are immutable, and this one names another image.",
        remedy="run `lgbm-sm build` and `lgbm-sm push`, whose tags follow from the image; aws.immutable_tags is for "
        "repositories that push makes",
        source="Amazon ECR user guide, Preventing image tags from being overwritten",
    ),
    Trouble(
        id="image-outside-ecr",
        patterns=(r"Using non-ECR image", r"training image from a private Docker registry"),
        cause="SageMaker takes images from ECR only, unless it is told how to reach another registry in a VPC.",
        remedy="run `lgbm-sm push`, then the command again",
        source=f"{GUIDE}, Adapt your training job to access images in a private Docker registry",
    ),
    Trouble(
        id="image-not-found",
        patterns=(
            r"Requested image \S+ not found",
            r"Cannot find the requested image",
            r"Cannot find repository: ",
            r"Cannot pull algorithm container",
            r"does not have permission to pull the image",
            r"RepositoryNotFound|repository with name '[^']*' does not exist",
            r"manifest unknown|manifest for \S+ not found",
        ),
        cause="There is no such image in ECR, or the execution role may not pull it.",
        remedy="run `lgbm-sm push`, and give the role what `lgbm-sm policy --role` prints",
        source="aws/sagemaker-python-sdk#1968, #57",
    ),
)

OBJECTS = (
    Trouble(
        id="bucket-missing",
        patterns=(r"\bNoSuchBucket\b", r"specified bucket does not exist", r"aws\.bucket: .* there is no such bucket"),
        cause="There is no bucket of this name in the account and the region.",
        remedy="leave aws.bucket out, and `lgbm-sm prepare-data --upload` makes SageMaker's default one; or check "
        "aws.bucket and aws.region",
        source=TRAINING_PAGE,
    ),
    Trouble(
        id="channel-empty",
        patterns=(r"No S3 objects found under S3 URL", r"channel \S+ holds no (files|rows)"),
        cause="Nothing lies under the prefix of a training channel, or the execution role may not list it.",
        remedy="run `lgbm-sm prepare-data`, with --upload where SageMaker trains; check aws.prefix too, and give "
        "the role what `lgbm-sm policy --role` prints",
        source=TRAINING_PAGE,
    ),
    Trouble(
        id="model-data-missing",
        patterns=(
            r"Could not find model data at",
            r"Failed to download model data for container",
            r"\bNoSuchKey\b.*model\.tar\.gz|model\.tar\.gz.*NoSuchKey",
        ),
        cause="There is no model.tar.gz at this address, or the execution role may not read it.",
        remedy="run `lgbm-sm train`, then `lgbm-sm deploy`; give the role what `lgbm-sm policy --role` prints",
        source="awslabs/generative-ai-cdk-constructs#179, "
        "aws-solutions-library-samples/fraud-detection-using-machine-learning#9",
    ),
    Trouble(
        id="model-data-no-archive",
        patterns=(
            r"Failed to extract model data archive",
            r"is a valid tar\.gz archive",
            r"not a gzip file|tarfile\.ReadError|not in gzip format",
        ),
        cause="The model artifact is not a tar.gz, is cut off, or holds links.",
        remedy="run `lgbm-sm deploy`, which packs the artifact itself; by hand: `tar -czf model.tar.gz -C FOLDER .`, "
        "and no links in it",
        source=f"mantiumai/aws-sagemaker-gptj-deepspeed-blog#5; {HOSTING_PAGE}",
    ),
    Trouble(
        id="output-not-written",
        patterns=(r"Artifact upload failed",),
        cause="The result could not be written to S3: the role may not, or the bucket is not there.",
        remedy="give the execution role what `lgbm-sm policy --role` prints; check aws.bucket",
        source=TRAINING_PAGE,
    ),
)

STORE_TROUBLES = (*IMAGES, *OBJECTS)
