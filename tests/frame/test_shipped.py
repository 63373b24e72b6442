from pathlib import Path

from lgbm_sm import shipped


def test_containers_and_the_example_are_found_beside_the_package_in_a_checkout(checkout: Path) -> None:
    assert shipped.containers_path() == checkout / "containers"
    assert shipped.example_config_path() == checkout / "config.yaml"
    assert shipped.example_config_path().is_file()
