"""The properties of a machine that the name of an instance type shows."""

from pathlib import Path

import pytest

from lgbm_sm.backends.docker.backend import DockerBackend
from lgbm_sm.config.instance_types import has_local_storage, platform_of, size_of
from lgbm_sm.config.loading import load_config
from lgbm_sm.console import Console, OutputFormat
from lgbm_sm.errors import ConfigError
from lgbm_sm.progress import Reporter
from lgbm_sm.record.entries import Place
from lgbm_sm.workspace import open_workspace


@pytest.mark.parametrize(
    ("instance_type", "cpus", "gibibytes"),
    [
        ("ml.m4.xlarge", 4, 16),
        ("ml.m4.2xlarge", 8, 32),
        ("ml.m4.16xlarge", 64, 256),
        ("ml.m5.large", 2, 8),
        ("ml.c4.8xlarge", 36, 60),
        ("ml.c5.9xlarge", 36, 72),
        ("ml.t3.medium", 2, 4),
        ("ml.r6g.4xlarge", 16, 128),
    ],
)
def test_size_is_that_of_ec2s_table(instance_type: str, cpus: int, gibibytes: float) -> None:
    assert size_of(instance_type) == (cpus, gibibytes)


@pytest.mark.parametrize("instance_type", ["local", "ml.p3.2xlarge", "ml.m5.metal", "ml.z9.xlarge"])
def test_size_is_unknown_when_the_table_lacks_it(instance_type: str) -> None:
    assert size_of(instance_type) is None


@pytest.mark.parametrize(
    ("overrides", "memory", "cpus"),
    [
        ([], None, None),
        (["local.limits_of=ml.m4.xlarge"], "16384m", 4),
        (["local.limits_of=ml.c4.large"], "3840m", 2),
        (["local.limits_of=ml.m4.xlarge", "local.memory=2g", "local.cpus=1.5"], "2g", 1.5),
    ],
)
def test_containers_get_the_limits_of_an_instance_type_unless_others_are_set(
    overrides: list[str], memory: str | None, cpus: float | None, tmp_path: Path
) -> None:
    (tmp_path / "config.yaml").write_text("")
    loaded = load_config(tmp_path / "config.yaml", overrides, {})
    reporter: Reporter = Console(output=OutputFormat.TEXT, verbose=False, environment={})
    workspace = open_workspace(loaded, containers_path=tmp_path, environment={}, reporter=reporter, changes=True)
    backend = workspace.backends[Place.DOCKER]
    assert isinstance(backend, DockerBackend)
    assert (backend.settings.memory, backend.settings.cpus) == (memory, cpus)


def test_an_instance_type_of_unknown_size_is_refused_as_a_limit() -> None:
    with pytest.raises(ConfigError, match=r"set local\.memory and local\.cpus instead"):
        load_config(None, ["local.limits_of=ml.p3.2xlarge"], {})


@pytest.mark.parametrize(
    ("instance_type", "platform"),
    [
        ("local", None),
        ("ml.m4.xlarge", "linux/amd64"),
        ("ml.g5.xlarge", "linux/amd64"),
        ("ml.g4dn.xlarge", "linux/amd64"),
        ("ml.c7g.2xlarge", "linux/arm64"),
        ("ml.m6gd.large", "linux/arm64"),
        ("ml.t4g.medium", "linux/arm64"),
    ],
)
def test_the_platform_is_arm_for_graviton_only(instance_type: str, platform: str | None) -> None:
    assert platform_of(instance_type) == platform


@pytest.mark.parametrize(
    ("instance_type", "has_disk"),
    [
        ("ml.m5d.xlarge", True),
        ("ml.c6gd.large", True),
        ("ml.g4dn.xlarge", True),
        ("ml.p4de.24xlarge", True),
        ("ml.m5.xlarge", False),
        ("ml.p3.2xlarge", False),
        ("local", False),
    ],
)
def test_a_machine_has_a_disk_of_its_own_if_its_type_says_so(instance_type: str, has_disk: bool) -> None:
    assert has_local_storage(instance_type) is has_disk
