"""The files of a project are all written at once, or none of them is written."""

import subprocess
from importlib import metadata
from pathlib import Path

import pytest

from lgbm_sm.backends.docker.build_context import image_recipe, image_tag
from lgbm_sm.config.loading import load_config
from lgbm_sm.config.sections import Pattern
from lgbm_sm.errors import UsageError
from lgbm_sm.scaffold.project_files import ProjectFiles, add_containers, config_template, require_new, write_project
from lgbm_sm.shipped import containers_path

TOP = {".github", ".gitignore", "Makefile", "config.yaml", "examples"}
PROJECT = ProjectFiles(config_template())


def test_the_folder_is_made_with_everything_in_it_when_it_is_missing(tmp_path: Path) -> None:
    folder = tmp_path / "far" / "away"
    files = write_project(folder, PROJECT)
    assert {path.name for path in folder.iterdir()} == TOP
    assert sorted(files) == sorted(path for path in folder.rglob("*") if path.is_file())
    assert [path.name for path in files if "__pycache__" in path.parts or path.name == "ruff.toml"] == []


def test_a_copy_of_the_images_files_is_whole_and_notes_the_version(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    write_project(folder, ProjectFiles(config_template(), containers=True))
    assert {path.name for path in folder.iterdir()} == TOP | {"containers"}
    assert (folder / "containers/lgbm-sm-version").read_text() == f"{metadata.version('lgbm-sm')}\n"
    assert (folder / "containers/.dockerignore").is_file()
    for name in ("byoc/Dockerfile", "byoc/command.sh", "runtime/lgbm_runtime/__main__.py"):
        shipped, copied = containers_path() / name, folder / "containers" / name
        assert copied.read_bytes() == shipped.read_bytes()
        assert copied.stat().st_mode == shipped.stat().st_mode


def test_the_images_are_the_shipped_ones_until_the_copy_is_changed(tmp_path: Path) -> None:
    write_project(tmp_path, PROJECT)
    add_containers(tmp_path)
    config = load_config(tmp_path / "config.yaml").config

    def tags(folder: Path) -> list[str]:
        patterns = (Pattern.BYOC, Pattern.INFERENCE_TOOLKIT)
        return [image_tag(image_recipe(config, pattern, folder, "linux/amd64")) for pattern in patterns]

    assert tags(tmp_path / "containers") == tags(containers_path())
    with (tmp_path / "containers/byoc/Dockerfile").open("a") as file:
        file.write("ENV MINE=1\n")
    assert tags(tmp_path / "containers")[0] != tags(containers_path())[0]


@pytest.mark.parametrize("place", ["containers", "Makefile", ".github/workflows/lgbm-sm.yml", "config.yaml"])
def test_nothing_is_touched_when_a_file_exists(tmp_path: Path, place: str) -> None:
    path = tmp_path / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("mine")
    with pytest.raises(UsageError) as refused:
        write_project(tmp_path, ProjectFiles(config_template(), containers=True))
    assert refused.value.message == f"{path} exists"
    assert "does not overwrite files" in refused.value.hint
    assert [one for one in tmp_path.rglob("*") if one.is_file()] == [path]
    assert path.read_text() == "mine"


def test_a_dangling_link_counts_as_a_file_when_it_stands_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "Makefile").symlink_to("nowhere")
    with pytest.raises(UsageError, match="Makefile exists"):
        require_new(tmp_path, ("containers", "Makefile"))


def test_other_files_stay_and_folders_are_shared(tmp_path: Path) -> None:
    (tmp_path / ".github/workflows").mkdir(parents=True)
    (tmp_path / ".github/workflows/other.yml").write_text("mine")
    (tmp_path / "examples").mkdir()
    write_project(tmp_path, PROJECT)
    assert (tmp_path / ".github/workflows/other.yml").read_text() == "mine"
    assert (tmp_path / "examples/src_builtin_container_serve/inference.py").is_file()


def test_what_was_moved_is_removed_again_when_a_later_file_cannot_be_placed(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "houses.csv").write_text("mine")
    (folder / ".github").write_text("a file where a folder is needed")
    with pytest.raises(UsageError, match="failed to write"):
        write_project(folder, PROJECT)
    assert {path.name for path in folder.rglob("*")} == {"houses.csv", ".github"}


def test_what_a_killed_init_left_is_told_apart(tmp_path: Path) -> None:
    (tmp_path / ".lgbm-sm-init").mkdir()
    (tmp_path / "containers").mkdir()
    with pytest.raises(UsageError) as refused:
        require_new(tmp_path, ("containers", "Makefile"))
    assert "an earlier `lgbm-sm init` was killed" in refused.value.hint
    (tmp_path / "containers").rmdir()
    write_project(tmp_path, PROJECT)
    assert not (tmp_path / ".lgbm-sm-init").exists()


def test_git_ignores_what_is_made_and_nothing_else(tmp_path: Path) -> None:
    write_project(tmp_path, PROJECT)
    (tmp_path / "data/train").mkdir(parents=True)
    (tmp_path / ".lgbm-sm/jobs").mkdir(parents=True)
    for path in ("data/houses.csv", "data/train/houses_train.csv", ".lgbm-sm/jobs/record"):
        (tmp_path / path).touch()
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    listed = subprocess.run(
        ["git", "status", "--porcelain", "--untracked-files=all"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    untracked = {line[3:] for line in listed.splitlines()}
    files = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    ignored = {path for path in files - untracked if not path.startswith(".git/")}
    assert ignored == {"data/train/houses_train.csv", ".lgbm-sm/jobs/record"}
