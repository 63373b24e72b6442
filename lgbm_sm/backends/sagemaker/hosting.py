"""Endpoints on SageMaker: create, find and call them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from lgbm_sm.aws.account import AwsAccount
from lgbm_sm.aws.channel_upload import open_objects
from lgbm_sm.aws.execution_role import get_execution_role
from lgbm_sm.aws.s3_manifest import ProjectObjects
from lgbm_sm.backends.sagemaker.adoption import ANSWERING, Adoption, Consents
from lgbm_sm.backends.sagemaker.backend import SageMakerBackend
from lgbm_sm.backends.sagemaker.deployment import Deployment, delete_endpoint, deploy_to_sagemaker, find_existing
from lgbm_sm.backends.sagemaker.endpoints import HostingPlan
from lgbm_sm.backends.unpacking import check_artifact
from lgbm_sm.errors import AwsError, EndpointError, LgbmSmError
from lgbm_sm.invocation.transport import RuntimeSender, Sender
from lgbm_sm.model.code import ModelCode
from lgbm_sm.model.source import ModelSource
from lgbm_sm.names import timestamped_name
from lgbm_sm.record.entries import Endpoint, aws_fields
from lgbm_sm.record.record import Record


@dataclass(frozen=True)
class HostingRequest:
    """A model to deploy, and the checks before the deployment.

    With `replace`, the project's endpoint is created or updated. Without it, the endpoint is temporary: its name
    contains the time, and no other command adopts it. `find_image` returns the address of the image, with its digest.
    `verify` runs the image with the artifact on this machine. `consents` asks the user before an update of an endpoint
    that may belong to another project.
    """

    source: ModelSource
    code: ModelCode
    replace: bool
    find_image: Callable[[AwsAccount], str]
    check_quota: Callable[[AwsAccount], None]
    verify: Callable[[Path], None]
    consents: Consents


@dataclass(frozen=True, kw_only=True)
class SageMakerHosting(SageMakerBackend):
    """The SageMaker backend for endpoints."""

    def deploy(self, request: HostingRequest) -> Endpoint:
        """Create or update an endpoint.

        All checks come first: role, image, state of the endpoint, consent, quota, artifact. The errors are those of
        `deploy_to_sagemaker`.
        """
        config, record, account, source = self.config, self.record, self.account(), request.source
        plan = HostingPlan(
            account=account,
            role_arn=get_execution_role(account, config),
            image=request.find_image(account),
            environment=request.code.environment,
            endpoint=config.endpoint,
            section=config.aws,
            tags=self.make_tags,
            patience=self.patience,
        )
        created_at = datetime.now(UTC)
        name = timestamped_name(self.project, created_at)
        endpoint = Endpoint(
            name=self.endpoint_name if request.replace else name,
            **aws_fields(account, self.project, created_at),
            folder=record.endpoints_path / name,
            training_job=source.name,
            image=plan.image,
        )
        adoption = self._adoption()
        existing = find_existing(adoption, endpoint.name)
        adoption.require_consent(endpoint.name, request.consents)
        request.check_quota(account)
        effect = "updated in place" if existing else "created"
        self.reporter.step(f"Endpoint {endpoint.name}: {plan.describe()}, model of {source.name}, {effect}")
        record.make_folder(endpoint.folder)
        try:
            artifact_path = source.fetch(endpoint.folder, self.accounts, account.region)
            check_artifact(artifact_path, request.code, source.name)
            request.verify(artifact_path)
            objects = self._objects(account, self.project)
        except (LgbmSmError, KeyboardInterrupt):
            record.remove_folder(endpoint.folder)
            raise
        deployment = Deployment(name, endpoint, plan, record, objects, self, self.reporter)
        return deploy_to_sagemaker(deployment, artifact_path, request.code)

    def find_endpoint(self) -> Endpoint | None:
        """Find the project's endpoint that answers requests.

        Look first for the configured name (`endpoint.name`), then for a recorded endpoint, then for an endpoint with
        the project's tag. Update the record if it does not contain the endpoint, or if another work folder has updated
        the endpoint.

        Raises:
            EndpointError: the endpoint does not answer requests in its current state.
        """
        adoption = self._adoption()
        found = adoption.find_named()
        if found is None:
            for endpoint in reversed(self._recorded()):
                described = self.resources(endpoint).find_endpoint(endpoint.name)
                if described and described["EndpointStatus"] in ANSWERING:
                    return self._adoption(endpoint).adopt(described, endpoint)
            found = adoption.find_tagged()
        if found is None:
            return None
        if found["EndpointStatus"] not in ANSWERING:
            raise EndpointError(
                f"endpoint {found['EndpointName']} is {found['EndpointStatus']}, and does not answer",
                "`lgbm-sm status` shows its state, `lgbm-sm logs` shows its log; then run `lgbm-sm deploy`",
            )
        return adoption.adopt(found, adoption.find_recorded(found["EndpointName"]))

    def adopt_unknown(self) -> None:
        """Record the project's endpoint if the record contains no endpoint.

        Raises:
            AwsError: AWS refuses a call, or does not answer.
        """
        if not self._recorded():
            self.find_endpoint()

    def require_answering(self, endpoint: Endpoint) -> None:
        """Download the model of the endpoint, unless this machine already has it.

        Requests need the names of the model's columns.
        """
        self._adoption(endpoint).fetch_model(endpoint)

    def open_sender(self, endpoint: Endpoint, headers: Mapping[str, str], parallel: int) -> Sender:
        """See ServingBackend. The client calls the SageMaker Runtime API."""
        account = self.accounts.get(endpoint.region, endpoint.account)
        return RuntimeSender(endpoint.name, account, headers, parallel)

    def take_down(self, endpoint: Endpoint, record: Record) -> list[str]:
        """See ServingBackend. Delete the endpoint, its endpoint configs, models and artifacts."""
        account = self.accounts.get(endpoint.region, endpoint.account)
        return delete_endpoint(endpoint, record, self, self._objects(account, endpoint.project))

    def warn_of_several_endpoints(self) -> None:
        """Warn about more endpoints of the project in the accounts that this command called.

        AWS bills each endpoint.
        """
        for account in self.accounts.reached:
            try:
                Adoption(account, self, self.record, self.reporter).warn_of_several()
            except AwsError as error:
                self.reporter.trace(f"could not look for other endpoints of the project: {error.message}")

    def _recorded(self) -> list[Endpoint]:
        return [endpoint for endpoint in self.record.endpoints(self.project) if not endpoint.is_local]

    def _adoption(self, endpoint: Endpoint | None = None) -> Adoption:
        """Return an Adoption for the account and region of the endpoint. The default is those of the configuration."""
        account = self.accounts.get(endpoint.region, endpoint.account) if endpoint else self.account()
        return Adoption(account, self, self.record, self.reporter)

    def _objects(self, account: AwsAccount, project: str) -> ProjectObjects:
        return open_objects(self.section, project=project, account=account, record=self.record, now=datetime.now(UTC))
