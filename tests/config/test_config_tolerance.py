"""status, stop and cleanup work with a configuration whose problems do not concern them."""

import json
from pathlib import Path

import pytest

from lgbm_sm.config.loading import load_config
from lgbm_sm.config.tolerance import RESOURCE_KEYS
from lgbm_sm.errors import ConfigError
from tests.cli.conftest import CommandLine
from tests.cli.conftest import lgbm_sm as lgbm_sm  # noqa: PLC0414 - a fixture

BROKEN = """\
project: {name: mine}
training:
  instance_typ: ml.m5.large
  hyperparameters: {num_leavs: 3}
  max_runtime_seconds: many
data:
  files: {train: a.csv}
aws: {region: eu-central-1, subnets: [subnet-0123456789]}
endpoint: {name: mine-too}
"""
WARNINGS = [
    (
        "config.yaml:3: training.instance_typ is not a known key (did you mean instance_type?); this command ignores it, "
        "and looks in AWS only with --aws or if the record contains AWS resources"
    ),
    (
        "config.yaml:4: training.hyperparameters.num_leavs is not a LightGBM parameter (did you mean num_leaves?); this "
        "command ignores it"
    ),
    'config.yaml:5: training.max_runtime_seconds: must be a whole number, got the text "many"; this command ignores it',
    "config.yaml:7: data.files.test: is missing; this command ignores it",
    "config.yaml:7: data.files.validation: is missing; this command ignores it",
]


@pytest.mark.parametrize("command", [["status"], ["stop"], ["cleanup", "--yes"]])
def test_a_command_warns_with_file_and_line_and_goes_on_when_it_does_not_need_the_key(
    lgbm_sm: CommandLine, command: list[str]
) -> None:
    (lgbm_sm.folder / "config.yaml").write_text(BROKEN)
    said = lgbm_sm(*command, "--output", "json")
    assert json.loads(said.stdout)
    assert said.stderr.splitlines()[1:] == [f"warning: {line}" for line in WARNINGS]
    assert "set both aws.subnets and aws.security_groups" in said.stderr.splitlines()[0]


def test_other_commands_still_refuse_that_configuration(lgbm_sm: CommandLine) -> None:
    (lgbm_sm.folder / "config.yaml").write_text(BROKEN)
    assert "config.yaml:3: training.instance_typ is not a known key" in lgbm_sm("train", exit_code=3).stderr


def test_the_needed_keys_keep_their_values_and_the_ignored_ones_have_their_defaults(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(BROKEN)
    config = load_config(path, needs=RESOURCE_KEYS).config
    assert (config.project.name, config.endpoint_name, config.aws.region) == ("mine", "mine-too", "eu-central-1")
    assert (config.training.max_runtime_seconds, config.data.files, config.aws.subnets) == (3600, None, ())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("project: {name: my houses}\nlocal: {bakend: docker}\n", "config.yaml:1: project.name: use only letters"),
        ("project: {nam: houses}\n", "config.yaml:1: project.nam is not a known key (did you mean name?)"),
        ("projct: {name: houses}\n", "config.yaml:1: projct is not a known key (did you mean project?)"),
        ("region: eu-central-1\n", "config.yaml:1: region is not a known key (did you mean aws.region?)"),
        ("aws: {regoin: eu-central-1}\n", "config.yaml:1: aws.regoin is not a known key (did you mean region?)"),
        ("aws:\n  region: Frankfurt\n", "config.yaml:2: aws.region: "),
        ("endpoint: houses\n", "config.yaml:1: endpoint is a section"),
        ("project: {name: a}\nproject: {name: b}\n", "config.yaml:2: duplicate key project"),
        ("aws: {prefix: a}\naws: {bucket: b}\n", "config.yaml:2: duplicate key aws"),
        ("project: {name: a\n", "config.yaml:2: not valid YAML"),
        ("- project\n", "config.yaml:1: must be a mapping"),
    ],
)
def test_a_problem_of_a_needed_key_is_the_error_and_no_other_is_told(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as refused:
        load_config(path, needs=RESOURCE_KEYS)
    assert refused.value.message.replace(f"{tmp_path}/", "").startswith(message)
    assert "\n" not in refused.value.message


def test_what_the_environment_sets_wrongly_is_ignored_too_and_what_set_says_is_not(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("project: {name: mine}\n")
    [warning] = load_config(path, (), {"LGBM_SM_LOCAL__BAKEND": "docker"}, needs=RESOURCE_KEYS).warnings
    assert warning.startswith("LGBM_SM_LOCAL__BAKEND: local.bakend is not a known key (did you mean backend?)")
    with pytest.raises(ConfigError, match=r"--set local\.bakend"):
        load_config(path, ("local.bakend=docker",), needs=RESOURCE_KEYS)
