"""The commands status, logs and config. They change nothing."""

from typing import Annotated

import typer

from lgbm_sm.commands.app import app, help_text, load, opened_workspace, warn_of_copy
from lgbm_sm.commands.options import SharedOptionsCommand
from lgbm_sm.errors import ExitCode


@app.command(
    cls=SharedOptionsCommand,
    short_help="Show what exists, its age and its state.",
    help=help_text(
        "lgbm-sm status",
        "Show every job, endpoint, image and upload of the project, on this machine and in AWS, with its current "
        "state, and the metric and the data set of each model. The command finds them in the record, and in AWS also "
        "by the project's tag.",
        "`lgbm-sm logs`, `lgbm-sm stop` or `lgbm-sm cleanup`.",
    ),
)
def status(
    ctx: typer.Context,
    aws: Annotated[bool, typer.Option("--aws", help="Also ask AWS if both instance types are local.")] = False,
) -> None:
    from lgbm_sm.commands import views
    from lgbm_sm.config.tolerance import RESOURCE_KEYS
    from lgbm_sm.inventory import take_inventory

    with opened_workspace(ctx, changes=False, ask_aws=aws, needs=RESOURCE_KEYS) as (workspace, console):
        inventory = take_inventory(workspace.inventory_sources)
        views.show_status(console, inventory)
        if inventory.is_unreachable:
            raise typer.Exit(ExitCode.AWS)


@app.command(
    cls=SharedOptionsCommand,
    short_help="Show the log of the endpoint or of a training job.",
    help=help_text(
        "lgbm-sm logs --follow",
        "Show the log of the project's endpoint. With --training, show the log of the last training job.",
        "`lgbm-sm status`.",
    ),
)
def logs(
    ctx: typer.Context,
    training: Annotated[bool, typer.Option("--training", help="Show the log of the last training job.")] = False,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Also show new lines, until the program ends.")
    ] = False,
) -> None:
    from lgbm_sm import deploy
    from lgbm_sm.commands import views
    from lgbm_sm.logs import find_logged_entry

    with opened_workspace(ctx, changes=False) as (workspace, console):
        if not training:
            deploy.adopt_unknown(workspace)
        entry = find_logged_entry(workspace.record, workspace.config.project.name, training=training)
        views.show_log(console, entry, workspace.backend_of(entry).follow_log(entry, follow=follow))


@app.command(
    cls=SharedOptionsCommand,
    short_help="Show every setting and where its value comes from.",
    help=help_text(
        "lgbm-sm config --set training.instance_type=ml.m4.2xlarge",
        "Show every key with its value and its source. If a key has several values, the first of these sources "
        "applies: --set, the environment (for example LGBM_SM_TRAINING__INSTANCE_TYPE), the configuration file, the "
        "default.",
        "`lgbm-sm prepare-data`.",
    ),
)
def config(ctx: typer.Context) -> None:
    from lgbm_sm.commands import views
    from lgbm_sm.config.loading import effective

    loaded, console = load(ctx)
    warn_of_copy(loaded, console)
    views.show_config(console, effective(loaded))
