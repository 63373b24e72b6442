"""What is asked of `train`, and by whom."""

from lgbm_sm.verify.checks import (
    DEVELOPER_GUIDE_RUN_TRAINING,
    DEVELOPER_GUIDE_TRAINING,
    DEVELOPER_GUIDE_TRAINING_END,
    DEVELOPER_GUIDE_TRAINING_INFORMATION,
    DEVELOPER_GUIDE_TRAINING_OUTPUT,
    Area,
    Binding,
    Check,
)

COMPLETES = Check(
    "train-completes",
    Area.TRAINING,
    Binding.RULE,
    "The platform runs `docker run IMAGE train`, and takes exit code 0 for Completed, anything else for Failed.",
    "run the container with `train` and look at its log; an image that only serves: --only serve",
    DEVELOPER_GUIDE_RUN_TRAINING,
)
HYPERPARAMETERS = Check(
    "train-hyperparameters",
    Area.TRAINING,
    Binding.RULE,
    "Every value in hyperparameters.json is a string, whatever it was in the request.",
    'convert values when they are read: int("31"), float("0.05")',
    DEVELOPER_GUIDE_TRAINING_INFORMATION,
)
HYPERPARAMETERS_QUOTED = Check(
    "train-hyperparameters-quoted",
    Area.TRAINING,
    Binding.RULE,
    r'Some versions of the SDK encode each value once more ("\"31\""), and the platform passes it on as it comes.',
    "decode a value that is a JSON string, then convert it",
    "aws/sagemaker-python-sdk#613, #3487, #5317",
)
NESTED_FILES = Check(
    "train-nested-files",
    Area.TRAINING,
    Binding.RULE,
    "Objects lie in the channel's folder at their path below the prefix: sub-folders are normal.",
    "look for files at any depth, as pathlib's rglob does",
    DEVELOPER_GUIDE_TRAINING_INFORMATION,
)
READ_ONLY_INPUTS = Check(
    "train-read-only-inputs",
    Area.TRAINING,
    Binding.RULE,
    "In FastFile mode, and from a file system, a channel is mounted read-only.",
    "write to /tmp or /opt/ml/output, never into the channels",
    DEVELOPER_GUIDE_TRAINING_INFORMATION,
)
OPT_ML = Check(
    "train-opt-ml",
    Area.TRAINING,
    Binding.RULE,
    "The platform mounts its own folder over /opt/ml: nothing that the image put there can be seen.",
    "keep programs and files outside of /opt/ml, such as in /opt/program",
    DEVELOPER_GUIDE_TRAINING,
)
NETWORK = Check(
    "train-network",
    Area.TRAINING,
    Binding.RULE,
    "With EnableNetworkIsolation, and in a VPC without a way out, a container reaches nothing and has no credentials.",
    "install everything when the image is built; --network where no job is ever isolated",
    'AWS developer guide, "Run Training and Inference Containers in Internet-Free Mode"',
)
ARTIFACTS = Check(
    "train-artifacts",
    Area.TRAINING,
    Binding.RULE,
    "What lies in /opt/ml/model when the training ends becomes model.tar.gz, and nothing else does.",
    "write the model's files into /opt/ml/model: no links that lead elsewhere, no sockets, readable by their owner",
    DEVELOPER_GUIDE_TRAINING_OUTPUT,
)
FAILURE_EXIT_CODE = Check(
    "train-failure-exit-code",
    Area.TRAINING,
    Binding.RULE,
    "A training that fails with exit code 0 is Completed, and what it has not learnt is deployed.",
    "end with another exit code than 0 whenever there is no good model",
    DEVELOPER_GUIDE_TRAINING_END,
)
FAILURE_FILE = Check(
    "train-failure-file",
    Area.TRAINING,
    Binding.RULE,
    'The first 1,024 characters of /opt/ml/output/failure become FailureReason; without it a job says "AlgorithmError: '
    'exit code 1" alone.',
    "write the reason to /opt/ml/output/failure, the traceback after it",
    DEVELOPER_GUIDE_TRAINING_END,
)
SIGTERM = Check(
    "train-sigterm",
    Area.TRAINING,
    Binding.RULE,
    "StopTrainingJob, MaxRuntimeInSeconds and spot interruptions send SIGTERM, and SIGKILL 120 s later.",
    "have the entry point in exec form, and handle SIGTERM: process 1 ignores it otherwise",
    DEVELOPER_GUIDE_RUN_TRAINING,
)
CHECKS = (
    COMPLETES,
    HYPERPARAMETERS,
    NESTED_FILES,
    READ_ONLY_INPUTS,
    NETWORK,
    OPT_ML,
    HYPERPARAMETERS_QUOTED,
    ARTIFACTS,
    FAILURE_EXIT_CODE,
    FAILURE_FILE,
    SIGTERM,
)
