"""The page of `explain deploy`."""

import shlex
import sys
from pathlib import Path

from lgbm_sm import deploy
from lgbm_sm.backends.programs import PROGRAM
from lgbm_sm.config.instance_types import LOCAL
from lgbm_sm.config.sections import Pattern
from lgbm_sm.contract import MODEL_PATH
from lgbm_sm.errors import ConfigError, TrainingError
from lgbm_sm.explain.aws_calls import describe_calls_of
from lgbm_sm.explain.call_chain import describe_chain
from lgbm_sm.explain.container import PlannedContainer, serving_container
from lgbm_sm.explain.functions import functions_section
from lgbm_sm.explain.images import environment_lines, image_section, look_at_image
from lgbm_sm.explain.limits import serving_limits
from lgbm_sm.explain.places import Whereabouts, where_endpoints_run
from lgbm_sm.explain.programs import PROCESS_PROGRAMS, SERVING_PROGRAMS, describe_expected, describe_running
from lgbm_sm.explain.sections import Section, indented, section
from lgbm_sm.model.code import ModelCode, model_code
from lgbm_sm.model.source import ModelSource, find_model
from lgbm_sm.record.entries import EndpointStatus
from lgbm_sm.workspace import Workspace


def explain_serving(workspace: Workspace, model: str | None, tree_path: Path | None) -> list[Section]:
    """Return the page of `lgbm-sm deploy`.

    If `tree_path` is given, the files of the container are written there.

    Raises:
        ConfigError: the user's code does not exist, or cannot work.
        TrainingError: the model `model` does not exist.
    """
    pattern = workspace.config.container.pattern
    where = where_endpoints_run(workspace)
    image = look_at_image(workspace, pattern)
    source = _find_source(workspace, model)
    code = model_code(workspace.config, workspace.folder, workspace.containers_path, in_container=True)
    container = serving_container(workspace, image.tag, source, code, tree_path)
    return [
        section("Where it runs", where.lines, _as_process(workspace) if where.as_process else []),
        section("How it is started", _start(workspace, where, container, tree_path)),
        section("Files in the container", _files(container, source, code)),
        section("Environment variables", environment_lines(container.spec.environment, image)),
        image_section(image),
        section("Which file calls which", describe_chain(pattern, workspace.containers_path)),
        functions_section(workspace),
        section("Processes", _processes(workspace, where, image.tag)),
        serving_limits(workspace.config),
        section("AWS calls", _calls(workspace, where, model)),
    ]


def _as_process(workspace: Workspace) -> list[str]:
    """Return the differences between a process and a container of the pattern."""
    pattern = workspace.config.container.pattern
    lines = [f"the rest of this page describes the container of pattern {pattern}, unless a line mentions a process"]
    if pattern is not Pattern.BYOC:
        lines.append(deploy.OTHER_SERVER)
    try:
        model_code(workspace.config, workspace.folder, workspace.containers_path, in_container=False)
    except ConfigError as error:
        lines += [f"as a process it is refused: {error.message}", error.hint]
    return lines


def _find_source(workspace: Workspace, model: str | None) -> ModelSource | None:
    try:
        return find_model(model, workspace.record, workspace.config.project.name)
    except TrainingError:
        if model is not None:
            raise
        return None


def _start(workspace: Workspace, where: Whereabouts, container: PlannedContainer, tree_path: Path | None) -> list[str]:
    lines = [
        (
            f"SageMaker unpacks model.tar.gz into {MODEL_PATH} and runs the image with the argument `serve`. The "
            "equivalent command on this machine is:"
        ),
        *container.command_lines,
        "(lgbm-sm also gives the container a name and labels, and removes it itself; Docker chooses the port)",
        f"the files are now in {tree_path}; to delete them: chmod -R u+w {tree_path} && rm -r {tree_path}"
        if tree_path
        else "add `--tree DIR` to get the files, and run it yourself",
    ]
    if where.as_process:
        root = workspace.record.endpoints_path / container.name / "ml"
        words = [sys.executable, "-P", "-m", PROGRAM, "serve", "--root", str(root), "--fd", "<a listening socket>"]
        lines += [
            "if it runs as a process, pattern A's program reads the same kind of files in .lgbm-sm:",
            shlex.join(words),
            f"with PYTHONPATH={workspace.process.runtime_path} and the same variables",
        ]
    if where.on_sagemaker:
        endpoint = workspace.config.endpoint
        lines.append(
            f"SageMaker does the same on {endpoint.instance_count} x {endpoint.instance_type}: it pulls the image by "
            "its digest, downloads the model from S3, and sends GET /ping until the answer is 200"
        )
    return lines


