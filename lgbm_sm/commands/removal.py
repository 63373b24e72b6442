"""What takes away again what the other commands have made."""

from typing import Annotated

import typer

from lgbm_sm.commands.program import app, help_text, opened_workspace
from lgbm_sm.console import can_ask
from lgbm_sm.errors import LeftOverError, UsageError
from lgbm_sm.options import SharedOptionsCommand


@app.command(
    cls=SharedOptionsCommand,
    short_help="Stop and delete what was made, and prove that nothing is left.",
    help=help_text(
        "lgbm-sm cleanup --yes --keep training-jobs",
        "Stops endpoints and training jobs and deletes them with their logs and artifacts, and then the images built "
        "here; asks per kind, default No. Looks again afterwards: exit code 11 when something is left that should be "
        "gone. Your data stays.",
        "`lgbm-sm run` starts anew.",
    ),
)
def cleanup(
    ctx: typer.Context,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    keep: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KINDS",
            help="Leave these: endpoints, training-jobs, data, images, pushed-images, repositories.",
        ),
    ] = None,
) -> None:
    from lgbm_sm import views
    from lgbm_sm.cleanup import cleanup as clean_up
    from lgbm_sm.cleanup import kinds_of
    from lgbm_sm.inventory import list_items

    with opened_workspace(ctx) as (workspace, console):
        kinds = kinds_of(",".join(keep or ()))
        if not yes and not can_ask() and list_items(workspace.holdings):
            raise UsageError("cleanup asks before it deletes, and nobody can answer here", "pass --yes")
        result = clean_up(
            workspace.holdings,
            keep=kinds,
            confirm=(lambda _: True) if yes else console.confirm,
            reporter=console,
        )
        views.show_cleanup(console, result)
        if result.left:
            names = ", ".join(item.entry.name for item in result.left)
            raise LeftOverError(f"left over: {names}", "run `lgbm-sm status`, end the processes, and clean up again")
