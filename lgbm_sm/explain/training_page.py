"""The page of `explain train`."""

import shlex
import sys
from pathlib import Path

from lgbm_sm import train
from lgbm_sm.backends.programs import PROGRAM
from lgbm_sm.config.sections import Pattern
from lgbm_sm.contract import FAILURE_PATH, OPT_ML
from lgbm_sm.errors import DataError
from lgbm_sm.explain.aws_calls import describe_calls_of
from lgbm_sm.explain.call_chain import describe_chain
from lgbm_sm.explain.container import PlannedContainer, training_container
from lgbm_sm.explain.images import environment_lines, image_section, look_at_image
from lgbm_sm.explain.limits import training_limits
from lgbm_sm.explain.places import Whereabouts, where_jobs_run
from lgbm_sm.explain.programs import describe_running
from lgbm_sm.explain.sections import Section, section
from lgbm_sm.explain.trees import describe_channels
from lgbm_sm.preparation.schema import CHANNELS, training_channels
from lgbm_sm.record.entries import TrainingJobStatus
from lgbm_sm.workspace import Workspace


def explain_training(workspace: Workspace, tree_path: Path | None) -> list[Section]:
    """Return the page of `lgbm-sm train`. If `tree_path` is given, write the files there."""
    where = where_jobs_run(workspace)
    image = look_at_image(workspace, Pattern.BYOC)
    container = training_container(workspace, image.tag, tree_path)
    return [
        section("Where it runs", where.lines),
        section("How it is started", _start(workspace, where, container, tree_path)),
        section("Files in the container", _files(workspace, where, container)),
        section("Environment variables", environment_lines(container.spec.environment, image)),
        image_section(image),
        section("Which file calls which", describe_chain("train", workspace.containers_path)),
        section("Processes", _processes(workspace)),
        training_limits(workspace.config),
        section("Results", _results(where)),
        section("AWS calls", _calls(workspace, where)),
    ]


def _start(workspace: Workspace, where: Whereabouts, container: PlannedContainer, tree_path: Path | None) -> list[str]:
    lines = [
        "SageMaker runs the image with the argument `train`. The equivalent command on this machine is:",
        *container.command_lines,
        "(lgbm-sm also gives the container a name and labels, and removes it itself)",
        f"the files are now in {tree_path}" if tree_path else "add `--tree DIR` to get the files, and run it yourself",
    ]
    if where.as_process:
        root = workspace.record.jobs_path / container.name / "ml"
        lines += [
            "if it runs as a process, the same program reads the same kind of files in .lgbm-sm:",
            shlex.join([sys.executable, "-P", "-m", PROGRAM, "train", "--root", str(root)]),
            f"with PYTHONPATH={workspace.process.runtime_path} and the same variables; channel folders are links",
        ]
    if where.on_sagemaker:
        training = workspace.config.training
        lines.append(
            f"SageMaker does the same on {training.instance_count} x {training.instance_type}: it pulls the image by "
            f"its digest, mounts a disk at {OPT_ML} and downloads the channels from S3"
        )
    return lines


def _files(workspace: Workspace, where: Whereabouts, container: PlannedContainer) -> list[str]:
    channels = {channel: workspace.data_path / folder for channel, folder in CHANNELS.items()}
    lines = [line for line in container.file_lines if "/input/data/" not in line] + describe_channels(channels)
    try:
        training_channels(workspace.data_path)
    except DataError as error:
        lines += [f"the data is not ready: {error.message}", error.hint]
    if where.on_sagemaker:
        training = workspace.config.training
        hosts = ", ".join(f"algo-{number + 1}" for number in range(training.instance_count))
        lines.append(
            f"on SageMaker, resourceconfig.json has instance type {training.instance_type} and the hosts {hosts}"
        )
    return [*lines, "every value in hyperparameters.json is a string, because the API accepts nothing else"]


def _processes(workspace: Workspace) -> list[str]:
    for job in workspace.record.training_jobs(workspace.config.project.name):
        if job.status is TrainingJobStatus.IN_PROGRESS:
            programs = workspace.backend_of(job).programs(job)
            if programs:
                return [f"running now, of {job.name}:", *describe_running(programs)]
    return [
        "process 1 trains, with one thread for each CPU of the container (OMP_NUM_THREADS)",
        "run `lgbm-sm explain train` during a job on this machine to see its processes",
    ]


def _results(where: Whereabouts) -> list[str]:
    lines = [
        f"exit code 0 means Completed; any other exit code means Failed, and {FAILURE_PATH} contains the reason",
        f"{OPT_ML}/model becomes output/model.tar.gz, and {OPT_ML}/output/data becomes output/output.tar.gz",
    ]
    if where.on_sagemaker:
        return [*lines, "SageMaker puts both below OutputDataConfig.S3OutputPath/<job>, and lgbm-sm downloads them"]
    return [*lines, "both are in .lgbm-sm/jobs/<job>; `lgbm-sm status` lists the jobs"]


def _calls(workspace: Workspace, where: Whereabouts) -> list[str]:
    if not where.on_sagemaker:
        return ["none: training runs on this machine"]
    return [
        *describe_calls_of(workspace, train.plan),
        (
            "until the job ends: sagemaker:DescribeTrainingJob, logs:DescribeLogStreams and logs:GetLogEvents; then "
            "s3:GetObject downloads model.tar.gz and output.tar.gz"
        ),
        "at the end, resourcegroupstaggingapi:GetResources looks for a second endpoint, which would be billed too",
        "`lgbm-sm explain prepare-data` shows how a missing bucket is created",
    ]
