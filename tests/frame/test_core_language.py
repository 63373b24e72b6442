"""The core imports no other part of the program, because pattern C runs it alone."""

import tomllib
from pathlib import Path

import grimp


def test_the_core_imports_itself_alone_and_is_checked_as_python_3_8(checkout: Path) -> None:
    graph = grimp.build_graph("lgbm_runtime", cache_dir=None)
    core = graph.find_descendants("lgbm_runtime.core")
    assert {"lgbm_runtime.core.user_code", "lgbm_runtime.core.manifest"} < core
    imported = {module for one in core for module in graph.find_modules_directly_imported_by(one)}
    assert imported <= core | {"lgbm_runtime.core"}
    settings = tomllib.loads((checkout / "containers" / "runtime" / "ruff.toml").read_text())
    assert settings["per-file-target-version"] == {"lgbm_runtime/core/*.py": "py38"}
