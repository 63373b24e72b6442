"""Adopt the project's endpoints: find endpoints that another work folder created, and record them.

A fresh clone of a project has no record, and another clone may have updated the endpoint. The search uses the names and
tags in the account. The new entries in the record are marked as adopted.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from msgspec import structs

from lgbm_sm.aws.account import AwsAccount
from lgbm_sm.aws.origin import DEFAULT_PROJECT, find_origin
from lgbm_sm.aws.resources import endpoint_parts
from lgbm_sm.aws.resources.endpoint import find_endpoint_names, find_several_endpoints
from lgbm_sm.aws.resources.endpoint_config import EndpointConfig
from lgbm_sm.aws.resources.model import Model
from lgbm_sm.aws.resources.upload import Upload
from lgbm_sm.aws.s3 import S3Bucket
from lgbm_sm.aws.s3_files import download, parse_uri
from lgbm_sm.aws.s3_manifest import ProjectObjects
from lgbm_sm.aws.sagemaker_lookup import SageMakerResources
from lgbm_sm.backends.sagemaker.backend import SageMakerBackend
from lgbm_sm.backends.unpacking import unpack
from lgbm_sm.errors import AwsError, DataError, EndpointError
from lgbm_sm.model.code import ModelCode
from lgbm_sm.progress import Reporter
from lgbm_sm.record.entries import Endpoint, EndpointStatus, aws_fields
from lgbm_sm.record.record import Record
from lgbm_sm.record.work_folder import remove_tree

ARTIFACTS_FOLDER = "models/"
# during an update, an endpoint still answers with its old model
ANSWERING = ("InService", "Updating", "SystemUpdating", "RollingBack")
Description = Mapping[str, Any]
Consents = Callable[[str], bool]
"""A function that asks the user a question, and returns whether the answer is yes."""


@dataclass(frozen=True)
class Adoption:
    """Methods that find and adopt a project's endpoints in `account`.

    Methods raise AwsError if AWS refuses a call, or does not answer.
    """

    account: AwsAccount
    backend: SageMakerBackend
    record: Record
    reporter: Reporter

    @property
    def resources(self) -> SageMakerResources:
        """The resources of the account."""
        return SageMakerResources(self.account, self.backend.patience)

    def find_named(self) -> Description | None:
        """Return the endpoint with the configured name (`endpoint.name`), if it has the project's tag."""
        found = self.resources.find_endpoint(self.backend.endpoint_name)
        if found and self.resources.carries_tag(found["EndpointArn"], self.backend.project):
            return found
        return None

    def require_consent(self, name: str, consents: Consents) -> None:
        """Ask the user before an update of an endpoint that may belong to another project.

        Many unrelated projects use the default project name.

        Raises:
            EndpointError: another work folder created the endpoint, and the user does not allow the update.
        """
        found = self.resources.find_endpoint(name) if self.backend.project == DEFAULT_PROJECT else None
        origin = find_origin(self.account, found["EndpointArn"]) if found else ""
        if origin in ("", self.record.project_id):
            return
        said = f"another work folder created endpoint {name}, and many unrelated projects are called {DEFAULT_PROJECT}"
        if not consents(f"{said}. Update it?"):
            raise EndpointError(said, "set project.name to another name, or update it with `lgbm-sm deploy --adopted`")

    def find_tagged(self) -> Description | None:
        """Return the newest endpoint that has the project's tag and answers requests."""
        names = find_endpoint_names(self.account, self.backend.project)
        found = [described for name in names if (described := self.resources.find_endpoint(name))]
        answering = [endpoint for endpoint in found if endpoint["EndpointStatus"] in ANSWERING]
        return max(answering, key=lambda endpoint: endpoint["CreationTime"], default=None)

    def find_recorded(self, name: str) -> Endpoint | None:
        """Return the recorded entry of this endpoint, in this account and region."""
        for endpoint in self.record.endpoints(self.backend.project):
            where = (endpoint.account, endpoint.region)
            if endpoint.name == name and where == (self.account.account_id, self.account.region):
                return endpoint
        return None

    def adopt(self, found: Description, recorded: Endpoint | None) -> Endpoint:
        """Return an entry with the current state of an endpoint.

        Record the endpoint and its parts if the record does not contain them. Parts without the project's tag are not
        recorded.
        """
        name, config_name = str(found["EndpointName"]), str(found["EndpointConfigName"])
        folder = self.record.endpoints_path / config_name
        known = {part.name for part in endpoint_parts(self.record, name) if isinstance(part, EndpointConfig)}
        if recorded and config_name in known:
            return structs.replace(recorded, status=EndpointStatus.IN_SERVICE, folder=folder)
        config = self.resources.find_config(config_name) or {}
        endpoint = Endpoint(
            name=name,
            folder=folder,
            status=EndpointStatus.IN_SERVICE,
            training_job=config_name,
            deployed_at=config.get("CreationTime"),
            adopted=recorded.adopted if recorded else True,
            **self._fields(found["CreationTime"]),
        )
        adopted = [f"endpoint {name}"]
        self.record.add(endpoint)
        if config and self._is_ours(config["EndpointConfigArn"]):
            self.record.add(EndpointConfig(name=config_name, **self._part_fields(name, config["CreationTime"])))
            adopted.append(f"endpoint config {config_name}")
        for variant in config.get("ProductionVariants", ()):
            adopted += self._adopt_model(name, str(variant.get("ModelName", "")))
        self.reporter.step(f"Found in the account and adopted: {', '.join(adopted)}")
        if recorded and recorded.folder != folder and not self.backend.accounts.dry_run:
            self.record.remove_folder(recorded.folder)
        return endpoint

    def _adopt_model(self, endpoint: str, name: str) -> list[str]:
        model = self.resources.find_model(name) if name else None
        if model is None or not self._is_ours(model["ModelArn"]):
            return []
        self.record.add(Model(name=name, **self._part_fields(endpoint, model["CreationTime"])))
        uri = _artifact_uri(model)
        if not uri.endswith(f"/{ARTIFACTS_FOLDER}{name}/model.tar.gz"):
            return [f"model {name}"]
        location = parse_uri(uri)
        below = location.key.removesuffix(f"/{ARTIFACTS_FOLDER}{name}/model.tar.gz")
        prefix = below.removesuffix(f"/{self.backend.project}")  # addresses of an older layout do not end so
        objects = ProjectObjects(S3Bucket(self.account, location.bucket), prefix, self.backend.project)
        upload = Upload(
            name=objects.uri(""),
            bucket=location.bucket,
            prefix=prefix,
            adopted=True,
            **self._fields(datetime.now(UTC)),
        )
        if upload.name not in {entry.name for entry in self.record.aws_entries()}:
            self.record.add(upload)
        return [f"model {name}", f"artifact {uri}"]

    def fetch_model(self, endpoint: Endpoint) -> None:
        """Download the artifact that the endpoint serves, unless this machine already has it."""
        if (endpoint.root_path / "model").exists():
            return
        uris = self._artifact_uris(endpoint)
        arriving = endpoint.folder / "arriving"
        try:
            for uri in uris[:1]:
                self.reporter.detail(f"schema and metadata of the model come from {uri}")
                archive = endpoint.folder / "fetched.tar.gz"
                self.record.make_folder(endpoint.folder)
                remove_tree(arriving)
                download(self.account, uri, archive)
                # the endpoint already serves this artifact, so no check can prevent that
                unpack(arriving, archive, ModelCode().unchecked())
                archive.unlink()
                arriving.rename(endpoint.root_path)
        except (AwsError, DataError, EndpointError) as error:
            self.reporter.warn(f"could not read the column names of the model: {error.message}")

    def _artifact_uris(self, endpoint: Endpoint) -> list[str]:
        found = self.resources.find_endpoint(endpoint.name)
        config = self.resources.find_config(found["EndpointConfigName"]) if found else None
        names = [str(variant.get("ModelName", "")) for variant in (config or {}).get("ProductionVariants", ())]
        models = [self.resources.find_model(name) for name in names if name]
        return [uri for model in models if model and (uri := _artifact_uri(model))]

    def warn_of_several(self) -> None:
        """Warn about endpoints other than the one that `deploy` updates."""
        here = (self.account.account_id, self.account.region)
        recorded = self.record.endpoints(self.backend.project)
        known = [endpoint.name for endpoint in recorded if (endpoint.account, endpoint.region) == here]
        names = find_several_endpoints(self.account, self.backend.project, known)
        if not names:
            return
        kept = next((name for name in names if name.lower() == self.backend.endpoint_name.lower()), names[-1])
        self.reporter.warn(
            f"project {self.backend.project} has {len(names)} endpoints in {self.account.region}, and AWS bills each "
            f"one: {', '.join(names)}"
        )
        for name in names:
            if name != kept:
                command = f"aws sagemaker delete-endpoint --endpoint-name {name} --region {self.account.region}"
                self.reporter.warn(f"endpoint {name} still exists beside {kept}: `{command}` deletes it")

    def _is_ours(self, arn: str) -> bool:
        return self.resources.carries_tag(arn, self.backend.project)

    def _fields(self, created_at: datetime) -> dict[str, Any]:
        return aws_fields(self.account, self.backend.project, created_at)

    def _part_fields(self, endpoint: str, created_at: datetime) -> dict[str, Any]:
        return {**self._fields(created_at), "endpoint": endpoint, "adopted": True}


def _artifact_uri(model: Description) -> str:
    """Return the address of a model's artifact, or "" if the model has no artifact."""
    containers = [model.get("PrimaryContainer") or {}, *model.get("Containers", ())]
    return next((str(one["ModelDataUrl"]) for one in containers if one.get("ModelDataUrl")), "")
