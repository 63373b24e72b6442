"""stop: end the endpoints, and keep the models."""

from typing import Annotated

import typer

from lgbm_sm.commands.app import DryRunOption, app, help_text, opened_workspace
from lgbm_sm.commands.options import SharedOptionsCommand
from lgbm_sm.console import can_ask


@app.command(
    cls=SharedOptionsCommand,
    short_help="End the endpoints and keep the models.",
    help=help_text(
        "lgbm-sm stop",
        "End every endpoint of the project, on this machine and in AWS. On SageMaker, delete the endpoint and its "
        "endpoint config, so that it is no longer billed. Models, their artifacts, training jobs, data and images are "
        "kept, and `lgbm-sm deploy` starts the endpoint again. If an endpoint cannot be deleted, the command exits "
        "with code 11.",
        "`lgbm-sm deploy` to start it again, or `lgbm-sm cleanup` to delete everything.",
    ),
)
def stop(
    ctx: typer.Context,
    aws: Annotated[
        bool,
        typer.Option(
            "--aws", help="Also look for endpoints in AWS if none are on record and both instance types are local."
        ),
    ] = False,
    adopted: Annotated[
        bool,
        typer.Option("--adopted", help="Also end endpoints that another work folder created, without asking."),
    ] = False,
    dry_run: DryRunOption = False,
) -> None:
    from lgbm_sm.commands import removal_view, views
    from lgbm_sm.config.tolerance import RESOURCE_KEYS
    from lgbm_sm.stop import stop as end_endpoints

    with opened_workspace(ctx, changes=True, ask_aws=aws, dry_run=dry_run, needs=RESOURCE_KEYS) as (workspace, console):
        asks = not (adopted or dry_run) and can_ask()
        result = end_endpoints(
            workspace.inventory_sources,
            confirm_adopted=console.confirm if asks else lambda _: adopted,
            reporter=console,
        )
        if result.adopted and not asks:
            command = f"lgbm-sm stop --adopted{' --aws' if aws else ''}"
            removal_view.warn_of_adopted(console, result, f"`{command}` ends")
        if workspace.dry_run:
            views.show_calls(console, workspace.dry_run)
            return
        removal_view.show_stopped(console, result)
