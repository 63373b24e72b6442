"""The program that the commands belong to: its options, and what a command works with."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from lgbm_sm.commands.options import ConfigOption, OutputOption, SetOption, VerboseOption
from lgbm_sm.console import Console, can_ask, is_terminal
from lgbm_sm.errors import ExitCode

if TYPE_CHECKING:
    from lgbm_sm.aws.dry_run import Rehearsal
    from lgbm_sm.config.loading import LoadedConfig
    from lgbm_sm.inventory import Item
    from lgbm_sm.record.entries import TrainingJob
    from lgbm_sm.workspace import Workspace

# Modules that a command needs are imported inside it: `--help` should not wait for pandas.
app = typer.Typer(
    name="lgbm-sm",
    rich_markup_mode="rich" if is_terminal(os.environ) else None,
    pretty_exceptions_enable=False,  # a bug keeps its plain traceback
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_versions(wanted: bool) -> None:
    if wanted:
        from lgbm_sm.versions import version_lines

        typer.echo("\n".join(version_lines()))
        raise typer.Exit


@app.callback()
def _program(
    config: ConfigOption = None,
    overrides: SetOption = None,
    output: OutputOption = None,
    verbose: VerboseOption = False,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_versions, is_eager=True, help="Show the versions that matter."),
    ] = False,
) -> None:
    """Takes a LightGBM model through its whole life in a custom SageMaker container.

    Start with `lgbm-sm run`: it needs no account, no Docker and no configuration.
    """


def load(ctx: typer.Context) -> "tuple[LoadedConfig, Console]":
    """The configuration of a command, and the console that it speaks through."""
    from lgbm_sm.config.loading import load_config

    shared = ctx.obj
    console = Console(output=shared["output"], verbose=shared["verbose"], environment=os.environ)
    loaded = load_config(shared["config"], shared["overrides"], os.environ)
    for warning in loaded.warnings:
        console.warn(warning)
    return loaded, console


def warn_of_copy(loaded: "LoadedConfig", console: Console) -> None:
    """Say in a copy of a project that it is one; for commands that need no workspace."""
    from lgbm_sm.record.identity import copy_warning

    if warning := copy_warning(loaded.folder.resolve()):
        console.warn(warning)


@contextmanager
def opened_workspace(
    ctx: typer.Context, *, changes: bool, ask_aws: bool = False, finds_logs: bool = False, dry_run: bool = False
) -> "Iterator[tuple[Workspace, Console]]":
    """The parts of a command, which `changes` something or only reads; an interrupt says what still runs.

    See `open_workspace`.
    """
    from lgbm_sm.record.work_folder import storage_errors
    from lgbm_sm.shipped import containers_path
    from lgbm_sm.workspace import open_workspace

    loaded, console = load(ctx)
    console.is_silent = dry_run
    workspace = open_workspace(
        loaded,
        containers_path=containers_path(loaded.folder),
        environment=os.environ,
        reporter=console,
        changes=changes,
        ask_aws=ask_aws,
        finds_logs=finds_logs,
        rehearsal=_rehearsal() if dry_run else None,
    )
    try:
        with storage_errors(workspace.record.work_path):
            yield workspace, console
            _warn_of_several_endpoints(workspace)
    except KeyboardInterrupt:
        from lgbm_sm.inventory import take_inventory

        items = take_inventory(workspace.holdings).items
        names = [item.entry.name for item in items if item.running is not False]
        still = f"still running: {', '.join(names)}" if names else "nothing of ours is still running"
        hint = "`lgbm-sm cleanup` stops and deletes it" if names else ""
        billed = [f"endpoint {item.entry.name} ({item.state})" for item in items if _is_billed_endpoint(item)]
        if billed:
            hint = f"{', '.join(billed)} is billed until it is deleted: `lgbm-sm cleanup` deletes it"
        console.failure(f"interrupted; {still}", hint, ExitCode.INTERRUPTED)
        raise typer.Exit(ExitCode.INTERRUPTED) from None


def _warn_of_several_endpoints(workspace: "Workspace") -> None:
    """After each command that called AWS: each endpoint of the project is billed, and one is enough."""
    if workspace.rehearsal or not workspace.accounts.reached:
        return
    from lgbm_sm.backends.sagemaker.adoption import Adoption
    from lgbm_sm.errors import AwsError

    for account in workspace.accounts.reached:
        try:
            Adoption(account, workspace.sagemaker, workspace.record, workspace.reporter).warn_of_several()
        except AwsError as error:
            workspace.reporter.trace(f"the project's other endpoints are not known: {error.message}")


def _is_billed_endpoint(item: "Item") -> bool:
    from lgbm_sm.record.entries import Endpoint, Place

    return isinstance(item.entry, Endpoint) and item.entry.place is Place.AWS and item.running is not False


def _rehearsal() -> "Rehearsal":
    from lgbm_sm.aws.dry_run import Rehearsal

    return Rehearsal()


def help_text(example: str, text: str, following: str) -> str:
    return f"\b\n  {example}\n\n{text}\n\nNext: {following}"


DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Show the calls that would change something, in order; do nothing.")
]


def stops_at_interrupt(console: Console) -> "Callable[[TrainingJob], bool]":
    """Whether a job on SageMaker is to end with the command that followed it: asked, where a person can answer.

    If nobody can, it ends: a person who stops a script does not expect its job to go on and cost money. A job that
    another work folder created goes on.
    """

    def ask(job: "TrainingJob") -> bool:
        if not can_ask():
            return not job.adopted
        return console.confirm(f"Stop training job {job.name}? Otherwise it goes on, and is billed.")

    return ask
