"""Resources of another work folder are deleted only after a question, or with --adopted."""

from __future__ import annotations

import hashlib
import io
import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import docker
import pytest

from lgbm_sm.aws.image_manifest import DOCKER_MANIFEST
from lgbm_sm.aws.resources.repository import Repository
from lgbm_sm.record.entries import Place
from lgbm_sm.record.record import Record
from tests.cli.forked import ForkedCommandLine, ForkServer
from tests.cli.terminal import Terminal
from tests.cloud.emulator import ACCOUNT, Emulator
from tests.cloud.emulator.registry import PushedImage

pytestmark = [pytest.mark.slow]


@dataclass(frozen=True)
class Project:
    """A project that trains and serves on SageMaker.

    `name` is also the name of its repository.
    """

    aws: Emulator
    lgbm_sm: ForkedCommandLine
    name: str

    @property
    def record(self) -> Record:
        return Record(self.lgbm_sm.folder / ".lgbm-sm")

    def make_repository(self, origin: str | None) -> None:
        tags = {"lgbm-sm:project": self.name, **({"lgbm-sm:origin": origin} if origin else {})}
        self.aws.client("ecr").create_repository(
            repositoryName=self.name, tags=[{"Key": key, "Value": value} for key, value in tags.items()]
        )

    def repositories(self) -> list[str]:
        return [one["repositoryName"] for one in self.aws.client("ecr").describe_repositories()["repositories"]]

    def put_on_record(self) -> None:
        entry = Repository(
            name=f"{ACCOUNT}/eu-west-1/{self.name}",
            project=self.name,
            place=Place.AWS,
            created_at=datetime.now(UTC),
            repository=self.name,
            account=ACCOUNT,
            region="eu-west-1",
        )
        self.record.add(entry)


@pytest.fixture
def project(aws_without_engine: Emulator, fork_server: ForkServer, tmp_path: Path) -> Project:
    name = f"test-{uuid.uuid4().hex[:12]}"
    environment = {**aws_without_engine.environment(), "HOME": str(tmp_path), "LGBM_SM_PROJECT__NAME": name}
    return Project(aws_without_engine, ForkedCommandLine(tmp_path, environment, server=fork_server), name)


def with_its_own_origin(project: Project) -> None:
    """Remove the entry from the record, as another process or a restored backup could."""
    project.record.start_again()
    project.make_repository(project.record.project_id)


def on_record_without_an_origin(project: Project) -> None:
    """Write the entry as an earlier version did, without an origin."""
    project.put_on_record()
    project.make_repository(None)


def of_another_folder(project: Project) -> None:
    project.record.start_again()
    project.make_repository("0123456789abcdef")


def without_an_origin(project: Project) -> None:
    project.make_repository(None)


@pytest.mark.parametrize("make", [with_its_own_origin, on_record_without_an_origin])
def test_what_this_folder_created_is_deleted_without_a_further_option(
    make: Callable[[Project], None], project: Project
) -> None:
    make(project)
    assert "nothing left" in project.lgbm_sm("cleanup", "--yes", "--aws").stdout
    assert project.repositories() == []


@pytest.mark.parametrize("make", [of_another_folder, without_an_origin])
def test_what_another_folder_created_stays_in_a_script_and_goes_with_the_option(
    make: Callable[[Project], None], project: Project
) -> None:
    make(project)
    left = project.lgbm_sm("cleanup", "--yes", "--aws")
    assert project.repositories() == [project.name]
    assert left.stderr.splitlines()[-4:-1] == [
        "warning: kept, because another folder created them:",
        f"  repository {ACCOUNT}/eu-west-1/{project.name} (Available)",
        "`lgbm-sm cleanup --yes --adopted --aws` deletes them too",
    ]
    [item] = json.loads(project.lgbm_sm("status", "--aws", "--output", "json").stdout)["items"]
    assert "not created by this folder" in item["remark"]
    assert json.loads(project.lgbm_sm("cleanup", "--dry-run", "--aws", "--output", "json").stdout)["calls"] == []
    assert "nothing left" in project.lgbm_sm("cleanup", "--yes", "--adopted", "--aws").stdout
    assert project.repositories() == []


@pytest.mark.parametrize(("reply", "left"), [("n", 1), ("y", 0)])
def test_at_a_terminal_what_another_folder_created_is_asked_for(reply: str, left: int, project: Project) -> None:
    of_another_folder(project)
    folder, environment = project.lgbm_sm.folder, project.lgbm_sm.environment
    with Terminal(folder, "cleanup", "--aws", environment=environment) as terminal:
        said = terminal.answer("Delete? [y/N] ", reply)
        assert "1 repository, not created by this folder:" in said
        assert terminal.end()[0] == 0
    assert len(project.repositories()) == left


def pushed_image(config: str, tags: set[str]) -> PushedImage:
    layers = [{"mediaType": "layer", "size": 1, "digest": "sha256:1"}]
    content = {"schemaVersion": 2, "tags": sorted(tags), "layers": layers}
    manifest = json.dumps({**content, "config": {"size": 1, "digest": config}}).encode()
    digest = f"sha256:{hashlib.sha256(manifest).hexdigest()}"
    return PushedImage(digest, DOCKER_MANIFEST, manifest, datetime.now(UTC), tags)


def test_images_in_ecr_are_found_by_the_repositorys_tag_and_somebody_elses_keeps_it(project: Project) -> None:
    of_another_folder(project)
    ours, second = pushed_image("sha256:a", {"0123456789ab"}), pushed_image("sha256:a", set())
    theirs, untagged = pushed_image("sha256:b", {"theirs"}), pushed_image("sha256:b", set())
    images = {one.digest: one for one in (ours, second, theirs, untagged)}
    project.aws.registry.images[project.name] = images
    found = project.lgbm_sm("cleanup", "--yes", "--adopted", "--aws", exit_code=11)
    assert "it contains images that lgbm-sm did not push" in found.stderr
    assert set(images) == {theirs.digest, untagged.digest}
    project.aws.client("ecr").delete_repository(repositoryName=project.name, force=True)


@pytest.fixture
def labelled(engine: docker.DockerClient, project: Project) -> Iterator[str]:
    """Yield a tag of an image with the labels of `build`.

    The user has given it another tag too.
    """
    context = uuid.uuid4().hex * 2
    tag, users = f"{project.name}:{context[:12]}", f"{project.name}-mine:1"
    labels = {"lgbm-sm.project": project.name, "lgbm-sm.context": context, "lgbm-sm.id": "0123456789abcdef"}
    dockerfile = "FROM scratch\n" + "".join(f"LABEL {key}={value}\n" for key, value in labels.items())
    engine.images.build(fileobj=io.BytesIO(dockerfile.encode()), tag=tag)
    engine.images.get(tag).tag(users)
    yield tag
    for image in engine.images.list(filters={"label": f"lgbm-sm.project={project.name}"}):
        engine.images.remove(str(image.id), force=True)


@pytest.mark.docker
def test_images_in_the_engine_are_found_by_their_label_and_the_users_own_tag_stays(
    engine: docker.DockerClient, labelled: str, project: Project
) -> None:
    left = project.lgbm_sm("cleanup", "--yes", "--aws").stderr
    assert f"\n  image {labelled} (Available)\n" in left
    deleted = json.loads(project.lgbm_sm("cleanup", "--yes", "--aws", "--adopted", "--output", "json").stdout)
    assert [(one["kind"], one["name"]) for one in deleted["deleted"]] == [("image", labelled)]
    [image] = engine.images.list(filters={"label": f"lgbm-sm.project={project.name}"})
    assert image.tags == [f"{project.name}-mine:1"]
