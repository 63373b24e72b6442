"""Deploy: create, find and delete an endpoint on the configured backend."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from msgspec import structs

from lgbm_sm import ecr
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
from lgbm_sm.model.source import ModelSource, find_completed_job, find_model
from lgbm_sm.names import timestamped_name
from lgbm_sm.record.entries import Endpoint, EndpointStatus
from lgbm_sm.verify.checks import Verdict
from lgbm_sm.verify.limits import Limits
from lgbm_sm.verify.run import sample_of, verify_before_deploy
from lgbm_sm.workspace import Workspace, choose_local_backend, tag_of

# if no container of the configured pattern can be started
OTHER_SERVER = "a process runs pattern A's server, with the same answers"

Consents = Callable[[str], bool]
"""Asked a question before an endpoint is updated that another project may have created."""


def deploy_model(
    workspace: Workspace,
    model: str | None = None,
    *,
    replace: bool = True,
    unchecked: bool = False,
    consents: Consents = lambda _: False,
) -> Endpoint:
    """Bring up an endpoint for `--model`, by default the model of the last completed job.

    With `replace` it replaces the project's endpoint on the same backend. If `endpoint.verify` is set, the image is
    run here under the container contract before it goes to SageMaker, where a failure takes minutes. An artifact
    that was changed after training is served only if `unchecked`. `consents` is asked before an endpoint is updated
    that may be another project's; see `Adoption.require_consent`.
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
    """Record the AWS calls of a deployment; one on this machine makes none.

    Raises:
        The errors of `deploy_model` that are found before the first call.
    """
    check_serving(workspace)
    if workspace.config.endpoint.is_local:
        source = find_model(model, workspace.record, workspace.config.project.name)
        if not unchecked:
            source.require_unchanged()
    else:
        deploy_model(workspace, model, unchecked=unchecked, consents=lambda _: True)


def check_serving(workspace: Workspace) -> None:
    """Refuse a configuration that cannot serve, even before there is a model."""
    if workspace.config.endpoint.is_local:
        _choose_local(workspace)
    else:
        _code_for_sagemaker(workspace)


def get_endpoint(workspace: Workspace) -> Endpoint:
    """Return the project's endpoint in service on the configured backend.

    An endpoint on SageMaker that is not on record, or that another folder has updated, is put on record.

    Raises:
        EndpointError: there is none, or its server has ended.
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
    """Put the project's endpoint on SageMaker on record, if it exists and none is known."""
    if not workspace.config.endpoint.is_local:
        workspace.sagemaker.adopt_unknown()


def take_down(workspace: Workspace, endpoint: Endpoint) -> None:
    """Delete an endpoint with all its parts."""
    for left in workspace.backend_of(endpoint).take_down(endpoint, workspace.record):
        workspace.reporter.warn(f"{left} is left")


def _deploy_locally(workspace: Workspace, source: ModelSource, *, replace: bool, unchecked: bool) -> Endpoint:
    """Start a server on this machine; the older endpoints here are deleted once it answers."""
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
    except (LgbmSmError, KeyboardInterrupt):
        workspace.record.remove_folder(endpoint.folder)
        raise
    workspace.reporter.step(f"Endpoint {name}: {backend.describe()}, model of {source.name}")
    workspace.reporter.detail(because)
    if not backend.in_container:
        workspace.warn_of_other_containers()
    in_service = _bring_up(workspace, endpoint, artifact_path, backend, code.unchecked() if unchecked else code)
    for older in workspace.record.endpoints(endpoint.project):
        if replace and older.is_local and older.created_at < endpoint.created_at:
            workspace.reporter.detail(f"replaces {older.name}, which is deleted")
            delete(older, workspace.record, workspace.backend_of(older).remove)
    return in_service


def _bring_up(
    workspace: Workspace, endpoint: Endpoint, artifact_path: Path, backend: LocalBackend, code: ModelCode
) -> Endpoint:
    """Put the endpoint on record, start its server, and wait until it answers.

    Raises:
        EndpointError: the server ended before it answered /ping, or the artifact is damaged.
        TimedOutError: it did not answer in time.
        KeyboardInterrupt: passed on. In each case the endpoint is deleted.
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
        raise EndpointError(f"endpoint {endpoint.name} was deleted by another command while it came up", "deploy again")
    reporter.detail(f"in service at {server.url} after {time.monotonic() - started_at:.1f} s")
    return in_service


def _choose_local(workspace: Workspace) -> tuple[LocalBackend, str, ModelCode]:
    """Return the local backend, the reason for its choice, and the code to add to the model.

    Code that cannot be served is refused.
    """
    pattern = workspace.config.container.pattern
    backend, because = choose_local_backend(workspace, pattern)
    code = model_code(workspace.config, workspace.folder, workspace.containers_path, in_container=backend.in_container)
    if not backend.in_container and pattern is not Pattern.BYOC:
        because = f"{because}; {OTHER_SERVER}"
    return backend, because, code


def _hosting_request(
    workspace: Workspace, source: ModelSource, code: ModelCode, consents: Consents, *, replace: bool
) -> HostingRequest:
    """Return the request for a deployment on SageMaker, with the checks before it."""
    section, pattern = workspace.config.endpoint, workspace.config.container.pattern
    tag = tag_of(workspace, pattern, platform_of(section.instance_type) or "")
    wanted = WantedInstances(InstancePurpose.ENDPOINT, section.instance_type, section.instance_count)

    def find_image(account: AwsAccount) -> str:
        if pattern is Pattern.SCRIPT_MODE:
            return xgboost.image_uri(workspace.config.container.xgboost_version, account.region)
        return ecr.get_deployed_uri(tag, account, workspace.record)

    def verify(artifact_path: Path) -> None:
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
            f"aws.network_isolation: true: pattern {config.container.pattern} installs {REQUIREMENTS} when it starts, "
            "which requires a network",
            "set aws.network_isolation: false, or build an image that has the packages (container.pattern: byoc)",
        )
    return code


def _verify(workspace: Workspace, tag: str, artifact_path: Path, code: ModelCode) -> None:
    """Run the image with the model under the container contract, if this machine can."""
    try:
        if not workspace.engine.has_image(tag):
            workspace.reporter.detail(f"not verified first: Docker has no image {tag}")
            return
    except EngineError as error:
        workspace.reporter.detail(f"not verified first: {error.message}")
        return
    try:
        request = sample_of(workspace.data_path)
    except DataError:  # the model was trained on other data
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
