"""The rules of SageMaker for containers and API calls, as constants. Each constant has its source.

No other module of lgbm_sm defines these constants. The program in the image has its own copy, because it does not
import lgbm_sm. A test compares the copies. The sources:

- training guide: AWS developer guide, "Containers with custom training algorithms" and its sub-pages
- hosting guide: AWS developer guide, "Custom Inference Code with Hosting Services"
- hosting FAQ: AWS developer guide, "Model Hosting FAQs"
- API: the service description in botocore, with the name of the shape or operation
"""

# The two commands: `docker run IMAGE train` and `docker run IMAGE serve` (training guide, hosting guide).
TRAIN_COMMAND = "train"
SERVE_COMMAND = "serve"

# Folders and files of a container, below OPT_ML (training guide, hosting guide).
OPT_ML = "/opt/ml"
CONFIG_FOLDER = "input/config"
DATA_FOLDER = "input/data"
MODEL_FOLDER = "model"
OUTPUT_FOLDER = "output"
OUTPUT_DATA_FOLDER = "output/data"
FAILURE_FILE = "output/failure"
CHECKPOINTS_FOLDER = "checkpoints"
HYPERPARAMETERS_FILE = "hyperparameters.json"
CHANNELS_FILE = "inputdataconfig.json"
HOSTS_FILE = "resourceconfig.json"
DATA_PATH = f"{OPT_ML}/{DATA_FOLDER}"
MODEL_PATH = f"{OPT_ML}/{MODEL_FOLDER}"
CODE_PATH = f"{MODEL_PATH}/code"
FAILURE_PATH = f"{OPT_ML}/{FAILURE_FILE}"

# The environment variables and the host name of a training job (training guide).
JOB_NAME_VARIABLE = "TRAINING_JOB_NAME"
JOB_ARN_VARIABLE = "TRAINING_JOB_ARN"
FIRST_HOST = "algo-1"

# When a training job ends, SageMaker packs MODEL_FOLDER and OUTPUT_DATA_FOLDER into these archives (training guide).
MODEL_ARCHIVE = "model.tar.gz"
OUTPUT_ARCHIVE = "output.tar.gz"

# The server's address (hosting guide).
SERVING_PORT = 8080
PING_PATH = "/ping"
INVOCATIONS_PATH = "/invocations"
LOCAL_INVOCATIONS_URL = f"http://127.0.0.1:{SERVING_PORT}{INVOCATIONS_PATH}"
PROGRAM_VARIABLE = "SAGEMAKER_PROGRAM"  # sagemaker-inference-toolkit, README
SUBMIT_DIRECTORY_VARIABLE = "SAGEMAKER_SUBMIT_DIRECTORY"
ATTRIBUTES_HEADER = "X-Amzn-SageMaker-Custom-Attributes"  # API: InvokeEndpoint

# Time limits of a training job.
STOP_TRAINING_SECONDS = 120.0  # from SIGTERM to SIGKILL (API: StopTrainingJob)
LONGEST_RUNTIME_SECONDS = 28 * 24 * 60 * 60  # API: StoppingCondition, MaxRuntimeInSeconds

# Time limits of a server.
ACCEPT_SECONDS = 0.25  # to accept a connection (hosting guide)
PING_SECONDS = 2.0  # to answer GET /ping (hosting guide)
ANSWER_SECONDS = 60.0  # to answer POST /invocations (hosting guide)
STOP_SERVING_SECONDS = 30.0  # from SIGTERM to SIGKILL, on update and scale-in (hosting FAQ)
# From the start of a server until /ping first answers 200: 8 minutes (hosting guide). The endpoint config can set
# another limit with ContainerStartupHealthCheckTimeoutInSeconds (API: ProductionVariant).
STARTUP_SECONDS = 480
SHORTEST_STARTUP_SECONDS = 60
LONGEST_STARTUP_SECONDS = 3600

# Sizes of request bodies. AWS counts 1024 * 1024 bytes as one MB: older pages give a limit of 6 MB, which is 6,291,456
# bytes in botocore. So 25 MB in the hosting FAQ are 25 * 1024 * 1024 bytes.
MEGABYTE = 1024 * 1024
REQUEST_BYTES = 25 * MEGABYTE  # hosting FAQ
OLDER_REQUEST_BYTES = 6_291_456  # API: InvokeEndpoint, BodyBlob
SERVERLESS_REQUEST_BYTES = 4 * MEGABYTE  # developer guide, "Invoke a serverless endpoint"
ATTRIBUTES_CHARACTERS = 1024  # API: InvokeEndpoint, CustomAttributesHeader

# Images and disks.
SERVERLESS_IMAGE_BYTES = 10 * 1000**3  # developer guide, "Deploy models with Amazon SageMaker Serverless Inference"
LARGEST_VOLUME_GB = 16_384  # API: ResourceConfig, VolumeSizeInGB

# Hyperparameters: the largest number, and the most characters of a name and of a value (API: HyperParameters,
# HyperParameterKey, HyperParameterValue).
MOST_HYPERPARAMETERS = 100
HYPERPARAMETER_KEY_CHARACTERS = 256
HYPERPARAMETER_VALUE_CHARACTERS = 2500

FAILURE_REASON_CHARACTERS = 1024  # SageMaker reports this many characters of FAILURE_FILE (API: FailureReason)

# Names of jobs, models, endpoint configs and endpoints (API: TrainingJobName, ModelName, EndpointConfigName,
# EndpointName).
NAME_CHARACTERS = 63
NAME_PATTERN = r"[a-zA-Z0-9](-*[a-zA-Z0-9])*"
REPOSITORY_CHARACTERS = (2, 256)  # ECR's API: RepositoryName
REPOSITORY_PATTERN = r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*"
BUCKET_CHARACTERS = (3, 63)  # S3's user guide, "General purpose bucket naming rules"
BUCKET_PATTERN = r"(?!.*\.\.)[a-z0-9][a-z0-9.-]*[a-z0-9]"
ROLE_CHARACTERS = 64  # IAM's API: roleNameType
ROLE_PATTERN = rf"[A-Za-z0-9+=,.@_-]{{1,{ROLE_CHARACTERS}}}"

# Tags: the largest number for a resource, and the most characters of a key and of a value (API: TagList, TagKey,
# TagValue).
MOST_TAGS = 50
TAG_KEY_CHARACTERS = 128
TAG_VALUE_CHARACTERS = 256
TAG_SIGNS = "_.:/=+-@"  # allowed in addition to letters, digits and spaces
