"""`explain train`."""

import shlex
import sys
from pathlib import Path

from lgbm_sm.backends import TrainingInputs
from lgbm_sm.backends.programs import PROGRAM
from lgbm_sm.backends.sagemaker.training import JobPlan, SageMakerTrainer
from lgbm_sm.config.sections import Pattern
from lgbm_sm.errors import DataError
from lgbm_sm.explain.aws_calls import ASKED_BEFORE, UnknownAccount, note_upload, open_unknown_account
from lgbm_sm.explain.call_chain import describe_chain
from lgbm_sm.explain.images import ImageFacts, environment_lines, image_section, look_at_image
from lgbm_sm.explain.limits import training_limits
from lgbm_sm.explain.places import Whereabouts, find_whereabouts
from lgbm_sm.explain.programs import describe_programs, programs_of
from lgbm_sm.explain.scenes import Scene, new_name, now, training_inputs, training_scene
from lgbm_sm.explain.sections import Section, indented, section
from lgbm_sm.explain.trees import describe_channels
from lgbm_sm.preparation.schema import training_channels
from lgbm_sm.record.entries import Place, TrainingJob, TrainingJobStatus
from lgbm_sm.workspace import Workspace


def find_training_place(workspace: Workspace) -> Whereabouts:
    """Where jobs run under the configuration."""
    training = workspace.config.training
    return find_whereabouts(workspace, "training", training.instance_type, training.instance_count, Pattern.BYOC)


def explain_training(workspace: Workspace, tree_path: Path | None) -> list[Section]:
    """What happens when `lgbm-sm train` is called now; the tree is also made at `tree_path`, where one is given."""
    where = find_training_place(workspace)
    facts = look_at_image(workspace, Pattern.BYOC)
    scene = training_scene(workspace, facts.tag, tree_path)
    return [
        section("Where it runs", where.lines),
        section("How it is started", _how(workspace, where, scene, tree_path)),
        section("The files that it finds", _files(workspace, scene)),
        section("Its environment", _environment(scene, facts)),
        image_section(facts),
        section("Which file calls which", describe_chain("train", workspace.containers_path)),
        section("The processes that come up", _processes(workspace)),
        training_limits(workspace.config),
        section("What becomes of it", _ending(where)),
        section("The calls at AWS", _calls(workspace, where, facts.tag)),
    ]


def _how(workspace: Workspace, where: Whereabouts, scene: Scene, tree_path: Path | None) -> list[str]:
    lines = [
        "the platform runs the image with the word `train`; on this machine that is",
        *scene.command,
        "(without the name and the labels that lgbm-sm knows it by, and with --rm)",
        "the tree lies there now" if tree_path else "`--tree DIR` makes the tree, for you to run this line yourself",
    ]
    if where.place is Place.PROCESS:
        root = workspace.record.jobs_path / scene.name / "ml"
        words = shlex.join([sys.executable, "-P", "-m", PROGRAM, "train", "--root", str(root)])
        lines += [
            "as a process it is the same program, on such a tree below .lgbm-sm:",
            words,
            f"with PYTHONPATH={workspace.process.runtime_path} and the same variables; channel folders are links",
        ]
    if where.place is Place.AWS:
        training = workspace.config.training
        lines += [
            (
                f"SageMaker starts that on {training.instance_count} x {training.instance_type}, with the image by its "
                "digest, a disk at /opt/ml, and the channels fetched from S3"
            ),
        ]
    return lines


def _files(workspace: Workspace, scene: Scene) -> list[str]:
    inputs = training_inputs(workspace)
    try:
        training_channels(workspace.data_path)
    except DataError as error:
        state = [f"not as prepare-data leaves them: {error.message}", error.hint]
    else:
        state = []
    aws = workspace.config.training.instance_type
    return [
        *(line for line in scene.tree if "/input/data/" not in line),
        *describe_channels(dict(inputs.channels)),
        *state,
        *(
            [
                (
                    f"on SageMaker resourceconfig.json says current_instance_type {aws}, and as hosts "
                    + ", ".join(f"algo-{number + 1}" for number in range(workspace.config.training.instance_count))
                )
            ]
            if find_training_place(workspace).place is Place.AWS
            else []
        ),
        "every value in hyperparameters.json is a string: the API takes no others",
    ]


def _environment(scene: Scene, facts: ImageFacts) -> list[str]:
    given = [f"{name}={value}" for name, value in scene.container.environment.items()]
    return ["given at the start:", *indented(given), "set by the image:", *indented(environment_lines(facts))]


def _processes(workspace: Workspace) -> list[str]:
    for job in workspace.record.training_jobs(workspace.config.project.name):
        if job.status is TrainingJobStatus.IN_PROGRESS and (programs := programs_of(job, workspace)):
            return [f"seen now, of {job.name}:", *describe_programs(programs)]
    return [
        "one: process 1 trains, in as many threads as the container has processors (OMP_NUM_THREADS)",
        "no job of the project runs on this machine now; `lgbm-sm explain train` during a job shows its processes",
    ]


def _ending(where: Whereabouts) -> list[str]:
    lines = [
        "exit code 0: Completed; any other: Failed, with what stands in /opt/ml/output/failure",
        "/opt/ml/model is packed as output/model.tar.gz, /opt/ml/output/data as output/output.tar.gz",
    ]
    if where.place is Place.AWS:
        return [*lines, "both lie below OutputDataConfig.S3OutputPath/<job>/output/ and are brought here"]
    return [*lines, "both lie in .lgbm-sm/jobs/<job>/output; `lgbm-sm status` names them"]


def _calls(workspace: Workspace, where: Whereabouts, tag: str) -> list[str]:
    if where.place is not Place.AWS:
        return ["none: this machine trains"]
    aws = open_unknown_account(workspace.config.aws, workspace.config.project.name)
    inputs = training_inputs(workspace)
    _note_job(workspace, aws, inputs, tag)
    return [
        *aws.lines(),
        *ASKED_BEFORE,
        "asked until it has ended: sagemaker:DescribeTrainingJob, logs:DescribeLogStreams, logs:GetLogEvents",
        "then s3:GetObject fetches model.tar.gz and output.tar.gz",
    ]


def _note_job(workspace: Workspace, aws: UnknownAccount, inputs: TrainingInputs, tag: str) -> None:
    config, account, objects = workspace.config, aws.account, aws.objects
    local = note_upload(aws, inputs.channels)
    uris = {channel: objects.uri(local.channel_folder(folder)) for channel, folder in inputs.channels.items()}
    output_uri = objects.uri("output/")
    plan = JobPlan(account, aws.role_arn, aws.pushed_uri(tag), config.training, uris, output_uri, workspace.tags)
    SageMakerTrainer.of(workspace.sagemaker, plan).start_training(_job(workspace, output_uri), inputs)


def _job(workspace: Workspace, output_uri: str) -> TrainingJob:
    name = new_name(workspace)
    return TrainingJob(
        name=name,
        project=workspace.config.project.name,
        place=Place.AWS,
        created_at=now(),
        folder=workspace.record.jobs_path / name,
        output_uri=output_uri,
    )
