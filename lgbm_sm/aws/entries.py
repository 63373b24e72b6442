"""What is on record of AWS besides jobs and endpoints: whether it is there, and how it is taken away."""

from lgbm_sm.aws.account import Accounts
from lgbm_sm.aws.cloudwatch import Log
from lgbm_sm.aws.ecr_repository import EcrRepository
from lgbm_sm.aws.s3 import S3Bucket
from lgbm_sm.aws.s3_manifest import ProjectObjects
from lgbm_sm.aws.sagemaker_resources import SageMakerResources
from lgbm_sm.record.entries import AwsEntry, ContainerLog, EndpointConfig, Model, PushedImage, Repository, Upload
from lgbm_sm.record.record import Record


def find_in_aws(entry: AwsEntry, accounts: Accounts) -> bool:
    """Whether it is there, and ours.

    Raises:
        AwsError: AWS does not answer, or belongs to another account than the one that the entry was made in.
    """
    match entry:
        case EndpointConfig():
            return _resources(entry, accounts).find_config(entry.name) is not None
        case Model():
            return _resources(entry, accounts).find_model(entry.name) is not None
        case ContainerLog():
            return _log(entry, accounts).exists()
        case Upload():
            return bool(_objects(entry, accounts).list_ours())
        case PushedImage():
            return bool(_digests(entry, _repository(entry, accounts)))
        case Repository():
            return _repository(entry, accounts).is_tagged(entry.project)


def delete_from_aws(entry: AwsEntry, record: Record, accounts: Accounts) -> list[str]:
    """Delete it, then its entry; harmless when it is gone. Returns why it is left; the entry then stays on record.

    A repository goes only when it is empty and carries the project's tag; a bucket never.

    Raises:
        AwsError: see `find_in_aws`.
    """
    left = _delete(entry, accounts)
    if not left:
        record.remove(entry)
    return left


def _delete(entry: AwsEntry, accounts: Accounts) -> list[str]:
    match entry:
        case EndpointConfig():
            return _resources(entry, accounts).delete_config(entry.name)
        case Model():
            return _resources(entry, accounts).delete_model(entry.name)
        case ContainerLog():
            _log(entry, accounts).delete()
            return []
        case Upload():
            return _objects(entry, accounts).delete()
        case PushedImage():
            repository = _repository(entry, accounts)
            return repository.delete_images(_digests(entry, repository))
        case Repository():
            repository = _repository(entry, accounts)
            return repository.delete() if repository.is_tagged(entry.project) else []


def _resources(entry: EndpointConfig | Model, accounts: Accounts) -> SageMakerResources:
    return SageMakerResources(accounts.get(entry.region, entry.account))


def _log(entry: ContainerLog, accounts: Accounts) -> Log:
    return Log(accounts.get(entry.region, entry.account), entry.group, entry.prefix)


def _objects(entry: Upload, accounts: Accounts) -> ProjectObjects:
    bucket = S3Bucket(accounts.get(entry.region, entry.account), entry.bucket)
    return ProjectObjects(bucket, entry.prefix, entry.project)


def _repository(entry: PushedImage | Repository, accounts: Accounts) -> EcrRepository:
    return EcrRepository(accounts.get(entry.region, entry.account), entry.repository)


def _digests(entry: PushedImage, repository: EcrRepository) -> list[str]:
    """Those that are there. A push that was broken off has left its tag at most."""
    if entry.digests:
        return [digest for digest in entry.digests if repository.find_manifest(digest=digest)]
    found = repository.find_manifest(tag=entry.name.rpartition(":")[2])
    return [found.digest] if found else []
