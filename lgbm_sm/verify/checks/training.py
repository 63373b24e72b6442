"""Checks of the training: SageMaker's mounts, inputs, outputs and signals."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from lgbm_sm import contract
from lgbm_sm.verify.checks import (
    DEVELOPER_GUIDE_ISOLATION,
    DEVELOPER_GUIDE_RUN_TRAINING,
    DEVELOPER_GUIDE_TRAINING,
    DEVELOPER_GUIDE_TRAINING_END,
    DEVELOPER_GUIDE_TRAINING_INFORMATION,
    DEVELOPER_GUIDE_TRAINING_OUTPUT,
    Check,
    Result,
    rule,
)
from lgbm_sm.verify.training_outputs import repack
from lgbm_sm.verify.training_run import STRICT, CheckedTraining, Training, TrainingOutcome

COMPLETES = rule(
    "train-completes",
    "SageMaker runs `docker run IMAGE train`: exit code 0 means Completed, any other code means Failed.",
    "run the container with `train` and read its log; if the image only serves, pass --only serve",
    DEVELOPER_GUIDE_RUN_TRAINING,
)
HYPERPARAMETERS = rule(
    "train-hyperparameters",
    "Every value in hyperparameters.json is a string, even if the request had a number.",
    'convert each value when you read it: int("31"), float("0.05")',
    DEVELOPER_GUIDE_TRAINING_INFORMATION,
)
NESTED_FILES = rule(
    "train-nested-files",
    "A channel keeps the folders below its S3 prefix, so its files may be in sub-folders.",
    "look for files at any depth, as pathlib's rglob does",
    DEVELOPER_GUIDE_TRAINING_INFORMATION,
)
READ_ONLY_INPUTS = rule(
    "train-read-only-inputs",
    "A channel in FastFile mode, or from a file system such as EFS, is mounted read-only.",
    "write to /tmp or /opt/ml/output, never into the channels",
    DEVELOPER_GUIDE_TRAINING_INFORMATION,
)
NETWORK = rule(
    "train-network",
    "With EnableNetworkIsolation, or in a VPC without internet access, a container has no network and no credentials.",
    "install everything when you build the image; pass --network if your jobs are never isolated",
    DEVELOPER_GUIDE_ISOLATION,
)
COVERED_FOLDER = rule(
    "train-opt-ml",
    "SageMaker mounts its own folder over /opt/ml, which hides the image's files there.",
    "keep programs and files outside /opt/ml, such as in /opt/program",
    DEVELOPER_GUIDE_TRAINING,
)
HYPERPARAMETERS_QUOTED = rule(
    "train-hyperparameters-quoted",
    r'Some versions of the SageMaker SDK encode each value as JSON twice ("\"31\""), and SageMaker does not undo it.',
    "if a value is a JSON string, decode it, then convert it",
    "aws/sagemaker-python-sdk#613, #3487, #5317",
)
ARTIFACTS = rule(
    "train-artifacts",
    "SageMaker packs only the content of /opt/ml/model into model.tar.gz at the end of the training.",
    "write the model's files into /opt/ml/model: no links to other folders, no sockets, readable by their owner",
    DEVELOPER_GUIDE_TRAINING_OUTPUT,
)
FAILURE_EXIT_CODE = rule(
    "train-failure-exit-code",
    "If a failed training exits with code 0, the job counts as Completed, and its useless model may be deployed.",
    "exit with a code other than 0 if there is no good model",
    DEVELOPER_GUIDE_TRAINING_END,
)
FAILURE_REPORT = rule(
    "train-failure-file",
    f"The first {contract.FAILURE_REASON_CHARACTERS:,} characters of /opt/ml/output/failure become the failure reason; "
    'without the file, a failed job shows only "AlgorithmError: exit code 1".',
    "write the reason to /opt/ml/output/failure, then the traceback",
    DEVELOPER_GUIDE_TRAINING_END,
)
SIGTERM = rule(
    "train-sigterm",
    "StopTrainingJob, MaxRuntimeInSeconds and spot interruptions send SIGTERM, and SIGKILL "
    f"{contract.STOP_TRAINING_SECONDS:.0f} s later.",
    "write ENTRYPOINT in exec form, and handle SIGTERM: process 1 ignores SIGTERM by default",
    DEVELOPER_GUIDE_RUN_TRAINING,
)

# the check for each condition in training_run.Conditions
CONDITIONS: Mapping[str, Check] = {
    "nested": NESTED_FILES,
    "read_only": READ_ONLY_INPUTS,
    "isolated": NETWORK,
    "covered": COVERED_FOLDER,
}
# the names of the number of rounds in LightGBM and in other libraries
_LENGTHS = frozenset(
    (
        *("num_boost_round", "num_iterations", "num_iteration", "n_iter", "num_tree", "num_trees", "num_round"),
        *("num_rounds", "nrounds", "n_estimators", "max_iter", "epochs", "num_epochs"),
    )
)
_EARLY_STOPPING = frozenset(("early_stopping_round", "early_stopping_rounds", "early_stopping", "n_iter_no_change"))
_LONG = str(1_000_000)
_LEAST_SECONDS_BEFORE_STOP = 1.0
_MOST_SECONDS_BEFORE_STOP = 10.0


@dataclass
class Trained:
    """A finished training run, a run with quoted hyperparameters, and a run with garbage as data."""

    training: Training
    run: CheckedTraining
    outcome: TrainingOutcome
    quoted: CheckedTraining
    garbage: CheckedTraining
    folder: Path
    model_path: Path | None = None


def _judge_quoted(trained: Trained) -> Result:
    training = trained.training
    if not training.hyperparameters:
        return HYPERPARAMETERS_QUOTED.skipped("no training with hyperparameters succeeds")
    outcome = trained.quoted.outcome()
    if not outcome.is_done and training.conditions != STRICT:
        outcome = training.run(replace(training.conditions, quoted=True))
    plain_has_none = not outcome.has_model and outcome.exit_code == 0
    return HYPERPARAMETERS_QUOTED.judged(str(outcome), is_met=outcome.is_done or plain_has_none)


def _judge_artifacts(trained: Trained) -> Result:
    path = trained.folder / contract.MODEL_ARCHIVE
    summary = repack(trained.run.started.open_archive(contract.MODEL_PATH), path)
    if summary.problem:
        return ARTIFACTS.broken(summary.problem)
    trained.model_path = path
    return ARTIFACTS.passed(str(summary))


def _judge_failure_exit_code(trained: Trained) -> Result:
    outcome = trained.garbage.outcome()
    is_failure = outcome.exit_code not in (0, None)
    return FAILURE_EXIT_CODE.judged(f"trained on garbage instead of rows: {outcome}", is_met=is_failure)


def _judge_failure_report(trained: Trained) -> Result:
    if trained.garbage.outcome().exit_code is None:
        return FAILURE_REPORT.skipped("the training did not end")
    content = trained.garbage.started.read(contract.FAILURE_PATH) or b""
    reason = content.decode("utf-8", errors="replace").strip()
    if not reason:
        return FAILURE_REPORT.broken(f"{contract.FAILURE_PATH} is missing or empty")
    if reason.startswith("Traceback"):
        shown = contract.FAILURE_REASON_CHARACTERS
        return FAILURE_REPORT.warned(f"the file begins with a traceback, and SageMaker shows only {shown} characters")
    return FAILURE_REPORT.passed(reason.splitlines()[0][:120])


def _judge_sigterm(trained: Trained) -> Result:
    """Stop a long training run, and judge its end."""
    training = trained.training
    values = {name: value for name, value in training.hyperparameters.items() if name not in _EARLY_STOPPING}
    values |= {name: _LONG for name in values if name in _LENGTHS}
    run = training.start(training.conditions, values)
    try:
        before = min(max(0.5 * trained.outcome.seconds, _LEAST_SECONDS_BEFORE_STOP), _MOST_SECONDS_BEFORE_STOP)
        if run.started.wait(before) is not None:
            return SIGTERM.skipped(f"the training ended within {before:.1f} s, before SIGTERM was sent")
        run.started.terminate()
        sent_at = time.monotonic()
        code = run.started.wait(training.limits.stop_training)
        seconds = time.monotonic() - sent_at
        if code is None:
            return SIGTERM.broken(f"still running {seconds:.0f} s after SIGTERM; SageMaker then sends SIGKILL")
        return SIGTERM.passed(f"ended {seconds:.1f} s after SIGTERM, exit code {code}")
    finally:
        run.started.remove()


# these checks run after a successful training, in the order of the report
JUDGES: Mapping[Check, Callable[[Trained], Result]] = {
    HYPERPARAMETERS_QUOTED: _judge_quoted,
    ARTIFACTS: _judge_artifacts,
    FAILURE_EXIT_CODE: _judge_failure_exit_code,
    FAILURE_REPORT: _judge_failure_report,
    SIGTERM: _judge_sigterm,
}
CHECKS = (COMPLETES, HYPERPARAMETERS, *CONDITIONS.values(), *JUDGES)
