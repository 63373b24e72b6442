"""Endpoints as the configuration wants them: on this machine, or on SageMaker."""

import dataclasses
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lgbm_sm import ecr
from lgbm_sm.aws.execution_role import get_execution_role
from lgbm_sm.aws.upload import open_objects
from lgbm_sm.backends import serving
from lgbm_sm.backends.deletion import delete
from lgbm_sm.backends.sagemaker.adoption import ANSWERING, Adoption, Consents
from lgbm_sm.backends.sagemaker.deployment import Deployment, delete_endpoint, deploy_to_sagemaker, find_existing
from lgbm_sm.backends.sagemaker.endpoints import HostingPlan
from lgbm_sm.backends.serving import ServingPlan
from lgbm_sm.config.instance_types import LOCAL, InstancePurpose, platform_of
from lgbm_sm.config.sections import Pattern
from lgbm_sm.doctor.quotas import WantedInstances, require_quota
from lgbm_sm.errors import ConfigError, DataError, EndpointError, EngineError, LgbmSmError
from lgbm_sm.images import xgboost
from lgbm_sm.images.build_context import image_recipe, image_tag
from lgbm_sm.model.code import ModelCode, model_code
from lgbm_sm.model.inference_source import REQUIREMENTS
from lgbm_sm.model.source import ModelSource, find_completed_job, find_model
from lgbm_sm.names import timestamped_name
from lgbm_sm.record.entries import Endpoint, EndpointStatus, Place
from lgbm_sm.verify.checks import Verdict
from lgbm_sm.verify.limits import Limits
from lgbm_sm.verify.run import sample_of, verify_before_deploy
from lgbm_sm.workspace import Workspace, choose_local_backend

# where no container of the configured pattern can be had
OTHER_SERVER = "a process runs pattern A's server, with the same answers"


def deploy_model(
    workspace: Workspace,
    model: str | None = None,
    *,
    replace: bool = True,
    unchecked: bool = False,
    consents: Consents = lambda _: False,
) -> Endpoint:
    """Bring up an endpoint for what `--model` names, by default the model of the project's last completed job.

    With `replace` it takes the place of the project's endpoint, on this machine or on SageMaker, wherever it is to be.
    Where `endpoint.verify` says so, what goes to SageMaker is run under the container contract here first: there it
    would take minutes to fail. A changed artifact is served only if `unchecked`. `consents` is asked before an endpoint
    is updated that may be another project's; see `Adoption.require_consent`.
    """
    source = find_model(model, workspace.record, workspace.config.project.name)
    if not unchecked:
        source.require_unchanged()
    if workspace.config.endpoint.instance_type != LOCAL:
        return _deploy_to_sagemaker(workspace, source, consents, replace=replace, unchecked=unchecked)
    plan = plan_local_serving(workspace)
    if unchecked:
        plan = dataclasses.replace(plan, code=plan.code.unchecked())
    name = timestamped_name(workspace.config.project.name, datetime.now(UTC))
    endpoint = _new_endpoint(workspace, plan.backend.place, source, name, name, image=plan.backend.image)
    workspace.record.make_folder(endpoint.folder)
    try:
        artifact_path = source.fetch(endpoint.folder, workspace.accounts, workspace.config.aws.region)
    except (LgbmSmError, KeyboardInterrupt):
        workspace.record.remove_folder(endpoint.folder)
        raise
    return serving.deploy(
        endpoint,
        artifact_path,
        plan,
        record=workspace.record,
        backends=workspace.backends,
        reporter=workspace.reporter,
        timeout_seconds=workspace.config.endpoint.startup_timeout_seconds,
        replace=replace,
    )


def rehearse_deployment(workspace: Workspace, model: str | None, *, unchecked: bool = False) -> None:
    """Note the calls of a deployment; on this machine there are none.

    Raises:
        As `deploy_model` does, as far as that is known before.
    """
    check_serving(workspace)
    source = find_model(model, workspace.record, workspace.config.project.name)
    if not unchecked:
        source.require_unchanged()
    if workspace.config.endpoint.instance_type != LOCAL:
        _deploy_to_sagemaker(workspace, source, lambda _: True, replace=True, unchecked=unchecked)


def check_serving(workspace: Workspace) -> None:
    """Refuse what cannot be served, before there is a model to serve."""
    if workspace.config.endpoint.instance_type == LOCAL:
        plan_local_serving(workspace)
    else:
        _code_for_sagemaker(workspace)


