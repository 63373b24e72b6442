"""`explain deploy`."""

import shlex
import sys
from pathlib import Path

from lgbm_sm import contract, deploy
from lgbm_sm.aws.s3_files import read_file
from lgbm_sm.backends.programs import PROGRAM
from lgbm_sm.backends.sagemaker.adoption import ARTIFACTS_FOLDER
from lgbm_sm.backends.sagemaker.endpoints import HostingPlan, create_config, create_endpoint, create_model
from lgbm_sm.config.instance_types import LOCAL
from lgbm_sm.config.sections import Pattern
from lgbm_sm.errors import ConfigError, LgbmSmError, TrainingError
from lgbm_sm.explain.aws_calls import ASKED_BEFORE, open_unknown_account
from lgbm_sm.explain.call_chain import describe_chain
from lgbm_sm.explain.expected_programs import describe_expected
from lgbm_sm.explain.functions import functions_section
from lgbm_sm.explain.images import ImageFacts, environment_lines, image_section, look_at_image
from lgbm_sm.explain.limits import serving_limits
from lgbm_sm.explain.places import Whereabouts, find_whereabouts
from lgbm_sm.explain.programs import describe_programs, programs_of, settled_programs_of
from lgbm_sm.explain.scenes import Scene, new_name, serving_scene
from lgbm_sm.explain.sections import Section, indented, section
from lgbm_sm.images import xgboost
from lgbm_sm.model.code import ModelCode, model_code
from lgbm_sm.model.source import ModelSource, find_model
from lgbm_sm.record.entries import Endpoint, EndpointStatus, Place
from lgbm_sm.workspace import Workspace


def find_serving_place(workspace: Workspace) -> Whereabouts:
    """Where endpoints are under the configuration."""
    endpoint = workspace.config.endpoint
    pattern = workspace.config.container.pattern
    return find_whereabouts(workspace, "endpoint", endpoint.instance_type, endpoint.instance_count, pattern)


def explain_serving(workspace: Workspace, model: str | None, tree_path: Path | None) -> list[Section]:
    """What happens when `lgbm-sm deploy` is called now; the tree is also made at `tree_path`, where one is given.

    Raises:
        ConfigError: the user's code is not there, or cannot work.
        TrainingError: `model` names none.
    """
    pattern = workspace.config.container.pattern
    where = find_serving_place(workspace)
    facts = look_at_image(workspace, pattern)
    source = _find_source(workspace, model)
    code = model_code(workspace.config, workspace.folder, workspace.containers_path, in_container=True)
    scene = serving_scene(workspace, facts.tag, source, code, tree_path)
    return [
        section("Where it runs", where.lines, _as_process(workspace) if where.place is Place.PROCESS else []),
        section("How it is started", _how(workspace, where, scene, tree_path)),
        section("The files that it finds", _files(scene, source, code)),
        section("Its environment", _environment(scene, facts)),
        image_section(facts),
        section("Which file calls which", describe_chain(pattern, workspace.containers_path)),
        functions_section(workspace),
        section(
            "The processes that come up",
            ["in a container:", *indented(describe_expected(pattern))],
            _processes(workspace, where, facts.tag, source, model),
        ),
        serving_limits(workspace.config),
        section("The calls at AWS", _calls(workspace, where, facts.tag, source, code)),
    ]


def _as_process(workspace: Workspace) -> list[str]:
    """What is other in a process than in a container of the pattern."""
    pattern = workspace.config.container.pattern
    lines = [f"what follows is of the container of pattern {pattern}, unless it says process"]
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


def _how(workspace: Workspace, where: Whereabouts, scene: Scene, tree_path: Path | None) -> list[str]:
    lines = [
        (
            "the platform unpacks model.tar.gz into /opt/ml/model and runs the image with the word `serve`; on this "
            "machine that is"
        ),
        *scene.command,
        "(without the name and the labels that lgbm-sm knows it by, and with --rm; the engine chooses the port)",
        f"the tree lies there now; to delete it: chmod -R u+w {tree_path} && rm -r {tree_path}"
        if tree_path
        else "`--tree DIR` makes the tree, for you to run this line yourself",
    ]
    if where.place is Place.PROCESS:
        root = workspace.record.endpoints_path / scene.name / "ml"
        words = [sys.executable, "-P", "-m", PROGRAM, "serve", "--root", str(root), "--fd", "<a socket that listens>"]
        lines += [
            "as a process it is pattern A's program, on such a tree below .lgbm-sm:",
            shlex.join(words),
            f"with PYTHONPATH={workspace.process.runtime_path} and the same variables",
        ]
    if where.place is Place.AWS:
        endpoint = workspace.config.endpoint
        lines += [
            (
                f"SageMaker starts that on {endpoint.instance_count} x {endpoint.instance_type}, with the image by its "
                "digest and the model from S3, and asks /ping until that is 200; then come the invocations"
            ),
        ]
    return lines


def _files(scene: Scene, source: ModelSource | None, code: ModelCode) -> list[str]:
    if source is None or source.path is None:
        missing = (
            "/opt/ml/model/: the model's own files are not here yet: `lgbm-sm train` makes them"
            if source is None
            else f"/opt/ml/model/: what {source.name} holds, which is fetched when it is deployed"
        )
        return [missing, *(f"{contract.MODEL_PATH}/{line}" for line in _origins(code))]
    lines = [f"of {source.path}", *scene.tree]
    if not code.files:
        return [*lines, "there is no folder code: the program in the image answers"]
    return [*lines, "the folder code is put beside the model when it is deployed:", *indented(_origins(code))]


