from pathlib import Path

from lgbm_sm import shipped


def test_containers_and_the_example_are_found_beside_the_package_in_a_checkout(checkout: Path) -> None:
    assert shipped.containers_path() == checkout / "containers"
    assert shipped.examples_path() == checkout / "examples"
    assert shipped.example_config_path() == checkout / "config.yaml"
    assert shipped.example_config_path().is_file()


def test_a_projects_own_containers_go_before_the_shipped_ones_when_the_program_is_in_them(
    checkout: Path, tmp_path: Path
) -> None:
    own = tmp_path / "containers"
    own.mkdir()
    assert shipped.containers_path(tmp_path) == checkout / "containers"
    (own / "runtime/lgbm_runtime").mkdir(parents=True)
    (own / "runtime/lgbm_runtime/__main__.py").touch()
    assert shipped.containers_path(tmp_path) == own


def test_only_a_copy_of_another_version_is_remarked(checkout: Path, tmp_path: Path) -> None:
    note = tmp_path / "lgbm-sm-version"
    assert shipped.describe_other_copy(checkout / "containers", "1.2.0") == ""
    assert "lgbm-sm (unknown version); lgbm-sm 1.2.0 is installed" in shipped.describe_other_copy(tmp_path, "1.2.0")
    note.write_text("1.2.0\n")
    assert shipped.describe_other_copy(tmp_path, "1.2.0") == ""
    assert "lgbm-sm 1.2.0; lgbm-sm 1.10.0 is installed" in shipped.describe_other_copy(tmp_path, "1.10.0")
