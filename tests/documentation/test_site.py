"""The site can be built without a network, and loads nothing from other sites."""

from __future__ import annotations

import html
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from lgbm_sm.config.keys import known_keys
from lgbm_sm.config.problems import key_paths
from lgbm_sm.config.sections import Config
from lgbm_sm.known_issues.lookup import known_issues
from tests.documentation.pages import CHECKOUT, PAGES

# scripts compare with these numbers: a change breaks them
EXIT_CODES = [
    ("0", "OK"),
    ("1", "BUG"),
    ("2", "USAGE"),
    ("3", "CONFIG"),
    ("4", "DATA"),
    ("5", "IMAGE"),
    ("6", "AWS"),
    ("7", "TRAINING"),
    ("8", "ENDPOINT"),
    ("9", "INVOCATION"),
    ("10", "TIMED_OUT"),
    ("11", "LEFT_OVER"),
    ("130", "INTERRUPTED"),
    ("141", "BROKEN_PIPE"),
]

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("site")]
NO_NETWORK = {"http_proxy": "http://127.0.0.1:1", "https_proxy": "http://127.0.0.1:1"}


def build(checkout: Path, site: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(site)],
        cwd=checkout,
        env=os.environ | NO_NETWORK,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    built = build(CHECKOUT, folder)
    assert built.returncode == 0, built.stderr
    return folder


def text_of(site: Path, page: str) -> str:
    return html.unescape(re.sub(r"<[^>]+>", "", (site / page).read_text(encoding="utf-8")))


def test_every_page_is_there(site: Path) -> None:
    assert [page.name for page in PAGES if not (site / f"{page.stem}.html").exists()] == []
    assert (site / "source/containers/runtime/index.html").exists()
    assert (site / "source/config.yaml").read_bytes() == (CHECKOUT / "config.yaml").read_bytes()


def test_nothing_is_fetched_from_elsewhere_when_a_page_is_read(site: Path) -> None:
    for page in site.rglob("*.html"):
        fetched = re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=\"(\w+:[^\"]+)", page.read_text(encoding="utf-8"))
        assert [address for address in fetched if not address.startswith("data:")] == [], page


def test_no_heading_has_an_id_that_the_themes_script_ends_at(site: Path) -> None:
    assert 'href="tutorial.html#section-24-the-same-in-the-container"' in (site / "own-data.html").read_text()
    for page in site.rglob("*.html"):
        ids = re.findall(r'<h\d id="(\d[^"]*)', page.read_text(encoding="utf-8"))
        assert ids == (["404-page-not-found"] if page.name == "404.html" else []), page


def test_every_key_stands_in_the_reference(site: Path) -> None:
    text = text_of(site, "configuration.html")
    keys = {".".join(path) for path in key_paths(known_keys(Config)) if len(path) > 1}
    # LightGBM's parameters stand in the default of the mapping that they are keys of
    keys = {key for key in keys if not key.startswith("training.hyperparameters.")} | {"early_stopping_round: 5"}
    assert [key for key in sorted(keys) if key not in text] == []


def test_every_exit_code_and_every_known_issue_stands_in_its_table(site: Path) -> None:
    codes = re.findall(r"<td>(\d+)</td>\s*<td><code>(\w+)</code></td>\s*<td>.", (site / "exit-codes.html").read_text())
    assert codes == EXIT_CODES
    failures = text_of(site, "troubleshooting.html")
    for issue in known_issues():
        for part in (issue.id, issue.cause, issue.fix, issue.source, *issue.patterns):
            assert part.replace("`", "") in failures.replace("`", ""), issue.id


def test_every_command_stands_with_its_help(site: Path) -> None:
    text = text_of(site, "commands.html")
    assert "lgbm-sm train --set training.instance_type=ml.m4.2xlarge" in text
    assert "--no-wait" in text
    assert "Usage: lgbm-sm cleanup" in text


def test_a_broken_link_ends_the_build(tmp_path: Path) -> None:
    for folder in ("docs", "tools", "containers", "benchmarks", "examples"):
        shutil.copytree(CHECKOUT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("mkdocs.yml", "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "LICENSE", "config.yaml"):
        shutil.copy(CHECKOUT / file, tmp_path / file)
    (tmp_path / "docs" / "costs.md").write_text("[gone](../no-such-file.md)\n")
    built = build(tmp_path, tmp_path / "site")
    assert built.returncode != 0
    assert "no-such-file.md" in built.stderr


def test_sdk_v3_has_what_the_table_names() -> None:
    table = (CHECKOUT / "docs" / "sdk.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:\w+\.)+\w+)` \|$", table, re.MULTILINE))
    assert len(named) > 8
    for name in named:
        module, _, attribute = name.rpartition(".")
        assert _names(f"sagemaker.core.{module}", attribute), name


def _names(module: str, attribute: str) -> bool:
    """Return whether the source of the module has the name.

    This imports nothing of SageMaker's SDK.
    """
    spec = find_spec("sagemaker")  # a namespace, which several distributions share
    assert spec is not None
    parts = module.split(".")[1:]
    sources: list[Path] = []
    for folder in spec.submodule_search_locations or ():
        path = Path(folder, *parts)
        sources += [*path.glob("*.py"), *path.parent.glob(f"{path.name}.py")]
    return any(re.search(rf"\b(?:class|def) {attribute}\b", source.read_text(encoding="utf-8")) for source in sources)