def plan_local_serving(workspace: Workspace) -> ServingPlan:
    """How a model would be served on this machine; refuses what cannot be served there."""
    backend, because = choose_local_backend(workspace, workspace.config.container.pattern)
    code = model_code(workspace.config, workspace.folder, workspace.containers_path, in_container=backend.in_container)
    is_other = not backend.in_container and workspace.config.container.pattern is not Pattern.BYOC
    return ServingPlan(backend, f"{because}; {OTHER_SERVER}" if is_other else because, code)


def get_endpoint(workspace: Workspace) -> Endpoint:
    """The project's endpoint that is in service, on this machine or on SageMaker, as the configuration says.

    On SageMaker one that is not on record is adopted, and of one that another folder has updated since, what is there.

    Raises:
        EndpointError: there is none, or its server has ended.
        AwsError: AWS refuses a call, or does not answer.
    """
    project, instance_type = workspace.config.project.name, workspace.config.endpoint.instance_type
    on_record = workspace.record.endpoints(project)
    if instance_type != LOCAL:
        endpoint = _find_on_sagemaker(workspace)
        here = [one for one in on_record if one.place is not Place.AWS]
    else:
        in_service = [one for one in on_record if one.status is EndpointStatus.IN_SERVICE]
        endpoint = next((one for one in reversed(in_service) if one.place is not Place.AWS), None)
        here = in_service
    if endpoint is None:
        elsewhere = f"; {here[-1].name} is elsewhere" if here else ""
        raise EndpointError(
            f"project {project} has no endpoint in service with endpoint.instance_type: {instance_type}{elsewhere}",
            "run `lgbm-sm deploy` first"
            if find_completed_job(workspace.record, project)
            else "`lgbm-sm run --keep` prepares the data, trains and deploys",
        )
    if endpoint.place is Place.AWS:
        _adoption(workspace, endpoint).fetch_model(endpoint)
        return endpoint
    backend = workspace.backends[endpoint.place]
    if not backend.is_running(endpoint):
        raise EndpointError(
            f"the server of endpoint {endpoint.name} has ended; its log ends:"
            f"{serving.last_log_lines(endpoint, backend)}",
            "run `lgbm-sm deploy` to replace it",
        )
    return endpoint


def adopt_unknown(workspace: Workspace) -> None:
    """Put the project's endpoint on SageMaker on record, if endpoints are there and none is known.

    Raises:
        AwsError: AWS refuses a call, or does not answer.
    """
    known = workspace.record.endpoints(workspace.config.project.name)
    if workspace.config.endpoint.instance_type != LOCAL and not any(one.place is Place.AWS for one in known):
        _find_on_sagemaker(workspace)


def _adoption(workspace: Workspace, endpoint: Endpoint | None = None) -> Adoption:
    """In the account and the region of the endpoint, by default those of the configuration."""
    region = endpoint.region if endpoint else workspace.config.aws.region
    account = workspace.accounts.get(region, endpoint.account if endpoint else None)
    return Adoption(account, workspace.sagemaker, workspace.record, workspace.reporter)


def _find_on_sagemaker(workspace: Workspace) -> Endpoint | None:
    """The endpoint that answers: `endpoint.name`, else one on record, else one with the project's tag.

    Raises:
        EndpointError: it does not answer now.
    """
    adoption = _adoption(workspace)
    recorded = [one for one in workspace.record.endpoints(workspace.config.project.name) if one.place is Place.AWS]
    found = adoption.find_named()
    if found is None:
        for endpoint in reversed(recorded):
            described = workspace.sagemaker.resources(endpoint).find_endpoint(endpoint.name)
            if described and described["EndpointStatus"] in ANSWERING:
                return _adoption(workspace, endpoint).adopt(described, endpoint)
        found = adoption.find_tagged()
    if found is None:
        return None
    if found["EndpointStatus"] not in ANSWERING:
        raise EndpointError(
            f"endpoint {found['EndpointName']} is {found['EndpointStatus']}, and does not answer",
            "`lgbm-sm status` shows its state, `lgbm-sm logs` its log; then run `lgbm-sm deploy`",
        )
    return adoption.adopt(found, adoption.find_recorded(found["EndpointName"]))


def take_down(workspace: Workspace, endpoint: Endpoint) -> None:
    """Delete an endpoint, wherever it is, with all that it is made of."""
    if endpoint.place is not Place.AWS:
        delete(endpoint, workspace.record, workspace.backends[endpoint.place])
        return
    account = workspace.accounts.get(endpoint.region, endpoint.account)
    objects = open_objects(
        workspace.config.aws,
        project=endpoint.project,
        account=account,
        record=workspace.record,
        now=datetime.now(UTC),
    )
    for left in delete_endpoint(endpoint, workspace.record, workspace.sagemaker, objects):
        workspace.reporter.warn(f"{left} is left")


