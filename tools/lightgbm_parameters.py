"""Write the table of LightGBM's parameters from its source: `python tools/lightgbm_parameters.py FOLDER`.

FOLDER is a checkout of LightGBM, or its unpacked source distribution, of the version in requirements.lock. The table
has the type, the limits and the words that each parameter accepts. Only the C++ source states them all.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

TABLE = Path(__file__).parents[1] / "containers/runtime/lgbm_runtime/training/lightgbm_parameters.json"
_LIMITS = {"GT": "above", "GE": "at_least", "LT": "below", "LE": "at_most"}
# accepted for older configurations, but not documented
_FORMER_OPTIONS = {"boosting": ["goss"]}


def table_of(config_auto: str, config_header: str) -> dict[str, dict[str, Any]]:
    """Return each parameter's `type` (LightGBM's), limits, and `options` with their aliases."""
    types = config_auto[config_auto.index("Config::ParameterTypes") :]
    table: dict[str, dict[str, Any]] = {
        name: {"type": kind} for name, kind in re.findall(r'\{"(\w+)", "([\w<>]+)"\}', types)
    }
    for check, name, limit in re.findall(r"CHECK_(\w\w)\((\w+),\s+([-\d.]+)\);", config_auto):
        table[name][_LIMITS[check]] = json.loads(limit)
    # a block of comments describes the member in the line below it
    for comment, name in re.findall(r"((?:^ *//.*\n)+)^ *[\w:<>]+ (\w+)(?: = .*)?;", config_header, re.MULTILINE):
        if re.search(r"// type = (multi-)?enum$", comment, re.MULTILINE) and name in table:
            table[name]["options"] = [*_options(comment), *_FORMER_OPTIONS.get(name, ())]
    return table


def _options(comment: str) -> list[str]:
    found: dict[str, None] = {}
    if listed := re.search(r"// options = (.*)", comment):
        found.update(dict.fromkeys(listed[1].split(", ")))
    for line in re.findall(r'// desc(?:l2)? = (``"?\w+"?``.*)', comment):
        described, _, aliases = line.partition("aliases: ")
        name = described.split("``")[1].strip('"')
        if not listed or name in found:
            found.update(dict.fromkeys([name, *re.findall(r"``(\w+)``", aliases)]))
    return list(found)


def as_text(table: dict[str, dict[str, Any]]) -> str:
    """Return the table as JSON, with one line for each parameter."""
    lines = (f" {json.dumps(name)}: {json.dumps(rule)}" for name, rule in table.items())
    return "{\n" + ",\n".join(lines) + "\n}\n"


def main() -> None:
    folder = Path(sys.argv[1])
    config_auto = (folder / "src/io/config_auto.cpp").read_text(encoding="utf-8")
    config_header = (folder / "include/LightGBM/config.h").read_text(encoding="utf-8")
    TABLE.write_text(as_text(table_of(config_auto, config_header)), encoding="utf-8")


if __name__ == "__main__":
    main()
