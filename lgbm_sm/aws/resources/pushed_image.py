"""Images that `lgbm-sm push` sent to ECR."""

from collections.abc import Iterator

from lgbm_sm.aws.account import AwsAccount
from lgbm_sm.aws.ecr_repository import EcrRepository
from lgbm_sm.aws.policy_scope import PULLS, PolicyScope, Statement, allow
from lgbm_sm.aws.resources.kind import Found, Group, ResourceKind, Search, arn_in_region, availability
from lgbm_sm.aws.resources.repository import EcrEntry, find_repositories
from lgbm_sm.aws.waiting import Patience
from lgbm_sm.record.entries import Observation

PUSHED_IMAGES = Group("pushed-images", "pushed image", "pushed images")
_LAYERS = ("BatchCheckLayerAvailability", "CompleteLayerUpload", "InitiateLayerUpload", "UploadLayerPart")


class PushedImage(EcrEntry, frozen=True, kw_only=True, tag="pushed_image"):
    """An image. `name` is its address with the tag. `digests` is empty until the push is complete."""

    digests: tuple[str, ...] = ()


class PushedImages(ResourceKind[PushedImage]):
    """The kind "pushed image".

    An image may have several digests: if SageMaker does not accept the pushed format, `push` adds a converted manifest.
    """

    entry_type = PushedImage
    group = PUSHED_IMAGES
    deletion = "ecr:BatchDeleteImage"

    def arn(self, entry: PushedImage) -> str:
        return arn_in_region(entry, "ecr", f"repository/{entry.repository}:{entry.name.rpartition(':')[2]}")

    def observe(self, entry: PushedImage, account: AwsAccount) -> Observation:
        return availability(entry, exists=bool(_digests(entry, EcrRepository(account, entry.repository))))

    def delete(self, entry: PushedImage, account: AwsAccount, patience: Patience) -> list[str]:  # noqa: ARG002
        repository = EcrRepository(account, entry.repository)
        return repository.delete_images(_digests(entry, repository))

    def search(self, search: Search) -> Iterator[Found]:
        """Find images in the project's repositories. Tags that `lgbm-sm push` wrote have a fixed form."""
        recorded = {image.name for image in search.known if isinstance(image, PushedImage)}
        for repository, _ in find_repositories(search):
            uri = repository.find_uri()
            known = {name.removeprefix(f"{uri}:") for name in recorded if name.startswith(f"{uri}:")}
            for tag, digests in repository.find_pushed(known).items():
                name, fields = f"{uri}:{tag}", search.fields()
                yield Found(PushedImage(name=name, repository=repository.name, digests=digests, **fields), {})

    def statements(self, scope: PolicyScope) -> list[Statement]:
        arns = scope.repository_arns
        statements = [
            allow("LogInToRegistry", "ecr", ("GetAuthorizationToken",), ["*"]),
            # `push` reads the manifest of the pushed image, and writes it again in the format that SageMaker accepts
            allow("PushImages", "ecr", (*_LAYERS, "PutImage"), arns),
            allow("ReadManifests", "ecr", ("BatchGetImage", "ListImages"), arns),
            allow("DeleteImages", "ecr", ("BatchDeleteImage",), arns),
        ]
        if scope.xgboost_arns:
            statements.append(allow("PullXgboostImage", "ecr", PULLS, scope.xgboost_arns))
        return statements


def _digests(entry: PushedImage, repository: EcrRepository) -> list[str]:
    """Return the digests of the image that exist. After an interrupted push, only the tag can find the image."""
    if entry.digests:
        return [digest for digest in entry.digests if repository.find_manifest(digest=digest)]
    found = repository.find_manifest(tag=entry.name.rpartition(":")[2])
    return [found.digest] if found else []
