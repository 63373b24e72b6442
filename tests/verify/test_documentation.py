"""docs/verify.md lists all checks."""

from __future__ import annotations

import re
from pathlib import Path

from lgbm_sm.verify.verifier import ALL_CHECKS

PAGE = Path(__file__).parents[2] / "docs" / "verify.md"


def test_the_page_lists_every_check_with_its_words() -> None:
    rows = re.findall(
        r"^\| `([a-z0-9-]+)` \| (\w+) \| (.*) \| (.*) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert rows == [(check.name, check.binding, check.why, check.source) for check in ALL_CHECKS]