def _origins(code: ModelCode) -> list[str]:
    """Where each file of the folder comes from; of a package only where the package does."""
    names = {name if "/" not in name else f"{name.partition('/')[0]}/": name for name in code.files}
    return [
        f"code/{shown}  {_origin(code, name) if '/' not in shown else _folder(code, name)}"
        for shown, name in names.items()
    ]


def _folder(code: ModelCode, name: str) -> str:
    content = code.files[name]
    return f"from {content.parents[name.count('/') - 1]}" if isinstance(content, Path) else "made here"


def _origin(code: ModelCode, name: str) -> str:
    content = code.files[name]
    return f"from {content}" if isinstance(content, Path) else f"made here: {'; '.join(content.splitlines())}"


def _environment(scene: Scene, facts: ImageFacts) -> list[str]:
    given = [f"{name}={value}" for name, value in scene.container.environment.items()]
    return [
        "given at the start:",
        *indented(given or ["nothing"]),
        "set by the image:",
        *indented(environment_lines(facts)),
    ]


def _processes(
    workspace: Workspace, where: Whereabouts, tag: str, source: ModelSource | None, model: str | None
) -> list[str]:
    for endpoint in reversed(workspace.record.endpoints(workspace.config.project.name)):
        if endpoint.status is EndpointStatus.IN_SERVICE and (programs := programs_of(endpoint, workspace)):
            other = (
                f" of {endpoint.image}, which is not what is configured now" if endpoint.image not in ("", tag) else ""
            )
            seen = f"seen now, of endpoint {endpoint.name}, {_place(endpoint)}{other}:"
            return [seen, *describe_programs(programs)]
    if where.place is Place.AWS:
        return [
            (
                "SageMaker's instances let nobody look at their processes; "
                f"`--set endpoint.instance_type={LOCAL}` shows those of the same image here"
            )
        ]
    if workspace.record.is_others:
        return ["not seen: a copy of a project starts nothing"]
    if where.place is None or source is None or source.path is None:
        return ["not seen: that takes an image, or none where it is a process, and a model that `lgbm-sm train` made"]
    return _seen_once(workspace, model)


def _seen_once(workspace: Workspace, model: str | None) -> list[str]:
    """Of an endpoint that is brought up for this, on record like every other, and taken down again."""
    try:
        endpoint = deploy.deploy_model(workspace, model, replace=False)
        try:
            programs = settled_programs_of(endpoint, workspace)
        finally:
            deploy.take_down(workspace, endpoint)
    except LgbmSmError as error:
        return [f"not seen: {error.message}", error.hint]
    return [
        f"seen now, of {_place(endpoint)} that was started for this and has been removed again:",
        *describe_programs(programs),
    ]


def _place(endpoint: Endpoint) -> str:
    return "a container" if endpoint.place is Place.DOCKER else "a process"


def _calls(
    workspace: Workspace, where: Whereabouts, tag: str, source: ModelSource | None, code: ModelCode
) -> list[str]:
    if where.place is not Place.AWS:
        return ["none: this machine serves"]
    config = workspace.config
    aws = open_unknown_account(config.aws, config.project.name)
    plan = HostingPlan(
        account=aws.account,
        role_arn=aws.role_arn,
        image=_image_uri(workspace, aws.account.region) or aws.pushed_uri(tag),
        environment=code.environment,
        endpoint=config.endpoint,
        section=config.aws,
        tags=workspace.tags,
    )
    name = new_name(workspace)
    key = f"{ARTIFACTS_FOLDER}{name}/model.tar.gz"
    full_key = aws.objects.key(key)
    if source is not None and source.path is not None:
        # what is sent is this archive, packed anew with the folder code
        aws.bucket.send(read_file(source.path), full_key, lambda _: None)
    else:
        aws.dry_run.note("s3", "PutObject", Bucket=aws.bucket.name, Key=full_key)
    create_model(name, aws.objects.uri(key), plan)
    create_config(name, plan)
    create_endpoint(config.endpoint_name, name, plan)
    return [
        *aws.lines(),
        (
            f"if the project has an endpoint {config.endpoint_name} (sagemaker:ListTags shows its tag), "
            "sagemaker:UpdateEndpoint with the new config takes the last call's place: the old container answers until "
            "the new one passes /ping"
        ),
        *ASKED_BEFORE,
        (
            "asked of what was made: sagemaker:DescribeModel, sagemaker:DescribeEndpointConfig, and "
            "sagemaker:DescribeEndpoint until it is InService; where it fails, also logs:DescribeLogStreams, "
            "logs:GetLogEvents"
        ),
        "it is billed until `lgbm-sm cleanup` has deleted it",
    ]


def _image_uri(workspace: Workspace, region: str) -> str:
    """AWS's own image; empty where it is one of ours."""
    if workspace.config.container.pattern is not Pattern.SCRIPT_MODE:
        return ""
    try:
        return xgboost.image_uri(workspace.config.container.xgboost_version, region)
    except ConfigError as error:
        return f"<{error.message}>"
