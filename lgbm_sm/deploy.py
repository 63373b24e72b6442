"""Create, find and delete an endpoint on the configured backend."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from msgspec import structs

from lgbm_sm import ecr
from lgbm_sm.as_trained import introduce, require_as_trained
from lgbm_sm.aws.account import AwsAccount
from lgbm_sm.backends.deletion import delete
from lgbm_sm.backends.local import LocalBackend
from lgbm_sm.backends.readiness import wait_until_ready
from lgbm_sm.backends.sagemaker.hosting import HostingRequest
from lgbm_sm.backends.unpacking import unpack
from lgbm_sm.config.instance_types import InstancePurpose, platform_of
from lgbm_sm.config.sections import Pattern
from lgbm_sm.doctor.quotas import WantedInstances, require_quota
from lgbm_sm.errors import ConfigError, DataError, EndpointError, EngineError, LgbmSmError
from lgbm_sm.images import xgboost
from lgbm_sm.model.code import ModelCode, model_code
from lgbm_sm.model.inference_source import REQUIREMENTS
from lgbm_sm.model.lineage import read_lineage
from lgbm_sm.model.source import ModelSource, find_completed_job, find_model
from lgbm_sm.names import timestamped_name
from lgbm_sm.record.entries import Endpoint, EndpointStatus
from lgbm_sm.verify.checks import Verdict
from lgbm_sm.verify.limits import Limits
from lgbm_sm.verify.run import sample_of, verify_before_deploy
from lgbm_sm.workspace import Workspace, choose_local_backend, tag_of

# shown if no container of the configured pattern can be started
OTHER_SERVER = "a process runs pattern A's server, which gives the same answers"

Consents = Callable[[str], bool]
"""Asks the user whether to update an endpoint that another project may have created."""


def deploy_model(
    workspace: Workspace,
    model: str | None = None,
    *,
    replace: bool = True,
    unchecked: bool = False,
    consents: Consents = lambda _: False,
) -> Endpoint:
    """Create an endpoint for the model that `--model` names.

    The default is the model of the last completed job. With `replace`, the new endpoint replaces the project's endpoint
    on the same backend. If `endpoint.verify` is set, `verify` first runs the image on this machine, because a failure
    on SageMaker takes minutes. An artifact that was changed after training is served only with `unchecked`. `consents`
    asks before the update of an endpoint that may belong to another project (see `Adoption.require_consent`).
    """
    source = find_model(model, workspace.record, workspace.config.project.name)
    if not unchecked:
        source.require_unchanged()
    if workspace.config.endpoint.is_local:
        return _deploy_locally(workspace, source, replace=replace, unchecked=unchecked)
    code = _code_for_sagemaker(workspace)
    request = _hosting_request(workspace, source, code.unchecked() if unchecked else code, consents, replace=replace)
    return workspace.sagemaker.deploy(request)


def plan_deployment(workspace: Workspace, model: str | None, *, unchecked: bool = False) -> None:
    """Collect the AWS calls of a deployment. A deployment on this machine makes no call.

    Raises the errors that `deploy_model` raises before its first call.
    """
    check_serving(workspace)
    if workspace.config.endpoint.is_local:
        source = find_model(model, workspace.record, workspace.config.project.name)
        if not unchecked:
            source.require_unchanged()
        if source.path is not None:
            _require_model(workspace, source, source.path)
    else:
        deploy_model(workspace, model, unchecked=unchecked, consents=lambda _: True)


def check_serving(workspace: Workspace) -> None:
    """Refuse a configuration that cannot serve. This check does not need a model."""
    if workspace.config.endpoint.is_local:
        _choose_local(workspace)
    else:
        _code_for_sagemaker(workspace)


def get_endpoint(workspace: Workspace) -> Endpoint:
    """Return the project's endpoint that is in service on the configured backend.

    If the endpoint on SageMaker is not on record, or if another folder has updated it, it is recorded here.

    Raises:
        EndpointError: no endpoint is in service, or its server has ended.
        AwsError: AWS refuses a call, or does not answer.
    """
    project, section = workspace.config.project.name, workspace.config.endpoint
    on_record = workspace.record.endpoints(project)
    if section.is_local:
        others = [endpoint for endpoint in on_record if endpoint.status is EndpointStatus.IN_SERVICE]
        endpoint = next((one for one in reversed(others) if one.is_local), None)
    else:
        others = [endpoint for endpoint in on_record if endpoint.is_local]
        endpoint = workspace.sagemaker.find_endpoint()
    if endpoint is None:
        elsewhere = f"; {others[-1].name} is elsewhere" if others else ""
        raise EndpointError(
            f"project {project} has no endpoint in service with endpoint.instance_type: {section.instance_type}"
            f"{elsewhere}",
            "run `lgbm-sm deploy` first"
            if find_completed_job(workspace.record, project)
            else "`lgbm-sm run --keep` prepares the data, trains and deploys",
        )
    workspace.backend_of(endpoint).require_answering(endpoint)
    return endpoint


def adopt_unknown(workspace: Workspace) -> None:
    """Record the project's endpoint on SageMaker, if it exists and the record has no endpoint."""
    if not workspace.config.endpoint.is_local:
        workspace.sagemaker.adopt_unknown()