def _new_endpoint(
    workspace: Workspace, place: Place, source: ModelSource, deployment_name: str, endpoint_name: str, **fields: Any
) -> Endpoint:
    return Endpoint(
        name=endpoint_name,
        project=workspace.config.project.name,
        place=place,
        created_at=datetime.now(UTC),
        folder=workspace.record.endpoints_path / deployment_name,
        training_job=source.name,
        **fields,
    )


def _deploy_to_sagemaker(
    workspace: Workspace, source: ModelSource, consents: Consents, *, replace: bool, unchecked: bool
) -> Endpoint:
    """Without `replace` the endpoint is one for a while, with the time in its name: nobody else takes it over."""
    config, record = workspace.config, workspace.record
    code = _code_for_sagemaker(workspace)
    if unchecked:
        code = code.unchecked()
    account = workspace.accounts.get(config.aws.region)
    project = config.project.name
    role_arn = get_execution_role(account, config)
    plan = HostingPlan(
        account=account,
        role_arn=role_arn,
        image=_image(workspace, account.region),
        environment=code.environment,
        endpoint=config.endpoint,
        section=config.aws,
        tags=workspace.tags,
        patience=workspace.sagemaker.patience,
    )
    name = timestamped_name(project, datetime.now(UTC))
    endpoint_name = config.endpoint_name if replace else name
    adoption = _adoption(workspace)
    existing = find_existing(adoption, endpoint_name)
    adoption.require_consent(endpoint_name, consents)
    wanted = WantedInstances(InstancePurpose.ENDPOINT, config.endpoint.instance_type, config.endpoint.instance_count)
    require_quota(account, wanted, workspace.reporter)
    where = {"account": account.account_id, "region": account.region}
    endpoint = _new_endpoint(workspace, Place.AWS, source, name, endpoint_name, image=plan.image, **where)
    what = "updated in place" if existing else "created"
    workspace.reporter.step(f"Endpoint {endpoint.name}: {plan.describe()}, model of {source.name}, {what}")
    record.make_folder(endpoint.folder)
    try:
        artifact_path = source.fetch(endpoint.folder, workspace.accounts, account.region)
        serving.check_artifact(artifact_path, code, source.name)
        if config.endpoint.verify and not workspace.rehearsal:
            _verify(workspace, artifact_path, code)
        objects = open_objects(config.aws, project=project, account=account, record=record, now=endpoint.created_at)
    except (LgbmSmError, KeyboardInterrupt):
        record.remove_folder(endpoint.folder)
        raise
    deployment = Deployment(name, endpoint, plan, record, objects, workspace.sagemaker, workspace.reporter)
    return deploy_to_sagemaker(deployment, artifact_path, code)


def _verify(workspace: Workspace, artifact_path: Path, code: ModelCode) -> None:
    """Run the image with the model under the container contract, where this machine can."""
    tag = _image_tag(workspace)
    try:
        if not workspace.engine.has_image(tag):
            workspace.reporter.detail(f"not verified before: the engine does not hold {tag}")
            return
    except EngineError as error:
        workspace.reporter.detail(f"not verified before: {error.message}")
        return
    try:
        request = sample_of(workspace.data_path)
    except DataError:  # a model of other data
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


def _code_for_sagemaker(workspace: Workspace) -> ModelCode:
    config = workspace.config
    code = model_code(config, workspace.folder, workspace.containers_path, in_container=True)
    if config.aws.network_isolation and REQUIREMENTS in code.files:
        raise ConfigError(
            f"aws.network_isolation: true: pattern {config.container.pattern} installs {REQUIREMENTS} when it starts, "
            "which takes a network",
            "set aws.network_isolation: false, or build an image that has the packages (container.pattern: byoc)",
        )
    return code


def _image(workspace: Workspace, region: str) -> str:
    config = workspace.config
    if config.container.pattern is Pattern.SCRIPT_MODE:
        return xgboost.image_uri(config.container.xgboost_version, region)
    account = workspace.accounts.get(config.aws.region)
    return ecr.get_deployed_uri(_image_tag(workspace), account, workspace.record)


def _image_tag(workspace: Workspace) -> str:
    """The name of the image that serves, as the engine of this machine knows it."""
    config = workspace.config
    if config.container.pattern is Pattern.SCRIPT_MODE:
        return xgboost.xgboost_tag(config)
    platform = platform_of(config.endpoint.instance_type) or ""
    return image_tag(image_recipe(config, config.container.pattern, workspace.containers_path, platform))
