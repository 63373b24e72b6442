"""A process on this machine gets compiled code from the user's cache, compiled only once."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from lgbm_sm.backends.native_code import native_code_path
from lgbm_sm.doctor.findings import Status
from lgbm_sm.doctor.installation import examine_compiler
from lgbm_sm.shipped import containers_path

RUNTIME = containers_path() / "runtime"
needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler is here")


@needs_compiler
def test_it_is_compiled_once(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "XDG_CACHE_HOME": str(tmp_path)}
    path = native_code_path(RUNTIME, environment)
    assert path is not None
    assert path.parent == tmp_path / "lgbm-sm"
    made = path.stat()
    assert native_code_path(RUNTIME, {**environment, "PATH": str(tmp_path)}) == path
    assert path.stat() == made


@needs_compiler
def test_another_source_is_compiled_into_another_file(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "XDG_CACHE_HOME": str(tmp_path / "cache")}
    changed = shutil.copytree(RUNTIME, tmp_path / "runtime")
    with (changed / "lgbm_runtime" / "core" / "native" / "tree_walk.c").open("a") as source:
        source.write("/* mine */\n")
    paths = {native_code_path(RUNTIME, environment), native_code_path(changed, environment)}
    assert None not in paths
    assert len(paths) == 2


def test_there_is_none_where_there_is_no_compiler(tmp_path: Path) -> None:
    environment = {"PATH": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    assert native_code_path(RUNTIME, environment) is None
    for compiler in ("", " ", "cc -m64", "clang"):
        finding = examine_compiler({**environment, "CC": compiler})
        assert finding.status is Status.WARNING
        assert "gcc" in finding.fix


@needs_compiler
def test_it_lies_in_the_home_where_no_cache_is_named(tmp_path: Path) -> None:
    assert native_code_path(RUNTIME, {"PATH": os.environ["PATH"]}) is None
    path = native_code_path(RUNTIME, {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "XDG_CACHE_HOME": "relative"})
    assert path is not None
    assert path.parent == tmp_path / ".cache" / "lgbm-sm"


def test_there_is_none_where_the_program_has_no_such_part(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "XDG_CACHE_HOME": str(tmp_path / "cache")}
    assert native_code_path(tmp_path, environment) is None


def test_there_is_none_where_there_is_no_cache(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert native_code_path(RUNTIME, {"PATH": os.environ["PATH"], "XDG_CACHE_HOME": str(tmp_path / "file")}) is None