def take_down(workspace: Workspace, endpoint: Endpoint) -> None:
    """Delete an endpoint with all its parts."""
    for left in workspace.backend_of(endpoint).take_down(endpoint, workspace.record):
        workspace.reporter.warn(f"{left} is left")


def _deploy_locally(workspace: Workspace, source: ModelSource, *, replace: bool, unchecked: bool) -> Endpoint:
    """Start a server on this machine. When it answers, delete the older endpoints here."""
    backend, because, code = _choose_local(workspace)
    created_at = datetime.now(UTC)
    name = timestamped_name(workspace.config.project.name, created_at)
    endpoint = Endpoint(
        name=name,
        project=workspace.config.project.name,
        place=backend.place,
        created_at=created_at,
        folder=workspace.record.endpoints_path / name,
        training_job=source.name,
        **backend.entry_fields(),
    )
    workspace.record.make_folder(endpoint.folder)
    try:
        artifact_path = source.fetch(endpoint.folder, workspace.accounts, workspace.config.aws.region)
        workspace.reporter.step(f"Endpoint {name}: {backend.describe()}, model of {source.name}")
        _require_model(workspace, source, artifact_path)
    except (LgbmSmError, KeyboardInterrupt):
        workspace.record.remove_folder(endpoint.folder)
        raise
    workspace.reporter.detail(because)
    if not backend.in_container:
        workspace.warn_of_other_containers()
    in_service = _bring_up(workspace, endpoint, artifact_path, backend, code.unchecked() if unchecked else code)
    for older in workspace.record.endpoints(endpoint.project):
        if replace and older.is_local and older.created_at < endpoint.created_at:
            workspace.reporter.detail(f"replaces {older.name} and deletes it")
            delete(older, workspace.record, workspace.backend_of(older).remove)
    return in_service


def _bring_up(
    workspace: Workspace, endpoint: Endpoint, artifact_path: Path, backend: LocalBackend, code: ModelCode
) -> Endpoint:
    """Record the endpoint, start its server, and wait until the server answers.

    After an error, the endpoint is deleted.

    Raises:
        EndpointError: the server ended before it answered /ping, or the artifact is damaged.
        TimedOutError: the server did not answer in time.
        KeyboardInterrupt: the user interrupted the command.
    """
    record, reporter = workspace.record, workspace.reporter
    record.add(endpoint)
    started_at = time.monotonic()
    try:
        remark = unpack(endpoint.root_path, artifact_path, code, endpoint.training_job)
        if remark:
            reporter.detail(remark)
        server = backend.start_serving(endpoint, code.environment)
        reporter.trace(f"{server.url}, log: {endpoint.log_path}")
        wait_until_ready(endpoint, server, backend, workspace.config.endpoint.startup_timeout_seconds)
    except (LgbmSmError, KeyboardInterrupt):
        delete(endpoint, record, backend.remove)
        raise
    in_service = structs.replace(endpoint, status=EndpointStatus.IN_SERVICE, url=server.url)
    if not record.update(in_service):
        delete(endpoint, record, backend.remove)
        raise EndpointError(
            f"endpoint {endpoint.name} was deleted by another command while it was starting",
            "run `lgbm-sm deploy` again",
        )
    reporter.detail(f"in service at {server.url} after {time.monotonic() - started_at:.1f} s")
    return in_service


