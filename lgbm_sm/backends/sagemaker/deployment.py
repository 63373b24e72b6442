"""One deployment on SageMaker: a model, an endpoint config, and a new or updated endpoint."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from msgspec import structs

from lgbm_sm.aws.resources import delete_recorded, endpoint_parts
from lgbm_sm.aws.resources.endpoint import CHANGING, deployed_configs
from lgbm_sm.aws.resources.endpoint_config import EndpointConfig
from lgbm_sm.aws.resources.model import Model
from lgbm_sm.aws.s3_files import read_file
from lgbm_sm.aws.s3_manifest import ProjectObjects
from lgbm_sm.aws.sagemaker_lookup import SageMakerResources
from lgbm_sm.backends import opt_ml
from lgbm_sm.backends.deletion import delete
from lgbm_sm.backends.logs import last_log_lines
from lgbm_sm.backends.sagemaker.adoption import ANSWERING, ARTIFACTS_FOLDER, Adoption, Description
from lgbm_sm.backends.sagemaker.backend import SageMakerBackend
from lgbm_sm.backends.sagemaker.creation import created_error, describe_created
from lgbm_sm.backends.sagemaker.endpoint_claim import Claim, follow_up, require_ours, require_updatable
from lgbm_sm.backends.sagemaker.endpoints import HostingPlan, create_config, create_model
from lgbm_sm.backends.unpacking import unpack
from lgbm_sm.errors import AwsError, DataError, EndpointError, LgbmSmError, TimedOutError
from lgbm_sm.known_issues.lookup import find_issues
from lgbm_sm.model.code import ModelCode
from lgbm_sm.progress import Reporter
from lgbm_sm.record.entries import Endpoint, EndpointStatus, aws_fields
from lgbm_sm.record.file_lock import FileLock
from lgbm_sm.record.record import Record

# the time before the container starts: SageMaker finds an instance, and fetches the image and the model
_PROVISION_SECONDS = 1800.0
_SAID_EVERY_SECONDS = 60.0


@dataclass(frozen=True)
class Deployment:
    """One deployment.

    Its model, endpoint config, artifact and folder all have the same `name`. `endpoint` is the entry for a new
    endpoint. If the endpoint already exists, it is updated.
    """

    name: str
    endpoint: Endpoint
    plan: HostingPlan
    record: Record
    objects: ProjectObjects
    backend: SageMakerBackend
    reporter: Reporter

    @property
    def artifact_key(self) -> str:
        return f"{ARTIFACTS_FOLDER}{self.name}/model.tar.gz"

    @property
    def resources(self) -> SageMakerResources:
        return self.backend.resources(self.endpoint)

    @property
    def adoption(self) -> Adoption:
        return Adoption(self.plan.account, self.backend, self.record, self.reporter)

    @property
    def timeout_seconds(self) -> float:
        return self.plan.endpoint.startup_timeout_seconds + _PROVISION_SECONDS


@dataclass
class _Taken:
    """The state of the endpoint during a deployment.

    `now` is its current entry. `before` is its entry before the update.
    """

    deployment: Deployment
    now: Endpoint
    before: Endpoint | None = None
    config_before: str | None = None  # an empty string if the deployment creates the endpoint

    def prepare(self, found: Description | None) -> None:
        """Record the endpoint before it is created or updated. `Claim` calls this method."""
        new, record = self.deployment.endpoint, self.deployment.record
        if found is None:
            self.now, self.before = structs.replace(new, deployed_at=self.now.deployed_at), None
            self.config_before = ""
        else:
            recorded = self.deployment.adoption.find_recorded(found["EndpointName"])
            if recorded and recorded.folder == new.folder:  # the entry is from an earlier attempt of this deployment
                recorded = self.before
            self.before = self.deployment.adoption.adopt(found, recorded)
            self.config_before = str(found["EndpointConfigName"])
            self.now = structs.replace(
                self.before,
                status=EndpointStatus.UPDATING,
                folder=new.folder,
                image=new.image,
                training_job=new.training_job,
                deployed_at=self.now.deployed_at,
            )
        record.add(self.now)


def find_existing(adoption: Adoption, name: str) -> Description | None:
    """Return the endpoint with this name, or None if a deployment would create it.

    Raises:
        EndpointError: the endpoint is not the project's, or SageMaker cannot update it in its current state.
        AwsError: AWS refuses a call, or does not answer.
    """
    found = adoption.resources.find_endpoint(name)
    if found is None or found["EndpointStatus"] == EndpointStatus.DELETING:
        return None
    require_ours(found, adoption.backend.project, adoption.resources)
    require_updatable(found)
    return None if found["EndpointStatus"] == EndpointStatus.FAILED else found


def deploy_to_sagemaker(deployment: Deployment, artifact_path: Path, code: ModelCode) -> Endpoint:
    """Repackage the artifact, upload it, and create or update the endpoint.

    Each part is recorded before it is created. When the new deployment is in service, the old parts are deleted. If the
    new deployment fails, the old model continues to serve, and the new parts are deleted.

    Raises:
        EndpointError: the artifact is damaged, the endpoint did not start, the endpoint is not the project's, or
            another command has updated the endpoint.
        TimedOutError: the endpoint is still changing after the time limit. It stays, and the record contains it.
        AwsError: AWS refuses a call, or does not answer.
        KeyboardInterrupt: the user pressed Ctrl-C. SageMaker cannot stop the change of an endpoint, so the endpoint
            stays, and the record contains it.
    """
    if deployment.backend.accounts.dry_run:
        _make_parts(deployment, _Taken(deployment, deployment.endpoint), artifact_path, code)
        deployment.record.remove_folder(deployment.endpoint.folder)
        return deployment.endpoint
    # a deployment deletes the parts of earlier deployments, so two deployments must not run at the same time
    lock_path = deployment.record.work_path / "deploy.lock"
    with FileLock(lock_path, say=deployment.reporter.detail, timeout_seconds=deployment.timeout_seconds).held():
        return _deploy(deployment, artifact_path, code)


def _deploy(deployment: Deployment, artifact_path: Path, code: ModelCode) -> Endpoint:
    taken = _Taken(deployment, deployment.endpoint)
    try:
        _make_parts(deployment, taken, artifact_path, code)
    except (EndpointError, AwsError, DataError, TimedOutError) as error:
        raise _withdrawn(deployment, taken, error) from error
    try:
        _wait_until_in_service(deployment, taken)
    except EndpointError as error:
        raise _withdrawn(deployment, taken, error) from error
    in_service = structs.replace(taken.now, status=EndpointStatus.IN_SERVICE)
    if not deployment.record.update(in_service):
        message = f"another command deleted endpoint {in_service.name} during the deployment"
        raise EndpointError(message, "run `lgbm-sm deploy` again")
    _delete_replaced(deployment, taken)
    return in_service


def _make_parts(deployment: Deployment, taken: _Taken, artifact_path: Path, code: ModelCode) -> None:
    name, plan, record = deployment.name, deployment.plan, deployment.record
    packed_path = _pack(deployment, artifact_path, code)
    deployment.objects.upload(
        {deployment.artifact_key: read_file(packed_path)},
        lambda sent, total: deployment.reporter.progress("sent", sent, total),
    )
    packed_path.unlink()
    parts = _part_fields(deployment)
    record.add(Model(name=name, **parts))
    create_model(name, deployment.objects.uri(deployment.artifact_key), plan)
    record.add(EndpointConfig(name=name, **parts))
    create_config(name, plan)
    taken.now = structs.replace(taken.now, deployed_at=_config_time(deployment))
    claim = Claim(
        name=deployment.endpoint.name,
        config=name,
        plan=plan,
        resources=deployment.resources,
        reporter=deployment.reporter,
        timeout_seconds=deployment.timeout_seconds,
        prepare=taken.prepare,
        is_dry_run=deployment.backend.accounts.dry_run is not None,
    )
    claim.make()


def _pack(deployment: Deployment, artifact_path: Path, code: ModelCode) -> Path:
    """Return the archive with the files for a server.

    The unpacked files are kept, because `predict` reads the columns from them.
    """
    root_path = deployment.endpoint.root_path
    remark = unpack(root_path, artifact_path, code)
    if remark:
        deployment.reporter.detail(remark)
    path = deployment.endpoint.folder / "model.tar.gz"
    opt_ml.pack(root_path / "model", path)
    return path


def _config_time(deployment: Deployment) -> datetime:
    """Return the creation time of the endpoint config.

    If AWS does not show it yet, use this machine's clock.
    """
    try:
        found = deployment.resources.find_config(deployment.name) or {}
    except AwsError:
        found = {}
    created_at: datetime = found.get("CreationTime", deployment.endpoint.created_at)
    return created_at


def _part_fields(deployment: Deployment) -> dict[str, Any]:
    endpoint = deployment.endpoint
    fields = aws_fields(deployment.plan.account, endpoint.project, endpoint.created_at)
    return {**fields, "endpoint": endpoint.name}


def _wait_until_in_service(deployment: Deployment, taken: _Taken) -> None:
    endpoint, backend, reporter = deployment.endpoint, deployment.backend, deployment.reporter
    what, resources = f"endpoint {endpoint.name}", deployment.resources
    description = describe_created(
        what, lambda: resources.find_endpoint(endpoint.name), backend.patience, follow=follow_up(endpoint.name)
    )
    said, said_at = "", 0.0
    for seconds in backend.patience.rounds(deployment.timeout_seconds):
        status = description["EndpointStatus"]
        if status != said or seconds - said_at >= _SAID_EVERY_SECONDS:
            said, said_at = status, seconds
            reporter.detail(f"{status} ({seconds:.0f} s)")
        if _is_in_service(description, deployment.name):
            return
        current = description["EndpointConfigName"]
        if current not in (deployment.name, taken.config_before):
            raise EndpointError(
                f"another command has deployed {what}: its endpoint config is now {current}, not {deployment.name}",
                "to serve this model, run `lgbm-sm deploy` again",
            )
        if status not in CHANGING:
            raise _not_come_up(deployment, description)
        try:
            found = resources.find_endpoint(endpoint.name)
        except AwsError as error:
            raise created_error(what, error, follow_up(endpoint.name)) from error
        if found is None:
            raise EndpointError(f"{what} was deleted while it was starting", "run `lgbm-sm deploy` again")
        description = found
    raise TimedOutError(
        f"{what} is still {said} after {deployment.timeout_seconds:.0f} s, and is billed",
        "`lgbm-sm status` shows its state, `lgbm-sm logs` shows its log, `lgbm-sm stop` deletes it",
    )


def _is_in_service(description: Description, config: str) -> bool:
    """Return whether the endpoint answers requests with this endpoint config.

    This is also true while another command updates the endpoint to a newer config.
    """
    if description["EndpointConfigName"] != config or description["EndpointStatus"] not in ("InService", "Updating"):
        return False
    return description["EndpointStatus"] == "InService" or deployed_configs(description)[1] != config


def _not_come_up(deployment: Deployment, description: Description) -> EndpointError:
    endpoint = structs.replace(deployment.endpoint, deployed_at=_config_time(deployment))
    # after a failed update, the endpoint stays in service with its old config
    reason = str(description.get("FailureReason") or f"it is {description['EndpointStatus']}")
    lines = last_log_lines(endpoint, deployment.backend)
    log = f"; its log ends:{lines}" if lines else "; its container has written no log"
    known = find_issues(reason + lines)
    hint = f"{known[0].cause} {known[0].fix}" if known else "fix the error shown in the log"
    return EndpointError(f"endpoint {endpoint.name} did not come up: {reason}{log}", hint)


def _withdrawn(deployment: Deployment, taken: _Taken, error: LgbmSmError) -> LgbmSmError:
    """Delete the new parts, unless the endpoint uses them.

    Return the error. Its message also says whether the old model still serves.
    """
    endpoint, resources = deployment.endpoint, deployment.resources
    try:
        found = resources.find_endpoint(endpoint.name)
        if found and deployment.name in deployed_configs(found) and found["EndpointStatus"] != EndpointStatus.FAILED:
            # SageMaker may have executed the call, although its answer was lost
            state = f"is {found['EndpointStatus']} with the parts that this command has created, and is billed"
            return _adding(error, f"endpoint {endpoint.name} {state}", follow_up(endpoint.name))
        if left := resources.delete_endpoint(endpoint.name, deployment.name):
            return _adding(error, f"endpoint {endpoint.name}: {', '.join(left)}", follow_up(endpoint.name))
        _forget(deployment, taken)
        _delete_parts(deployment, {deployment.name})
    except AwsError as other:
        if other.code != getattr(error, "code", None):
            deployment.reporter.warn(f"{other.message}; `lgbm-sm cleanup` deletes the parts that are left")
        return error
    is_old = found is not None and taken.config_before in (None, found["EndpointConfigName"])
    if found and is_old and found["EndpointStatus"] in ANSWERING:
        return _adding(error, f"endpoint {endpoint.name} still serves its old model")
    return error


def _forget(deployment: Deployment, taken: _Taken) -> None:
    deployment.record.remove_folder(deployment.endpoint.folder)
    recorded = deployment.adoption.find_recorded(deployment.endpoint.name)
    if taken.before:
        deployment.record.update(taken.before)
    elif recorded and recorded.folder == deployment.endpoint.folder:
        deployment.record.remove(recorded)


def _adding(error: LgbmSmError, said: str, hint: str = "") -> LgbmSmError:
    message, hint = f"{error.message}; {said}", "; ".join(filter(None, (error.hint, hint)))
    return AwsError(message, hint, error.code) if isinstance(error, AwsError) else type(error)(message, hint)


def _delete_replaced(deployment: Deployment, taken: _Taken) -> None:
    names = {part.name for part in endpoint_parts(deployment.record, deployment.endpoint.name)} - {deployment.name}
    _delete_parts(deployment, names)
    if taken.before and taken.before.folder != deployment.endpoint.folder:
        deployment.record.remove_folder(taken.before.folder)


def _delete_parts(deployment: Deployment, names: set[str]) -> None:
    """Delete the artifacts, then the endpoint configs and models.

    After an interruption, the next deployment needs the recorded models and configs to find the artifacts.
    """
    for left in deployment.objects.delete_folders([f"{ARTIFACTS_FOLDER}{name}/" for name in names]):
        deployment.reporter.warn(f"could not delete {left}")
    for part in endpoint_parts(deployment.record, deployment.endpoint.name):
        if part.name in names:
            delete_recorded(part, deployment.record, deployment.backend.accounts)


def delete_endpoint(
    endpoint: Endpoint, record: Record, backend: SageMakerBackend, objects: ProjectObjects
) -> list[str]:
    """Delete an endpoint, its endpoint configs, its models and their artifacts.

    Return a reason for each part that could not be deleted.
    """
    names = {part.name for part in endpoint_parts(record, endpoint.name)}
    left = delete(endpoint, record, backend.remove)
    for part in endpoint_parts(record, endpoint.name):
        left += delete_recorded(part, record, backend.accounts)
    return [*left, *objects.delete_folders([f"{ARTIFACTS_FOLDER}{name}/" for name in names])]
