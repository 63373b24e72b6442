"""cleanup: delete the resources that the other commands have created."""

from typing import Annotated, Any

import typer

from lgbm_sm.commands.app import DryRunOption, app, help_text, opened_workspace
from lgbm_sm.commands.options import SharedOptionsCommand
from lgbm_sm.console import can_ask
from lgbm_sm.errors import UsageError


class _CleanupCommand(SharedOptionsCommand):
    """The command. The help of --keep lists the kinds of resources, which are loaded only for the help."""

    def get_params(self, ctx: Any) -> list[Any]:
        from lgbm_sm.cleanup import cleanup_groups

        params = super().get_params(ctx)
        for param in params:
            if param.name == "keep":
                param.help = f"Do not delete these kinds: {', '.join(group.name for group in cleanup_groups())}."
        return params


@app.command(
    cls=_CleanupCommand,
    short_help="Stop and delete all resources, then check that nothing is left.",
    help=help_text(
        "lgbm-sm cleanup --yes --keep data,images",
        "Stop and delete all endpoints and training jobs, on this machine and in AWS. Then delete the uploaded data in "
        "S3, the images on this machine and in ECR, and the repositories that push created. cleanup asks before it "
        "deletes each kind (default: no). At the end it checks again, and exits with code 11 if anything is left. "
        "cleanup keeps your data files on this machine.",
        "`lgbm-sm run` starts again.",
    ),
)
def cleanup(
    ctx: typer.Context,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Delete without asking.")] = False,
    keep: Annotated[list[str] | None, typer.Option(metavar="KINDS")] = None,
    logs: Annotated[bool, typer.Option("--logs", help="Also delete the logs in CloudWatch.")] = False,
    aws: Annotated[
        bool,
        typer.Option(
            "--aws", help="Look for resources in AWS, even if the record has none and both instance types are local."
        ),
    ] = False,
    adopted: Annotated[
        bool,
        typer.Option("--adopted", help="With --yes: also delete resources that another work folder created."),
    ] = False,
    dry_run: DryRunOption = False,
) -> None:
    from lgbm_sm.cleanup import cleanup as clean_up
    from lgbm_sm.cleanup import groups_of
    from lgbm_sm.commands import removal_view, views
    from lgbm_sm.config.tolerance import RESOURCE_KEYS
    from lgbm_sm.inventory import take_inventory

    options = {"ask_aws": aws or logs, "finds_logs": logs, "dry_run": dry_run}
    with opened_workspace(ctx, changes=True, needs=RESOURCE_KEYS, **options) as (workspace, console):
        groups = groups_of(",".join(keep or ()))
        if not (yes or dry_run) and not can_ask() and take_inventory(workspace.inventory_sources).items:
            raise UsageError("cleanup asks before it deletes, but there is no terminal to answer", "pass --yes")
        result = clean_up(
            workspace.inventory_sources,
            keep=groups,
            confirm=(lambda _: True) if yes or dry_run else console.confirm,
            confirm_adopted=(lambda _: adopted) if yes or dry_run else console.confirm,
            reporter=console,
        )
        if result.adopted and (yes or dry_run):
            given = [name for name, is_given in (("--aws", aws), ("--logs", logs)) if is_given]
            command = " ".join(("lgbm-sm cleanup --yes --adopted", *given, *(f"--keep {one}" for one in keep or ())))
            removal_view.warn_of_adopted(console, result, f"`{command}` deletes")
        if workspace.dry_run:
            views.show_calls(console, workspace.dry_run)
            return
        removal_view.show_cleanup(console, result)
