"""Values in the text of a commented configuration."""

from pathlib import Path

import pytest

from lgbm_sm.config.loading import as_plain, load_config
from lgbm_sm.errors import ConfigError
from lgbm_sm.scaffold.config_text import with_values
from lgbm_sm.scaffold.draft import GIVEN, Draft
from lgbm_sm.scaffold.project_files import config_template
from lgbm_sm.shipped import example_config_path

EXAMPLE = example_config_path().read_text(encoding="utf-8")


def comments(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.lstrip().startswith("#")]


@pytest.mark.parametrize(
    "override",
    [
        "project.name=houses",
        'data.file="a folder/häuser: #1.csv"',
        'data.target="yes"',
        'data.target="3"',
        "data.target=-1",
        'data.drop=[id, 3, "a, b", "null", "it\'s \\"so\\""]',
        "data.files={train: a.csv, validation: b.csv, test: c.csv}",
        "data.header=false",
        "data.test_size=0.1",
        "container.build_args={PIP_INDEX_URL: 'https://pypi.example.com/simple'}",
        "training.hyperparameters.objective=binary",
        "training.hyperparameters.lambda_l2=0.000001",
        "training.hyperparameters.metric=[auc, binary_logloss]",
        "local.environment.OMP_NUM_THREADS=4",
        "local.network=false",
    ],
)
def test_a_value_is_read_back_and_every_comment_stays_when_it_was_set(override: str) -> None:
    draft = Draft((override,))
    text = draft.as_text(EXAMPLE)
    assert comments(text) == comments(EXAMPLE)
    changed = set(text.splitlines()) ^ set(EXAMPLE.splitlines())
    assert 1 <= len(changed) <= 5
    assert "  target: null" in text or "data.target" in override


def test_every_value_can_be_set_anew(tmp_path: Path) -> None:
    plain = as_plain(load_config(example_config_path()).config)
    values = {f"{section}.{key}": value for section, keys in plain.items() for key, value in keys.items()}
    flat = {key: value for key, value in values.items() if not isinstance(value, dict)}
    hyperparameters = values["training.hyperparameters"]
    assert isinstance(hyperparameters, dict)
    flat |= {f"training.hyperparameters.{name}": value for name, value in hyperparameters.items()}
    path = tmp_path / "config.yaml"
    path.write_text(with_values(EXAMPLE, flat), encoding="utf-8")
    assert as_plain(load_config(path).config) == plain
    assert comments(path.read_text(encoding="utf-8")) == comments(EXAMPLE)


def test_a_project_is_not_told_that_all_is_on_its_default() -> None:
    assert "lists all keys with their defaults" in EXAMPLE
    assert "lists all keys with their defaults" not in config_template()
    assert comments(config_template())[1:] == comments(EXAMPLE)[1:]


def test_a_draft_is_refused_when_the_file_would_say_more_than_was_chosen() -> None:
    with pytest.raises(ConfigError, match="init cannot write all of"):
        Draft(("training.hyperparameters={objective: binary}",)).as_text(EXAMPLE)


def test_an_error_names_the_option_when_its_value_cannot_be_used() -> None:
    with pytest.raises(ConfigError, match=r"^--name: use only letters, digits and hyphens"):
        Draft().having("project.name", "my houses", GIVEN, "--name")


def test_choices_are_what_was_set_and_why() -> None:
    draft = Draft(("data.header=true",)).having("data.drop", ["id"], ("it counts rows",))
    assert [(choice.key, choice.value, choice.why) for choice in draft.choices] == [
        ("data.header", True, GIVEN),
        ("data.drop", ["id"], ("it counts rows",)),
    ]
    assert draft.decides("data.drop")
    assert not draft.decides("data.target")
