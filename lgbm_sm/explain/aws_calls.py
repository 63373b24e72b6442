"""Find the AWS calls of a step by a dry run in an imaginary account.

No request is sent to AWS. Angle brackets mark values that only AWS knows.
"""

import json
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from msgspec import structs

from lgbm_sm.aws.account import Accounts, AwsAccount, aws_errors, dns_suffix_of, region_of
from lgbm_sm.aws.dry_run import DryRun, PlannedCall
from lgbm_sm.aws.image_manifest import DOCKER_MANIFEST
from lgbm_sm.aws.policy_scope import ROLE_ARN
from lgbm_sm.errors import LgbmSmError
from lgbm_sm.explain.sections import indented, json_lines
from lgbm_sm.record.record import DryRunRecord, Record
from lgbm_sm.record.work_folder import remove_tree
from lgbm_sm.workspace import Workspace

_ACCOUNT = "000000000000"
_ROLE = "<aws.execution_role, or the role of the SageMaker notebook>"
_DIGEST = f"sha256:{'f' * 64}"
_SHOWN = {_ACCOUNT: "<account>", _DIGEST: "<digest>"}
_MOST_SHOWN = 3  # the number of elements to show of a long list
_NO_RESOURCES = {
    "HeadObject": ("404", "Not Found"),
    "GetObject": ("NoSuchKey", "The specified key does not exist."),
    "DescribeEndpoint": ("ValidationException", "Could not find endpoint."),
}
_EMPTY_ACCOUNT = {
    **_NO_RESOURCES,
    "HeadBucket": ("404", "Not Found"),
    "DescribeRepositories": ("RepositoryNotFoundException", "The repository does not exist."),
}


class UnknownAccounts(Accounts):
    """An imaginary account, for a dry run without requests to AWS.

    If `exists`, the account has the bucket, the repositories, the images and the role that the step requires.
    """

    def __init__(self, role: str, *, exists: bool) -> None:
        self.calls = DryRun()
        super().__init__(dry_run=self.calls)
        arn = ROLE_ARN.fullmatch(role)
        self._account_id = arn["account"] if arn else _ACCOUNT
        self._missing = _NO_RESOURCES if exists else _EMPTY_ACCOUNT
        # operations in the order of their first call; the first one returns the account's id
        self.reads: dict[str, None] = {"sts:GetCallerIdentity": None}

    def get(self, region: str | None, account_id: str | None = None) -> AwsAccount:  # noqa: ARG002 - see Accounts
        """Return the account in `region`. The default is the region of the AWS command line.

        Raises:
            AwsError: the profile in AWS_PROFILE does not exist.
        """
        if region not in self._known:
            import boto3

            with aws_errors("a session"):
                # with these values, boto3 does not look for credentials
                session = boto3.Session("none", "none", region_name=region)
            self.calls.attach(session)
            account = AwsAccount(self._account_id, region_of(session), session)
            session.events.register("before-call", partial(self._answer, account))
            session.events.register("before-send", _refuse)
            self._known[region] = account
        return self._known[region]

    def _answer(self, account: AwsAccount, model: Any, params: Any, **_: Any) -> tuple[SimpleNamespace, dict[str, Any]]:
        """Return the answer to a call, in place of AWS."""
        operation = str(model.name)
        self.reads[f"{model.service_model.service_name}:{operation}"] = None
        if operation in self._missing:
            code, message = self._missing[operation]
            return SimpleNamespace(status_code=404), {"Error": {"Code": code, "Message": message}}
        empty: dict[str, Any] = {
            name: [] for name, shape in model.output_shape.members.items() if shape.type_name == "list"
        }
        known = _ANSWERS[operation](account, params["body"]) if operation in _ANSWERS else {}
        return SimpleNamespace(status_code=200), {"ResponseMetadata": {}, **empty, **known}


def _refuse(request: Any, **_: Any) -> None:
    raise AssertionError(f"explain sends no requests, and was about to send one to {request.url}")


