"""`deploy` on SageMaker: a model, an endpoint config, and an endpoint that is created, or updated without a gap."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from msgspec import structs

from lgbm_sm.aws_entries import delete_from_aws
from lgbm_sm.backends import opt_ml
from lgbm_sm.backends.deletion import delete
from lgbm_sm.backends.sagemaker import SageMakerBackend
from lgbm_sm.backends.sagemaker_hosting import (
    HostingPlan,
    create_config,
    create_endpoint,
    create_model,
    update_endpoint,
)
from lgbm_sm.deploy import last_log_lines, unpack
from lgbm_sm.entries import Endpoint, EndpointConfig, EndpointStatus, Model, Place
from lgbm_sm.errors import AwsError, EndpointError, LgbmSmError, TimedOutError
from lgbm_sm.model_code import ModelCode
from lgbm_sm.progress import Reporter
from lgbm_sm.record import Record
from lgbm_sm.s3_manifest import ProjectObjects
from lgbm_sm.troubles import find_troubles

ARTIFACTS_FOLDER = "models/"
# beyond the container's own start: an instance is found, the image and the model are fetched
_PROVISION_SECONDS = 1800.0
_CHANGING = ("Creating", "Updating", "SystemUpdating", "RollingBack")
_SAID_EVERY_SECONDS = 60.0


@dataclass(frozen=True)
class Deployment:
    """One deployment under `name`, which its model, its config, its artifact and its folder share.

    `endpoint` is as it is to be; `before` what it was, where it is updated.
    """

    name: str
    endpoint: Endpoint
    before: Endpoint | None
    plan: HostingPlan
    record: Record
    objects: ProjectObjects
    backend: SageMakerBackend
    reporter: Reporter

    @property
    def artifact_key(self) -> str:
        return f"{ARTIFACTS_FOLDER}{self.name}/model.tar.gz"


def find_updatable(record: Record, project: str, backend: SageMakerBackend, region: str) -> Endpoint | None:
    """The project's endpoint in the region that can be updated in place.

    Raises:
        EndpointError: it is changing right now.
        AwsError: AWS refuses a call, or does not answer.
    """
    for endpoint in reversed(record.endpoints(project)):
        if endpoint.place is not Place.AWS or endpoint.region != region:
            continue
        found = backend.resources(endpoint).find_endpoint(endpoint.name)
        status = found["EndpointStatus"] if found else ""
        if status in _CHANGING:
            raise EndpointError(
                f"endpoint {endpoint.name} is {status}: SageMaker does not update it now",
                "`lgbm-sm status` shows when it is InService",
            )
        if status == EndpointStatus.IN_SERVICE:
            return endpoint
    return None


def deploy_to_sagemaker(deployment: Deployment, artifact_path: Path, code: ModelCode) -> Endpoint:
    """Lay the artifact out anew for the pattern, in a file of its own; put it into S3; create or update the endpoint.

    Whatever is made is on record before. What the endpoint had before goes once the new deployment is in service;
    where that does not come up, it goes on serving, and the new parts go.

    Raises:
        EndpointError: the artifact is damaged, or the endpoint did not come up; carries the container's last lines.
        TimedOutError: it is still changing after all the time that it may take. It stays, and is on record.
        AwsError: AWS refuses a call, or does not answer.
        KeyboardInterrupt: passed on; an endpoint that changes cannot be stopped, so it stays, and is on record.
    """
    try:
        _make_parts(deployment, artifact_path, code)
        if deployment.backend.accounts.rehearsal:
            deployment.record.remove_folder(deployment.endpoint.folder)
            return deployment.endpoint
    except (EndpointError, AwsError) as error:
        _withdraw(deployment, error)
        raise
    try:
        _wait_until_in_service(deployment)
    except EndpointError as error:
        _withdraw(deployment, error)
        raise
    except AwsError as error:
        # nobody knows what became of it, so nothing is taken from under it
        said = f"{error.message}; endpoint {deployment.endpoint.name} was changing then"
        raise AwsError(said, f"{error.hint}; `lgbm-sm status` shows what became of it", error.code) from error
    in_service = structs.replace(deployment.endpoint, status=EndpointStatus.IN_SERVICE)
    if not deployment.record.update(in_service):
        raise EndpointError(f"endpoint {in_service.name} was deleted by another command meanwhile", "deploy again")
    _delete_replaced(deployment)
    return in_service


def _make_parts(deployment: Deployment, artifact_path: Path, code: ModelCode) -> None:
    name, plan, record = deployment.name, deployment.plan, deployment.record
    packed_path = _pack(deployment, artifact_path, code)
    deployment.objects.upload(
        {deployment.artifact_key: packed_path},
        lambda sent, total: deployment.reporter.progress("sent", sent, total),
    )
    packed_path.unlink()
    parts = _part_fields(deployment)
    record.add(Model(name=name, **parts))
    create_model(name, deployment.objects.uri(deployment.artifact_key), plan)
    record.add(EndpointConfig(name=name, **parts))
    create_config(name, plan)
    record.add(deployment.endpoint)
    if deployment.before is None:
        create_endpoint(deployment.endpoint.name, name, plan)
    else:
        update_endpoint(deployment.endpoint.name, name, plan)


def _pack(deployment: Deployment, artifact_path: Path, code: ModelCode) -> Path:
    """The archive of the tree that a server finds; the tree stays, for `predict` to know the model's columns by."""
    root_path = deployment.endpoint.root_path
    unpack(root_path, artifact_path, code)
    path = deployment.endpoint.folder / "model.tar.gz"
    opt_ml.pack(root_path / "model", path)
    return path


