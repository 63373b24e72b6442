"""What pattern C's script imports runs on Python 3.8 too, so ruff must read it as such."""

import tomllib
from pathlib import Path

import grimp

# imported by containers/script_mode/inference.py
CORE = ("lgbm_runtime.core.user_code", "lgbm_runtime.core.manifest")


def test_every_module_of_the_core_is_checked_as_python_3_8(checkout: Path) -> None:
    graph = grimp.build_graph("lgbm_runtime", cache_dir=None)
    upstream = {module for entry in CORE for module in (entry, *graph.find_upstream_modules(entry))}
    core = {module.rpartition(".")[2] for module in upstream if "." in module}
    settings = tomllib.loads((checkout / "containers" / "runtime" / "ruff.toml").read_text())
    (pattern,) = [glob for glob, version in settings["per-file-target-version"].items() if version == "py38"]
    listed = set(pattern.partition("{")[2].partition("}")[0].split(","))
    assert listed == core
