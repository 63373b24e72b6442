"""The content of an image, and the parts that determine its tag."""

import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lgbm_sm.backends.docker.build_context import (
    CA_BUNDLE_NAME,
    ImageRecipe,
    context_archive,
    context_digest,
    image_recipe,
    image_tag,
)
from lgbm_sm.config.instance_types import platform_of
from lgbm_sm.config.loading import load_config
from lgbm_sm.config.sections import Config, Pattern
from lgbm_sm.errors import ConfigError, ImageError
from lgbm_sm.images.build import LEAST_FREE_BYTES, check_disk


@pytest.fixture
def recipe(tmp_path: Path) -> ImageRecipe:
    context_path = tmp_path / "containers"
    for name in ("byoc/Dockerfile", "byoc/start.sh", "runtime/program.py", "inference_toolkit/Dockerfile"):
        path = context_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# {name}\n", encoding="utf-8")
    (context_path / "byoc/start.sh").chmod(0o755)
    return ImageRecipe(context_path, Pattern.BYOC, "demo", "linux/amd64")


def configured(*overrides: str) -> Config:
    return load_config(None, overrides).config


def members(recipe: ImageRecipe, ca_bundle: bytes = b"") -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=context_archive(recipe, ca_bundle)) as archive:
        return {member.name: member for member in archive.getmembers()}


def test_the_archive_holds_the_patterns_files_and_the_ca_bundle(recipe: ImageRecipe) -> None:
    found = members(recipe, b"certificate")
    names = {"byoc", "byoc/Dockerfile", "byoc/start.sh", "runtime", "runtime/program.py", CA_BUNDLE_NAME}
    assert set(found) == names
    assert found[CA_BUNDLE_NAME].size == len(b"certificate")
    assert members(recipe)[CA_BUNDLE_NAME].size == 0
    assert (found["byoc/start.sh"].mode, found["runtime/program.py"].mode) == (0o755, 0o644)


def test_the_archive_is_the_same_when_only_times_and_write_permissions_differ(recipe: ImageRecipe) -> None:
    before = context_archive(recipe, b"").getvalue()
    (recipe.context_path / "runtime/program.py").touch()
    (recipe.context_path / "runtime/program.py").chmod(0o664)
    assert context_archive(recipe, b"").getvalue() == before


def test_what_tools_leave_and_what_dockerignore_names_is_left_out(recipe: ImageRecipe) -> None:
    before = context_digest(recipe)
    for name in ("runtime/__pycache__/program.pyc", "runtime/.ruff_cache/x", "runtime/.DS_Store", "runtime/README.md"):
        path = recipe.context_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    (recipe.context_path / ".dockerignore").write_text("# comment\n**/*.md\n", encoding="utf-8")
    assert context_digest(recipe) == before
    assert "runtime/README.md" not in members(recipe)


def change_content(recipe: ImageRecipe) -> ImageRecipe:
    (recipe.context_path / "runtime/program.py").write_text("other", encoding="utf-8")
    return recipe


def make_executable(recipe: ImageRecipe) -> ImageRecipe:
    (recipe.context_path / "runtime/program.py").chmod(0o755)
    return recipe


def rename(recipe: ImageRecipe) -> ImageRecipe:
    (recipe.context_path / "runtime/program.py").rename(recipe.context_path / "runtime/renamed.py")
    return recipe


@pytest.mark.parametrize(
    "change",
    [
        change_content,
        make_executable,
        rename,
        lambda recipe: replace(recipe, platform="linux/arm64"),
        lambda recipe: replace(recipe, base_image="debian:bookworm-slim"),
        lambda recipe: replace(recipe, build_args={"A": "1"}),
    ],
)
def test_the_tag_is_another_one_when_what_makes_the_image_changes(
    recipe: ImageRecipe, change: Callable[[ImageRecipe], ImageRecipe]
) -> None:
    before = image_tag(recipe)
    after = image_tag(change(recipe))
    assert before != after
    assert before.startswith("demo:")
    assert len(before) == len("demo:") + 12


def test_the_tag_stays_when_another_patterns_folder_changes(recipe: ImageRecipe) -> None:
    before = image_tag(recipe)
    (recipe.context_path / "inference_toolkit/Dockerfile").write_text("other", encoding="utf-8")
    assert image_tag(recipe) == before


@pytest.mark.parametrize(
    ("instance_type", "platform"),
    [
        ("local", None),
        ("ml.m4.2xlarge", "linux/amd64"),
        ("ml.m5d.large", "linux/amd64"),
        ("ml.g4dn.xlarge", "linux/amd64"),
        ("ml.g5.xlarge", "linux/amd64"),
        ("ml.g6.xlarge", "linux/amd64"),
        ("ml.gr6.4xlarge", "linux/amd64"),
        ("ml.p4d.24xlarge", "linux/amd64"),
        ("ml.c6g.large", "linux/arm64"),
        ("ml.c6gn.xlarge", "linux/arm64"),
        ("ml.m7gd.xlarge", "linux/arm64"),
        ("ml.r8g.large", "linux/arm64"),
        ("ml.t4g.medium", "linux/arm64"),
    ],
)
def test_the_platform_follows_from_the_instance_type(instance_type: str, platform: str | None) -> None:
    assert platform_of(instance_type) == platform


def test_the_recipe_is_for_the_engines_platform_when_everything_is_local(recipe: ImageRecipe) -> None:
    found = image_recipe(configured("project.name=Mine"), Pattern.BYOC, recipe.context_path, "linux/arm64")
    assert (found.repository, found.platform, found.base_image) == ("mine", "linux/arm64", None)


def test_the_recipe_is_for_the_instances_platform_when_one_is_not_local(recipe: ImageRecipe) -> None:
    config = configured("endpoint.instance_type=ml.c7g.large", "container.base_image=debian:trixie")
    found = image_recipe(config, Pattern.BYOC, recipe.context_path, "linux/amd64")
    assert (found.platform, found.all_arguments) == ("linux/arm64", {"BASE_IMAGE": "debian:trixie"})


def test_one_image_is_refused_when_it_would_run_on_two_platforms(recipe: ImageRecipe) -> None:
    config = configured("training.instance_type=ml.m5.large", "endpoint.instance_type=ml.c7g.large")
    with pytest.raises(ConfigError) as caught:
        image_recipe(config, Pattern.BYOC, recipe.context_path, "linux/amd64")
    assert "ml.m5.large (linux/amd64) and endpoint.instance_type: ml.c7g.large (linux/arm64)" in caught.value.message


def test_the_image_that_trains_is_byocs_own_when_another_pattern_serves(recipe: ImageRecipe) -> None:
    config = configured("container.pattern=inference_toolkit", "container.repository=theirs")
    trains, serves = (
        image_recipe(config, pattern, recipe.context_path, "linux/amd64")
        for pattern in (Pattern.BYOC, Pattern.INFERENCE_TOOLKIT)
    )
    assert (trains.repository, serves.repository) == (config.project.name, "theirs")


def test_a_pattern_is_refused_when_it_has_no_dockerfile(recipe: ImageRecipe) -> None:
    with pytest.raises(ConfigError, match="script_mode: this version does not have its image yet"):
        image_recipe(configured(), Pattern.SCRIPT_MODE, recipe.context_path, "linux/amd64")


def test_a_build_is_refused_when_the_disk_is_nearly_full() -> None:
    check_disk(None)
    check_disk(LEAST_FREE_BYTES)
    with pytest.raises(ImageError, match=r"^3\.0 GB are free .* needs 3 GB") as caught:
        check_disk(LEAST_FREE_BYTES - 1)
    assert "docker image prune" in caught.value.hint