def _files(container: PlannedContainer, source: ModelSource | None, code: ModelCode) -> list[str]:
    if source is None or source.path is None:
        missing = (
            f"{MODEL_PATH}/: no model yet; run `lgbm-sm train`"
            if source is None
            else f"{MODEL_PATH}/: the files of {source.name}, which is downloaded when it is deployed"
        )
        return [missing, *(f"{MODEL_PATH}/{line}" for line in _origins(code))]
    lines = [f"of {source.path}", *container.file_lines]
    if not code.files:
        return [*lines, "there is no folder code, so the program in the image answers all requests"]
    return [*lines, "the folder code is added to the model when it is deployed:", *indented(_origins(code))]


def _origins(code: ModelCode) -> list[str]:
    """Return the origin of each file and each package in the folder `code`."""
    names = {name if "/" not in name else f"{name.partition('/')[0]}/": name for name in code.files}
    return [f"code/{shown}  {_origin(code, name, shown)}" for shown, name in names.items()]


def _origin(code: ModelCode, name: str, shown: str) -> str:
    content = code.files[name]
    if isinstance(content, Path):
        return f"from {content.parents[name.count('/') - 1] if '/' in shown else content}"
    return "generated" if "/" in shown else f"generated: {'; '.join(content.splitlines())}"


def _processes(workspace: Workspace, where: Whereabouts, tag: str) -> list[str]:
    """Return the expected processes, and the processes of an endpoint on this machine."""
    lines = ["in a container:", *indented(describe_expected(SERVING_PROGRAMS[workspace.config.container.pattern]))]
    if where.as_process:
        lines += ["as a process:", *indented(describe_expected(PROCESS_PROGRAMS))]
    for endpoint in reversed(workspace.record.endpoints(workspace.config.project.name)):
        if endpoint.status is EndpointStatus.IN_SERVICE:
            backend = workspace.backend_of(endpoint)
            programs = backend.programs(endpoint)
            if programs:
                other = "" if endpoint.image in ("", tag) else f" of {endpoint.image}, not of the configured image"
                seen = f"running now, of endpoint {endpoint.name}, {backend.noun}{other}:"
                return [*lines, seen, *describe_running(programs)]
    if where.on_sagemaker:
        hint = f"`--set endpoint.instance_type={LOCAL}` and `lgbm-sm deploy` run the same image here"
        return [*lines, f"SageMaker does not show the processes of its instances; {hint}"]
    return [*lines, "to see the processes of an endpoint, run `lgbm-sm deploy`, then `lgbm-sm explain deploy`"]


def _calls(workspace: Workspace, where: Whereabouts, model: str | None) -> list[str]:
    if not where.on_sagemaker:
        return ["none: the endpoint is on this machine"]
    name = workspace.config.endpoint_name
    return [
        *describe_calls_of(workspace, lambda unknown: deploy.plan_deployment(unknown, model)),
        (
            f"if the project already has an endpoint {name} (sagemaker:ListTags shows its tags), "
            "sagemaker:UpdateEndpoint replaces sagemaker:CreateEndpoint, and the old container answers until the new "
            "one passes /ping"
        ),
        (
            "after that, sagemaker:DescribeModel and sagemaker:DescribeEndpointConfig; then "
            "sagemaker:DescribeEndpoint until the endpoint is InService; if the endpoint fails, also "
            "logs:DescribeLogStreams and logs:GetLogEvents"
        ),
        "if the bucket already has the project's manifest, s3:GetObject reads the manifest first",
        "at the end, resourcegroupstaggingapi:GetResources looks for a second endpoint, which would be billed too",
        "the endpoint is billed until `lgbm-sm stop` deletes it",
    ]
