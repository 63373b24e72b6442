"""The pages' commands that need only Python succeed, and print the output on the pages."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import CommandLine
from tests.cli.forked import ForkServer
from tests.documentation.pages import PAGES, blocks_of
from tests.documentation.walk import walk

pytestmark = pytest.mark.slow

WITH_COMMANDS = [page for page in PAGES if any("local" in block.kinds for block in blocks_of(page))]


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda page: page.name)
def test_the_commands_of_a_page_end_well(page: Path, lgbm_sm: CommandLine, fork_server: ForkServer) -> None:
    assert walk(blocks_of(page), {"local"}, lgbm_sm.folder, lgbm_sm.environment, fork_server) > 0
    assert lgbm_sm.programs() == []


def test_the_tutorial_is_among_them() -> None:
    assert "tutorial.md" in [page.name for page in WITH_COMMANDS]


def test_a_command_that_fails_or_says_something_else_is_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- run: local -->\n```console\n$ echo one; echo two\ntw…\n```\n")
    assert walk(blocks_of(page), {"local"}, tmp_path, {}) == 1
    page.write_text("<!-- run: local -->\n```console\n$ echo one; echo two\nthree\n```\n")
    with pytest.raises(AssertionError, match="the page shows 'three'"):
        walk(blocks_of(page), {"local"}, tmp_path, {})
    page.write_text("<!-- run: local -->\n```console\n$ lgbm-sm no-such-command\n```\n")
    with pytest.raises(AssertionError, match="no-such-command"):
        walk(blocks_of(page), {"local"}, tmp_path, {})
