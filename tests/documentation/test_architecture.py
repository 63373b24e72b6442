"""docs/architecture.md and CONTRIBUTING.md show the layers and the paths of the code."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path

import grimp
import pytest

from tests.documentation.pages import CHECKOUT

ARCHITECTURE = CHECKOUT / "docs" / "architecture.md"
RUNTIME = CHECKOUT / "containers" / "runtime" / "lgbm_runtime"
Layers = list[set[str]]


def layers_drawn(text: str, diagram: int) -> Layers:
    """Return the names in each layer of a Mermaid diagram, top layer first."""
    drawing = re.findall(r"^```mermaid\n(.*?)^```", text, re.DOTALL | re.MULTILINE)[diagram]
    nodes = {
        node: set(names.split(", ")) for node, names in re.findall(r'^    (\w+)\["([^"]+)"\]$', drawing, re.MULTILINE)
    }
    [chain] = re.findall(r"^    (\w+(?: --> \w+)+)$", drawing, re.MULTILINE)
    order = chain.split(" --> ")
    assert sorted(order) == sorted(nodes), "each layer is drawn once"
    return [nodes[node] for node in order]


def imports_between(package: str) -> set[tuple[str, str]]:
    """Return pairs of top-level modules. The first module of a pair imports the second one."""
    graph = grimp.build_graph(package)
    pairs = set()
    for module in graph.modules:
        for imported in graph.find_modules_directly_imported_by(module):
            pair = tuple(name.split(".")[1] for name in (module, imported) if "." in name)
            if len(pair) == 2 and pair[0] != pair[1]:
                pairs.add((pair[0], pair[1]))
    return pairs


def upward(layers: Layers, imports: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    rank = {name: position for position, names in enumerate(layers) for name in names}
    return sorted((above, below) for above, below in imports if rank[above] > rank[below])


def modules_of(folder: Path) -> set[str]:
    packages = {path.parent.name for path in folder.glob("*/__init__.py")}
    return packages | {path.stem for path in folder.glob("*.py")} - {"__init__"}


@pytest.mark.parametrize(
    ("diagram", "package", "folder"), [(0, "lgbm_sm", CHECKOUT / "lgbm_sm"), (1, "lgbm_runtime", RUNTIME)]
)
def test_the_layers_are_those_of_the_imports(diagram: int, package: str, folder: Path) -> None:
    layers = layers_drawn(ARCHITECTURE.read_text(encoding="utf-8"), diagram)
    names = [name for layer in layers for name in layer]
    assert sorted(names) == sorted(modules_of(folder))
    imports = imports_between(package)
    assert len(imports) > 2
    assert upward(layers, imports) == []


@pytest.mark.parametrize("package", ["lgbm_sm", "lgbm_runtime"])
def test_no_module_imports_itself_by_way_of_others(package: str) -> None:
    graph = grimp.build_graph(package)
    imported = {module: graph.find_modules_directly_imported_by(module) - {module} for module in graph.modules}
    assert len(imported) > 40
    with_cycle = [
        module for module, imports in imported.items() if any(graph.chain_exists(one, module) for one in imports)
    ]
    assert with_cycle == []


def test_the_layers_are_those_of_import_linters_contracts() -> None:
    configuration = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = [one for one in configuration["tool"]["importlinter"]["contracts"] if one["type"] == "layers"]
    text = ARCHITECTURE.read_text(encoding="utf-8")
    assert len(contracts) == 2
    assert [len(contract["layers"]) for contract in contracts] == [12, 4]
    for diagram, contract in enumerate(contracts):
        assert [set(re.split(r" [:|] ", layer)) for layer in contract["layers"]] == layers_drawn(text, diagram)


def test_an_upward_import_and_a_missing_layer_are_found() -> None:
    drawing = '```mermaid\nflowchart TB\n    top["a, b"]\n    bottom["c"]\n    top --> bottom\n```\n'
    layers = layers_drawn(drawing, 0)
    assert layers == [{"a", "b"}, {"c"}]
    assert upward(layers, [("a", "c"), ("a", "b"), ("c", "b")]) == [("c", "b")]
    with pytest.raises(AssertionError, match="drawn once"):
        layers_drawn(drawing.replace("top --> bottom", "top --> top"), 0)


FOLDERS = (CHECKOUT, CHECKOUT / "lgbm_sm", RUNTIME)
SPOKEN = re.compile(r"`([\w.]+(?:/[\w.]+)*(?:/|\.(?:py|md|txt|toml|yaml|pl)))`")


@pytest.mark.parametrize("page", [ARCHITECTURE, CHECKOUT / "CONTRIBUTING.md"], ids=lambda page: page.name)
def test_every_path_exists_when_a_page_names_it(page: Path) -> None:
    named = set(SPOKEN.findall(page.read_text(encoding="utf-8")))
    assert len(named) > 10
    nowhere = [path for path in sorted(named) if not _exists(path)]
    assert nowhere == []


def _exists(path: str) -> bool:
    if any((folder / path).exists() for folder in FOLDERS):
        return True
    # a name without a folder continues a list of neighbours
    return "/" not in path.rstrip("/") and any(
        found
        for folder in ("lgbm_sm", "containers/runtime", "docs", "tests")
        for found in (CHECKOUT / folder).rglob(path)
    )
