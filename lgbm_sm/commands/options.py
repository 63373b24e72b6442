"""Options that every command takes, before and after its name."""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from lgbm_sm.console import OutputFormat

_PANEL = "Options of every command"
SHARED = ("config", "overrides", "output", "verbose")

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="FILE", help="The configuration (default: ./config.yaml).", rich_help_panel=_PANEL
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Override one key of the configuration; repeatable.", rich_help_panel=_PANEL
    ),
]
OutputOption = Annotated[
    OutputFormat | None,
    typer.Option("--output", help="The form of the result (default: text).", rich_help_panel=_PANEL),
]
VerboseOption = Annotated[
    bool, typer.Option("--verbose", "-v", help="Also say what helps to find a cause.", rich_help_panel=_PANEL)
]


class SharedOptionsCommand(TyperCommand):
    """A command that takes the options of the program itself too, and hands them to the context."""

    def get_params(self, ctx: Any) -> list[Any]:
        shared = [param for param in ctx.find_root().command.params if param.name in SHARED]
        own = super().get_params(ctx)
        return [*own[:-1], *shared, own[-1]]  # --help stays the last

    def invoke(self, ctx: Any) -> Any:
        before: dict[str, Any] = ctx.find_root().params
        after = {name: ctx.params.pop(name) for name in SHARED}
        config = after["config"] or before["config"]
        # as written: Typer gives them their types on the way to a command's own function only
        ctx.obj = {
            "config": Path(config) if config else None,
            "overrides": [*(before["overrides"] or ()), *(after["overrides"] or ())],
            "output": OutputFormat(after["output"] or before["output"] or OutputFormat.TEXT),
            "verbose": after["verbose"] or before["verbose"],
        }
        return super().invoke(ctx)
