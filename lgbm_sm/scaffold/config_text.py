"""Set values in the text of a config.yaml without changing its comments."""

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from lgbm_sm.errors import ConfigError
from lgbm_sm.preparation.problems import as_yaml

if TYPE_CHECKING:
    import yaml


def with_values(text: str, values: Mapping[str, object]) -> str:
    """Return the text with new values of dotted keys, such as `data.target`.

    A section and its keys must exist, each on its own line. A key below these keys, such as
    `training.hyperparameters.num_leaves`, is added if it does not exist. Values are scalars, or lists of scalars.
    """
    lines = text.splitlines()
    for dotted, value in values.items():
        section, key, *below = dotted.split(".", 2)
        start = _find(lines, section, 0, 0, len(lines))
        line = _find(lines, key, 2, start + 1, _end(lines, start, 0))
        if below:
            _set_below(lines, line, below[0], value)
        else:
            lines[line] = f"  {key}: {_flow(value)}"
    return "\n".join(lines) + "\n"


def with_project_name(text: str, name: str) -> str:
    """Return the text of any configuration with another `project.name` and no other change.

    Raises:
        ConfigError: the name cannot be set in text of this form.
    """
    import yaml

    root = yaml.compose(text, yaml.SafeLoader)
    if root is None or isinstance(root, yaml.MappingNode):
        project = _value_of(root, "project") if root else None
        if project is None:
            end = "" if not text or text.endswith("\n") else "\n"
            return f"{text}{end}project:\n  name: {as_yaml(name)}\n"
        if isinstance(project, yaml.MappingNode) and project.value:
            old = _value_of(project, "name")
            if isinstance(old, yaml.ScalarNode):
                return f"{text[: old.start_mark.index]}{as_yaml(name)}{text[old.end_mark.index :]}"
    raise ConfigError("cannot set project.name in this configuration", "write project.name into it")


def _value_of(mapping: "yaml.MappingNode", name: str) -> "yaml.Node | None":
    return next((value for key, value in mapping.value if key.value == name), None)


def _set_below(lines: list[str], parent: int, name: str, value: object) -> None:
    end = _end(lines, parent, 2)
    written = f"    {as_yaml(name)}: {_flow(value)}"
    pattern = re.compile(rf"    {re.escape(as_yaml(name))}:(?= |$)")
    for line in range(parent + 1, end):
        if pattern.match(lines[line]):
            lines[line] = written
            return
    lines[parent] = lines[parent].partition(":")[0] + ":"  # the value was null, an empty mapping, or missing
    while end > parent + 1 and not lines[end - 1].strip():
        end -= 1
    lines.insert(end, written)


def _find(lines: list[str], name: str, indent: int, start: int, end: int) -> int:
    begin = f"{' ' * indent}{name}:"
    return next(line for line in range(start, end) if lines[line].startswith(begin))


def _end(lines: list[str], start: int, indent: int) -> int:
    """Return the line after the block that begins at the line `start`."""
    for line in range(start + 1, len(lines)):
        text = lines[line]
        if text.strip() and len(text) - len(text.lstrip()) <= indent:
            return line
    return len(lines)


def _flow(value: object) -> str:
    """Return a value as YAML in one line."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_flow, value))}]"
    return as_yaml(value) if isinstance(value, str) else json.dumps(value)