def _part_fields(deployment: Deployment) -> dict[str, Any]:
    endpoint = deployment.endpoint
    now: datetime = endpoint.created_at
    return {
        "project": endpoint.project,
        "place": Place.AWS,
        "created_at": now,
        "account": endpoint.account,
        "region": endpoint.region,
        "endpoint": endpoint.name,
    }


def _wait_until_in_service(deployment: Deployment) -> None:
    endpoint, backend, reporter = deployment.endpoint, deployment.backend, deployment.reporter
    timeout_seconds = deployment.plan.endpoint.startup_timeout_seconds + _PROVISION_SECONDS
    said, said_at = "", 0.0
    description: Mapping[str, Any] = {}
    for seconds in backend.patience.rounds(timeout_seconds):
        found = backend.resources(endpoint).find_endpoint(endpoint.name)
        if found is None:
            raise EndpointError(f"endpoint {endpoint.name} was deleted while it came up", "run `lgbm-sm deploy` again")
        description = found
        status = description["EndpointStatus"]
        if status != said or seconds - said_at >= _SAID_EVERY_SECONDS:
            said, said_at = status, seconds
            reporter.detail(f"{status} ({seconds:.0f} s)")
        if status not in _CHANGING:
            break
    else:
        raise TimedOutError(
            f"endpoint {endpoint.name} is still {said} after {timeout_seconds:.0f} s",
            "`lgbm-sm status` shows it, `lgbm-sm logs` what its container says, `lgbm-sm cleanup` deletes it",
        )
    # an update that failed leaves the endpoint in service, with the config that it had
    if description["EndpointStatus"] == "InService" and description["EndpointConfigName"] == deployment.name:
        return
    reason = str(description.get("FailureReason") or f"it is {description['EndpointStatus']}")
    lines = last_log_lines(endpoint, backend)
    log = f"; its log ends:{lines}" if lines else "; its container has written no log"
    known = find_troubles(reason + lines)
    hint = f"{known[0].cause} {known[0].remedy}" if known else "mend what the log names"
    raise EndpointError(f"endpoint {endpoint.name} did not come up: {reason}{log}", hint)


def _withdraw(deployment: Deployment, error: LgbmSmError) -> None:
    """Take away what the deployment has made; what cannot be is told, and stays on record."""
    record, endpoint = deployment.record, deployment.endpoint
    try:
        if deployment.before is None:
            delete(endpoint, record, deployment.backend)
        elif _is_taken_up(deployment):
            deployment.reporter.warn(f"endpoint {endpoint.name} has taken the update up: it keeps what it is made of")
            return
        else:
            record.remove_folder(endpoint.folder)
            record.update(deployment.before)
        _delete_parts(deployment, {deployment.name})
    except AwsError as other:
        if other.code != getattr(error, "code", None):
            deployment.reporter.warn(f"{other.message}; `lgbm-sm cleanup` deletes what is left")


def _is_taken_up(deployment: Deployment) -> bool:
    """Whether the endpoint has, or is changing to, the new config: a call whose answer was lost may have been heard."""
    endpoint = deployment.endpoint
    found = deployment.backend.resources(endpoint).find_endpoint(endpoint.name)
    return found is not None and (
        found["EndpointStatus"] in _CHANGING or found["EndpointConfigName"] == deployment.name
    )


def _delete_replaced(deployment: Deployment) -> None:
    names = {part.name for part in deployment.record.endpoint_parts(deployment.endpoint.name)} - {deployment.name}
    _delete_parts(deployment, names)
    if deployment.before is not None and deployment.before.folder != deployment.endpoint.folder:
        deployment.record.remove_folder(deployment.before.folder)


def _delete_parts(deployment: Deployment, names: set[str]) -> None:
    """Artifacts first: they are known by the models and configs on record, and so to the next deployment too."""
    for left in deployment.objects.delete_outdated([f"{ARTIFACTS_FOLDER}{name}/" for name in names]):
        deployment.reporter.warn(f"{left} is left")
    for part in deployment.record.endpoint_parts(deployment.endpoint.name):
        if part.name in names:
            delete_from_aws(part, deployment.record, deployment.backend.accounts)


def delete_endpoint(
    endpoint: Endpoint, record: Record, backend: SageMakerBackend, objects: ProjectObjects
) -> list[str]:
    """Delete an endpoint with its configs, its models and their artifacts. Returns why it is left."""
    names = {part.name for part in record.endpoint_parts(endpoint.name)}
    left = delete(endpoint, record, backend)
    for part in record.endpoint_parts(endpoint.name):
        left += delete_from_aws(part, record, backend.accounts)
    return [*left, *objects.delete_outdated([f"{ARTIFACTS_FOLDER}{name}/" for name in names])]
