"""The program accepts all commands and settings on the pages."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

import lgbm_sm.cli  # noqa: F401 - gathers the commands
from lgbm_sm.commands.app import app
from lgbm_sm.config.keys import known_keys
from lgbm_sm.config.loading import load_config
from lgbm_sm.config.problems import known_below
from lgbm_sm.config.sections import Config
from tests.documentation.pages import CHECKOUT, GUIDES, PAGES, blocks_of, make_targets_of, named_calls, shown_calls

# a file whose name looks like a key of the section `training`
FILES = {"training.py"}


def parsed(arguments: list[str]) -> list[str]:
    """Parse the arguments with the program's own parser. Return the settings after `--set`."""
    program: Any = get_command(app)
    context = program.make_context("lgbm-sm", list(arguments))
    name, command, rest = program.resolve_command(context, [*context._protected_args, *context.args])
    below = command.make_context(name, rest, parent=context)
    return [*_set(context), *_set(below)]


def _set(context: Any) -> list[str]:
    return list(context.params.get("overrides") or ())


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.name)
def test_every_command_and_setting_is_taken_when_a_page_shows_it(page: Path, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    for arguments in shown_calls(page):
        if arguments[0] not in ("--help", "--version"):
            # an image that a page calls my-image may have the hyperparameters of another library
            load_config(None, parsed(arguments), any_hyperparameters=arguments[:1] == ["verify"])


def test_pages_show_commands_and_settings() -> None:
    shown = [arguments for page in GUIDES for arguments in shown_calls(page)]
    assert len(shown) > 40
    assert sum("--set" in arguments for arguments in shown) > 5


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.name)
def test_every_command_and_option_exists_when_a_page_names_it(page: Path) -> None:
    require_known(named_calls(page))


def test_every_command_and_option_exists_when_the_program_names_it_in_a_message() -> None:
    sources = (path.read_text(encoding="utf-8") for path in (CHECKOUT / "lgbm_sm").rglob("*.py"))
    texts = [node.value for source in sources for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)]
    named = [call for text in texts if isinstance(text, str) for call in re.findall(r"`lgbm-sm ([^`]+)`", text)]
    assert len(named) > 100
    require_known([call.split() for call in named])


def require_known(calls: Iterable[list[str]]) -> None:
    """Require that each call begins with a command of the program and has only options of it."""
    program: Any = get_command(app)
    for name, *rest in calls:
        if name in ("COMMAND", "STEP") or name.startswith("-"):
            continue
        context = program.make_context("lgbm-sm", [name, "--help"], resilient_parsing=True)
        command = program.get_command(context, name)
        assert command is not None, name
        known = {option for param in command.get_params(context) for option in param.opts}
        assert {word for word in rest if word.startswith("-") and word != "-"} <= known, (name, rest)


def test_a_wrong_command_option_or_setting_is_seen() -> None:
    with pytest.raises(Exception, match="No such command"):
        parsed(["trian"])
    with pytest.raises(Exception, match="No such option"):
        parsed(["train", "--wait"])
    assert parsed(["--set", "a.b=1", "train", "--set", "c.d=2"]) == ["a.b=1", "c.d=2"]


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.name)
def test_every_key_exists_when_a_page_names_it(page: Path) -> None:
    known = known_keys(Config)
    named = re.findall(
        rf"(?<![\w./-])((?:{'|'.join(known)})\.[a-z_.]+[a-z])(?![\w/(])", page.read_text(encoding="utf-8")
    )
    wrong = [key for key in named if key not in FILES and not _is_known(tuple(key.split(".")))]
    assert wrong == []


def _is_known(path: tuple[str, ...]) -> bool:
    above = known_below(known_keys(Config), path[:-1])
    return above is not None and (path[-1] in above or "*" in above)


CONFIGS = [(block.page, block.text) for page in PAGES for block in blocks_of(page) if block.language == "yaml"]


@pytest.mark.parametrize(("page", "text"), CONFIGS)
def test_every_configuration_is_taken_when_a_page_shows_it(page: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    loaded = load_config(path)
    assert set(loaded.sources.values()) - {"default"}
    assert yaml.safe_load(text)


def test_every_make_target_exists_when_a_page_names_it() -> None:
    makefile = (CHECKOUT / "Makefile").read_text(encoding="utf-8")
    targets = {target for page in GUIDES for target in make_targets_of(page)}
    assert {"docs", "test", "lock"} <= targets
    assert [target for target in targets if not re.search(rf"^{target}:", makefile, re.MULTILINE)] == []
