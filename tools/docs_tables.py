"""Generate tables for the documentation: keys, commands, exit codes and known issues."""

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import get_args

import yaml
from msgspec import NODEFAULT
from msgspec.structs import fields

from lgbm_sm import errors
from lgbm_sm.config.keys import ConfigSection, plain
from lgbm_sm.config.sections import Config
from lgbm_sm.known_issues.lookup import known_issues


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table. The cells contain Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |" for line in lines)


def escaped(text: str) -> str:
    """Escape plain text for Markdown. Text between backticks remains code."""
    parts = text.split("`")
    parts[::2] = [re.sub(r"([\\*_\[\]{}])", r"\\\1", html.escape(part, quote=False)) for part in parts[::2]]
    return "`".join(parts)


def configuration() -> str:
    """Return the keys of config.yaml with their defaults, by section."""
    parts = []
    for section in fields(Config):
        kind, key = get_args(section.type)
        rows = [
            (f"`{name}`", f"`{default}`" if default else "required", escaped(meaning))
            for name, default, meaning in _keys(section.name, kind)
        ]
        parts.append(f"## {section.name}\n\n{escaped(key.description)}\n\n{table(('key', 'default', 'meaning'), rows)}")
    return "\n\n".join(parts)


def _keys(prefix: str, section: type[ConfigSection]) -> Iterator[tuple[str, str, str]]:
    for field in fields(section):
        kind, key = get_args(field.type)
        default = ""
        if not field.required:
            default = _as_yaml(field.default if field.default is not NODEFAULT else field.default_factory())
        yield f"{prefix}.{field.name}", default, key.description
        for part in get_args(kind):
            if isinstance(part, type) and issubclass(part, ConfigSection):
                yield from _keys(f"{prefix}.{field.name}", part)


def _as_yaml(value: object) -> str:
    return (
        yaml.safe_dump(plain(value), default_flow_style=True, width=10_000, sort_keys=False).split("\n...")[0].strip()
    )


def exit_codes(meanings: Mapping[int, str]) -> str:
    """Return the exit codes and the errors that cause them. `meanings` come from the README."""
    raised: dict[int, list[str]] = {code: [] for code in errors.ExitCode}
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, errors.LgbmSmError) and kind is not errors.LgbmSmError:
            raised[kind.exit_code].append(f"`{kind.__name__}`")
    rows = [(f"{code.value}", f"`{code.name}`", meanings[code], ", ".join(raised[code])) for code in errors.ExitCode]
    return table(("code", "name", "meaning", "raised in the program as"), rows)


def meanings_of_exit_codes(readme: str) -> dict[int, str]:
    """Read the meaning of each exit code from the README."""
    return {int(code): text for code, text in re.findall(r"^\| (\d+) \| (.*) \|$", readme, re.MULTILINE)}


def issues() -> str:
    """Return the known issues, each with its cause, fix, patterns and source."""
    parts = []
    for issue in known_issues():
        patterns = "\n".join(f"    {pattern}" for pattern in issue.patterns)
        parts.append(
            f"## {issue.id}\n\n{escaped(issue.cause)}\n\n**Fix:** {escaped(issue.fix)}\n\n"
            f"Patterns:\n\n{patterns}\n\nSource: {escaped(issue.source)}"
        )
    return "\n\n".join(parts)


def commands() -> str:
    """Return the help of all commands. It has the format that is used without a terminal."""
    from typer import Context
    from typer.main import get_command

    import lgbm_sm.cli  # noqa: F401 - gathers the commands
    from lgbm_sm.commands.app import app

    program = get_command(app)
    context = Context(program, info_name="lgbm-sm", terminal_width=100, max_content_width=100)
    parts = []
    for name in program.list_commands(context):  # type: ignore[attr-defined] # a group
        command = program.get_command(context, name)  # type: ignore[attr-defined]
        own = Context(command, parent=context, info_name=name, terminal_width=100, max_content_width=100)
        parts.append(f"## {name}\n\n```text\n{command.get_help(own).strip()}\n```")
    return "\n\n".join(parts)