def _choose_local(workspace: Workspace) -> tuple[LocalBackend, str, ModelCode]:
    """Return the local backend, the reason for the choice, and the code to add to the model.

    Raises ConfigError for code that cannot be served.
    """
    pattern = workspace.config.container.pattern
    backend, because = choose_local_backend(workspace, pattern)
    code = model_code(workspace.config, workspace.folder, workspace.containers_path, in_container=backend.in_container)
    if not backend.in_container and pattern is not Pattern.BYOC:
        because = f"{because}; {OTHER_SERVER}"
    return backend, because, code


def _require_model(workspace: Workspace, source: ModelSource, artifact_path: Path) -> None:
    """Report the model to serve, and refuse a `--set` that only a new training can use."""
    model = read_lineage(artifact_path, source.name, {job.name for job in workspace.record.training_jobs()})
    introduce(workspace, model)
    require_as_trained(workspace, model, "`lgbm-sm train`")


def _hosting_request(
    workspace: Workspace, source: ModelSource, code: ModelCode, consents: Consents, *, replace: bool
) -> HostingRequest:
    """Check the deployment on SageMaker, and return its request."""
    section, pattern = workspace.config.endpoint, workspace.config.container.pattern
    tag = tag_of(workspace, pattern, platform_of(section.instance_type) or "")
    wanted = WantedInstances(InstancePurpose.ENDPOINT, section.instance_type, section.instance_count)

    def find_image(account: AwsAccount) -> str:
        if pattern is Pattern.SCRIPT_MODE:
            return xgboost.image_uri(workspace.config.container.xgboost_version, account.region)
        return ecr.get_deployed_uri(tag, account, workspace.record)

    def verify(artifact_path: Path) -> None:
        _require_model(workspace, source, artifact_path)
        if section.verify and not workspace.dry_run:
            _verify(workspace, tag, artifact_path, code)

    return HostingRequest(
        source=source,
        code=code,
        replace=replace,
        find_image=find_image,
        check_quota=lambda account: require_quota(account, wanted, workspace.reporter),
        verify=verify,
        consents=consents,
    )


def _code_for_sagemaker(workspace: Workspace) -> ModelCode:
    config = workspace.config
    code = model_code(config, workspace.folder, workspace.containers_path, in_container=True)
    if config.aws.network_isolation and REQUIREMENTS in code.files:
        raise ConfigError(
            f"aws.network_isolation: true: pattern {config.container.pattern} needs a network, because it installs "
            f"{REQUIREMENTS} when it starts",
            "set aws.network_isolation: false, or build an image that has the packages (container.pattern: byoc)",
        )
    return code


def _verify(workspace: Workspace, tag: str, artifact_path: Path, code: ModelCode) -> None:
    """Check the image and the model with `verify`, if this machine has Docker and the image."""
    try:
        if not workspace.engine.has_image(tag):
            workspace.reporter.detail(f"not verified before the deployment: Docker has no image {tag}")
            return
    except EngineError as error:
        workspace.reporter.detail(f"not verified before the deployment: {error.message}")
        return
    try:
        request = sample_of(workspace.data_path)
    except DataError:  # the prepared data does not fit the model
        request = None
    report = verify_before_deploy(
        tag,
        artifact_path,
        code,
        engine=workspace.engine,
        request=request,
        platform=platform_of(workspace.config.endpoint.instance_type),
        limits=Limits(),
        tell=lambda result: workspace.reporter.trace(f"{result.check.name}: {result.verdict}"),
    )
    workspace.reporter.detail(f"verified under the container contract: {len(report.of(Verdict.PASS))} checks passed")