def _role(account: AwsAccount, body: Any) -> dict[str, Any]:
    return {"Role": {"Arn": f"arn:{account.partition}:iam::{account.account_id}:role/{body['RoleName']}"}}


def _repository(account: AwsAccount, body: Any) -> dict[str, Any]:
    [name] = json.loads(body)["repositoryNames"]
    registry = f"{account.account_id}.dkr.ecr.{account.region}.{dns_suffix_of(account.region)}"
    return {"repositories": [{"repositoryUri": f"{registry}/{name}", "repositoryArn": account.arn("ecr", name)}]}


def _image(*_: object) -> dict[str, Any]:
    image = {"imageId": {"imageDigest": _DIGEST}, "imageManifestMediaType": DOCKER_MANIFEST, "imageManifest": "{}"}
    return {"images": [image]}


_ANSWERS: dict[str, Callable[[AwsAccount, Any], dict[str, Any]]] = {
    "GetRole": _role,
    "DescribeRepositories": _repository,
    "BatchGetImage": _image,
}


class _TemporaryRecord(DryRunRecord):
    """The project's record in a dry run. The folders of its endpoints are temporary."""

    def __init__(self, record: Record, folder: Path) -> None:
        super().__init__(record.work_path, is_others=record.is_others)
        self._folder = folder

    @property
    def endpoints_path(self) -> Path:
        """The temporary folder for endpoints."""
        return self._folder

    def make_folder(self, folder: Path) -> None:
        """Create a folder in the temporary folder."""
        folder.mkdir()

    def remove_folder(self, folder: Path) -> None:
        """Remove a folder from the temporary folder."""
        remove_tree(folder)


class _Silent:
    """A Reporter that prints nothing, because the page shows everything."""

    def step(self, text: str) -> None:
        """Report nothing."""

    detail = warn = status = trace = step

    def log(self, line: str, brief: str = "") -> None:
        """Report nothing."""

    def progress(self, what: str, done: int, total: int) -> None:
        """Report nothing."""


def describe_calls_of(
    workspace: Workspace, dry_run: Callable[[Workspace], object], *, exists: bool = True
) -> list[str]:
    """Return the AWS calls of the dry run of a step. If it fails, return the reason.

    All calls that only read are on one line. With `exists`, the imaginary account has the bucket, the repositories, the
    images and the role that the step requires.
    """
    config = workspace.config
    role = config.aws.execution_role or _ROLE
    accounts = UnknownAccounts(role, exists=exists)
    with tempfile.TemporaryDirectory(prefix="lgbm-sm-explain-") as folder:
        unknown = replace(
            workspace,
            config=structs.replace(config, aws=structs.replace(config.aws, execution_role=role)),
            accounts=accounts,
            record=_TemporaryRecord(workspace.record, Path(folder)),
            reporter=_Silent(),
        )
        try:
            dry_run(unknown)
        except LgbmSmError as error:
            return [f"not known yet: {error.message}", error.hint]
        finally:
            for path in Path(folder).iterdir():
                remove_tree(path)  # remove_tree, because the folder of a model is read-only
    return [*describe_calls(accounts.calls.calls), f"calls that only read: {', '.join(accounts.reads)}"]


def describe_calls(calls: Iterable[PlannedCall]) -> list[str]:
    """Return lines with the service, the operation and the parameters of each call."""
    lines = []
    for call in calls:
        lines += [f"{call.service}:{call.operation}", *indented(json_lines(_shortened(dict(call.parameters))))]
    for value, shown in _SHOWN.items():
        lines = [line.replace(value, shown) for line in lines]
    return lines


def _shortened(value: Any) -> Any:
    """Shorten long lists in a value, such as the list of metrics."""
    if isinstance(value, dict):
        return {name: _shortened(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        shown = [_shortened(one) for one in value[:_MOST_SHOWN]]
        more = len(value) - _MOST_SHOWN
        return [*shown, f"… and {more} more"] if more > 1 else [_shortened(one) for one in value]
    return value
