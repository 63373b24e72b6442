"""What is there, what it says, and what holds: status, logs, config."""

from typing import Annotated

import typer

from lgbm_sm.commands.app import app, help_text, load, opened_workspace, warn_of_copy
from lgbm_sm.commands.options import SharedOptionsCommand
from lgbm_sm.errors import ExitCode


@app.command(
    cls=SharedOptionsCommand,
    short_help="What exists, since when, and in which state.",
    help=help_text(
        "lgbm-sm status",
        "Shows what is on record or carries the project's tag, here and at AWS, and what is seen of it now.",
        "`lgbm-sm logs`, or `lgbm-sm cleanup`.",
    ),
)
def status(
    ctx: typer.Context,
    aws: Annotated[bool, typer.Option("--aws", help="Ask AWS too, though both instance types are local.")] = False,
) -> None:
    from lgbm_sm.commands import views
    from lgbm_sm.inventory import take_inventory

    with opened_workspace(ctx, changes=False, ask_aws=aws) as (workspace, console):
        inventory = take_inventory(workspace.holdings)
        views.show_status(console, inventory)
        if inventory.is_unreachable:
            raise typer.Exit(ExitCode.AWS)


@app.command(
    cls=SharedOptionsCommand,
    short_help="The endpoint's log, or the last training job's.",
    help=help_text(
        "lgbm-sm logs --follow",
        "Shows the log of the project's endpoint, or with --training that of its last training job.",
        "`lgbm-sm status`.",
    ),
)
def logs(
    ctx: typer.Context,
    training: Annotated[bool, typer.Option("--training", help="The last training job's log.")] = False,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the program ends.")] = False,
) -> None:
    from lgbm_sm import deploy
    from lgbm_sm.commands import views
    from lgbm_sm.logs import find_logged_entry, read_log

    with opened_workspace(ctx, changes=False) as (workspace, console):
        if not training:
            deploy.adopt_unknown(workspace)
        entry = find_logged_entry(workspace.record, workspace.config.project.name, training=training)
        views.show_log(console, entry, read_log(entry, workspace.backends[entry.place], follow=follow))


@app.command(
    cls=SharedOptionsCommand,
    short_help="The effective configuration, and where each value comes from.",
    help=help_text(
        "lgbm-sm config --set training.instance_type=ml.m4.2xlarge",
        "Shows every key with its value and its source: --set before environment (LGBM_SM_TRAINING__INSTANCE_TYPE) "
        "before file before default.",
        "`lgbm-sm prepare-data`.",
    ),
)
def config(ctx: typer.Context) -> None:
    from lgbm_sm.commands import views
    from lgbm_sm.config.loading import effective

    loaded, console = load(ctx)
    warn_of_copy(loaded, console)
    views.show_config(console, effective(loaded))
