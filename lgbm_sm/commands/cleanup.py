"""What takes away again what the other commands have made."""

from typing import Annotated

import typer

from lgbm_sm.commands.app import DryRunOption, app, help_text, opened_workspace
from lgbm_sm.commands.options import SharedOptionsCommand
from lgbm_sm.console import can_ask
from lgbm_sm.errors import LeftOverError, UsageError


@app.command(
    cls=SharedOptionsCommand,
    short_help="Stop and delete what was made, and prove that nothing is left.",
    help=help_text(
        "lgbm-sm cleanup --yes --keep data,images",
        "Stops endpoints and training jobs and deletes them with their artifacts, here and at AWS; then what was put "
        "into S3, the images built here and pushed, the repositories made for them. Asks per kind, default No. Looks "
        "again afterwards: exit code 11 when something is left that should be gone. Your data here stay.",
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
            help="Leave these: endpoints, training-jobs, logs, data, images, pushed-images, repositories.",
        ),
    ] = None,
    logs: Annotated[bool, typer.Option("--logs", help="Delete the logs in CloudWatch too.")] = False,
    aws: Annotated[
        bool, typer.Option("--aws", help="Look at AWS too, though nothing there is on record and all is local.")
    ] = False,
    adopted: Annotated[
        bool,
        typer.Option("--adopted", help="With --yes: also delete what another work folder of the project created."),
    ] = False,
    dry_run: DryRunOption = False,
) -> None:
    from lgbm_sm.cleanup import cleanup as clean_up
    from lgbm_sm.cleanup import described, kinds_of
    from lgbm_sm.commands import views
    from lgbm_sm.inventory import take_inventory

    options = {"ask_aws": aws or logs, "finds_logs": logs, "dry_run": dry_run}
    with opened_workspace(ctx, changes=True, **options) as (workspace, console):
        kinds = kinds_of(",".join(keep or ()))
        if not (yes or dry_run) and not can_ask() and take_inventory(workspace.holdings).items:
            raise UsageError("cleanup asks before it deletes, and nobody can answer here", "pass --yes")
        result = clean_up(
            workspace.holdings,
            keep=kinds,
            confirm=(lambda _: True) if yes or dry_run else console.confirm,
            confirm_adopted=(lambda _: adopted) if yes or dry_run else console.confirm,
            reporter=console,
        )
        if result.adopted and (yes or dry_run):
            given = [name for name, is_given in (("--aws", aws), ("--logs", logs)) if is_given]
            command = " ".join(("lgbm-sm cleanup --yes --adopted", *given, *(f"--keep {one}" for one in keep or ())))
            names = "".join(f"\n  {described(item)}" for item in result.adopted)
            console.warn(f"not deleted, since this folder has not created them:{names}\n`{command}` deletes them too")
        if workspace.rehearsal:
            views.show_calls(console, workspace.rehearsal)
            return
        views.show_cleanup(console, result)
        if result.left:
            left = "".join(f"\n  {one.name}: {one.reason}" for one in result.left)
            raise LeftOverError(f"left over:{left}", "mend what is said there, and run `lgbm-sm cleanup` again")
