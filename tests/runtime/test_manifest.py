"""The manifest that a training writes. A server reports files that it does not list."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lgbm_runtime.core.errors import ModelError
from lgbm_runtime.core.manifest import check_model
from tests.runtime.training_jobs import environment, regression_job

MANIFEST = "lgbm-sm-manifest.json"
MODEL = "lightgbm-regression-model.txt"
CHECKED = {"model.txt": "tree\n", "code/inference.py": "x = 1\n"}


def write(folder: Path, files: dict[str, str], **others: str) -> Path:
    """Write files that the manifest lists, and others that it does not list."""
    for name, text in {**files, **others}.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    members = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in files.items()}
    (folder / MANIFEST).write_text(json.dumps({"format_version": 1, "members": members}))
    return folder


def test_a_training_names_each_of_its_files_with_its_sha_256(tmp_path: Path) -> None:
    job = regression_job(tmp_path, num_boost_round=2)
    assert job.run_here() == 0
    folder = job.root / "model"
    assert json.loads((folder / MANIFEST).read_text()) == {
        "format_version": 1,
        "members": {
            name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in (MODEL, "metadata.json")
        },
    }
    assert check_model(folder, {}) == ""


KILLED_AT = """
import os, sys
from pathlib import Path
from types import SimpleNamespace
from lgbm_runtime.training.artifact import write_artifact

folder, steps = Path(sys.argv[1]), 0

def count(event, _):
    global steps
    if event in ("open", "os.rename", "os.remove"):
        if steps == 0:
            os._exit(9)
        steps -= 1

def train_again(folder):
    write_artifact(folder, SimpleNamespace(text="new model"), {"best_iteration": 2})
    os._exit(0)

sys.addaudithook(count)
for killed_at in range(100):
    steps = 1000
    one = folder / str(killed_at)
    one.mkdir()
    write_artifact(one, SimpleNamespace(text="old model"), {"best_iteration": 1})
    if (pid := os.fork()) == 0:
        steps = killed_at
        train_again(one)
    if os.waitpid(pid, 0)[1] == 0:
        break
"""


def test_a_model_is_never_refused_for_an_older_manifest_when_a_training_was_killed_while_it_saved(
    tmp_path: Path,
) -> None:
    subprocess.run([sys.executable, "-c", KILLED_AT, str(tmp_path)], env=environment(), check=True, timeout=60)
    folders = sorted(tmp_path.iterdir(), key=lambda folder: int(folder.name))
    found = [
        ((folder / MODEL).read_text() if (folder / MODEL).exists() else None, check_model(folder, {}))
        for folder in folders
        if (folder / MODEL).exists()
    ]
    uncheckable = "there is no lgbm-sm-manifest.json"
    assert {(model, "" if not remark else uncheckable) for model, remark in found if "partial" not in remark} == {
        ("old model", ""),
        ("old model", uncheckable),
        ("new model", uncheckable),
        ("new model", ""),
    }
    assert len(folders) >= 8
    assert found[-1] == ("new model", "")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda folder: (folder / "model.txt").write_text("TREE\n"), "model.txt was changed"),
        (lambda folder: (folder / "model.txt").unlink(), "model.txt is missing, but lgbm-sm-manifest.json lists it"),
        (lambda folder: (folder / "code" / "inference.py").write_text(""), "code/inference.py was changed"),
        (lambda folder: (folder / MANIFEST).write_text("{"), "lgbm-sm-manifest.json cannot be read"),
        (lambda folder: (folder / MANIFEST).write_text('{"format_version": 2}'), "not a manifest of format 1"),
        (lambda folder: (folder / MANIFEST).write_text('{"format_version": 1, "members": [1]}'), "SHA-256 of each"),
        (
            lambda folder: (folder / MANIFEST).write_text('{"format_version": 1, "members": {"\\ud800\\n": "0"}}'),
            r"\\ud800\\n is missing",
        ),
    ],
)
def test_a_model_is_refused_with_the_files_name_and_the_way_out_when_it_is_not_what_was_packed(
    change: Callable[[Path], object], says: str, tmp_path: Path
) -> None:
    folder = write(tmp_path, CHECKED)
    change(folder)
    with pytest.raises(ModelError, match=says) as refused:
        check_model(folder, {})
    assert "`lgbm-sm deploy --unchecked`, which sets LGBM_RUNTIME_UNCHECKED=1" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert check_model(folder, {"LGBM_RUNTIME_UNCHECKED": "1"}) == (
        f"the files in {folder} are not checked: LGBM_RUNTIME_UNCHECKED=1"
    )


def test_a_variable_that_is_neither_0_nor_1_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="LGBM_RUNTIME_UNCHECKED must be 0 or 1, got 'yes'"):
        check_model(write(tmp_path, CHECKED), {"LGBM_RUNTIME_UNCHECKED": "yes"})


def test_files_that_others_have_added_are_named(tmp_path: Path) -> None:
    added = {f"code/part{number}.py": "" for number in range(7)}
    assert check_model(write(tmp_path, CHECKED, **added), {"LGBM_RUNTIME_UNCHECKED": "0"}) == (
        "these files are served unchecked, because lgbm-sm-manifest.json does not list them: code/part0.py, code/part1.py, "
        "code/part2.py, code/part3.py, code/part4.py and 2 more"
    )
