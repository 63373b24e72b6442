"""Options that every command takes, before or after its name."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from lgbm_sm.commands.completion import configuration_keys
from lgbm_sm.console import OutputFormat

_PANEL = "Options of every command"
SHARED = ("config", "overrides", "output", "verbose")

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="The configuration file (default: config.yaml here, or of a project above).",
        rich_help_panel=_PANEL,
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="A value for one key of the configuration. You can repeat this option.",
        autocompletion=configuration_keys,
        rich_help_panel=_PANEL,
    ),
]
OutputOption = Annotated[
    OutputFormat | None,
    typer.Option("--output", help="The format of the result (default: text).", rich_help_panel=_PANEL),
]
VerboseOption = Annotated[
    bool, typer.Option("--verbose", "-v", help="Diagnostic details, on stderr.", rich_help_panel=_PANEL)
]


def output_format(arguments: Sequence[str]) -> OutputFormat:
    """Find `--output` in arguments that are not parsed yet.

    The errors of the parser have this format too.
    """
    joined = "\n".join(arguments)
    return OutputFormat.JSON if "--output=json" in arguments or "--output\njson" in joined else OutputFormat.TEXT


class SharedOptionsCommand(TyperCommand):
    """A command that also takes the options of the program. It passes them on in the context."""

    def get_params(self, ctx: Any) -> list[Any]:
        shared = [param for param in ctx.find_root().command.params if param.name in SHARED]
        own = super().get_params(ctx)
        return [*own[:-1], *shared, own[-1]]  # --help stays last

    def invoke(self, ctx: Any) -> Any:
        before: dict[str, Any] = ctx.find_root().params
        after = {name: ctx.params.pop(name) for name in SHARED}
        config = after["config"] or before["config"]
        # These values are still text, because Typer converts only the options in a command's own function.
        ctx.obj = {
            "config": Path(config) if config else None,
            "overrides": [*(before["overrides"] or ()), *(after["overrides"] or ())],
            "output": OutputFormat(after["output"] or before["output"] or OutputFormat.TEXT),
            "verbose": after["verbose"] or before["verbose"],
        }
        return super().invoke(ctx)
