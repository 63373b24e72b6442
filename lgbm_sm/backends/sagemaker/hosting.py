"""Endpoints on SageMaker, for `deploy` and the commands after it."""

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
    """A model to deploy, and the checks before it.

    With `replace` the project's endpoint is created or updated; else a temporary one, with the time in its name, which
    no other command adopts. `find_image` returns the image's address by its digest. `verify` runs the image with the
    artifact on this machine. `consents` is asked before an endpoint is updated that may be another project's.
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
    """The SageMaker backend with its endpoints."""

    def deploy(self, request: HostingRequest) -> Endpoint:
        """Create or update an endpoint.

        See `deploy_to_sagemaker` for what happens if it does not come up. All checks are made first: role, image, state
        of the endpoint, consent, quota, artifact.
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
        """Find the endpoint that answers.

        It is `endpoint.name`, else an endpoint on record, else one with the project's tag. It is recorded if it is new
        to the record, or if another folder has updated it.

        Raises:
            EndpointError: it does not answer now.
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
                "`lgbm-sm status` shows its state, `lgbm-sm logs` its log; then run `lgbm-sm deploy`",
            )
        return adoption.adopt(found, adoption.find_recorded(found["EndpointName"]))

    def adopt_unknown(self) -> None:
        """Put the project's endpoint on record if none is.

        Raises:
            AwsError: AWS refuses a call, or does not answer.
        """
        if not self._recorded():
            self.find_endpoint()

    def require_answering(self, endpoint: Endpoint) -> None:
        """Fetch the model that it serves, which names its columns, unless it is here; see Backend."""
        self._adoption(endpoint).fetch_model(endpoint)

    def open_sender(self, endpoint: Endpoint, headers: Mapping[str, str], parallel: int) -> Sender:
        """Return a client of SageMaker's runtime; see Backend."""
        account = self.accounts.get(endpoint.region, endpoint.account)
        return RuntimeSender(endpoint.name, account, headers, parallel)

    def take_down(self, endpoint: Endpoint, record: Record) -> list[str]:
        """Delete the endpoint with its configs, models and artifacts; see Backend."""
        account = self.accounts.get(endpoint.region, endpoint.account)
        return delete_endpoint(endpoint, record, self, self._objects(account, endpoint.project))

    def warn_of_several_endpoints(self) -> None:
        """Warn about further endpoints of the project in the accounts that were called.

        Each is billed.
        """
        for account in self.accounts.reached:
            try:
                Adoption(account, self, self.record, self.reporter).warn_of_several()
            except AwsError as error:
                self.reporter.trace(f"could not look for other endpoints of the project: {error.message}")

    def _recorded(self) -> list[Endpoint]:
        return [endpoint for endpoint in self.record.endpoints(self.project) if not endpoint.is_local]

    def _adoption(self, endpoint: Endpoint | None = None) -> Adoption:
        """Return the adoption for the endpoint's account and region, by default those of the configuration."""
        account = self.accounts.get(endpoint.region, endpoint.account) if endpoint else self.account()
        return Adoption(account, self, self.record, self.reporter)

    def _objects(self, account: AwsAccount, project: str) -> ProjectObjects:
        return open_objects(self.section, project=project, account=account, record=self.record, now=datetime.now(UTC))
