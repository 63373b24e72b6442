"""The Typer application: its options and its groups of commands.

The module also opens the workspace of a command.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer._completion_classes import completion_init
from typer._completion_shared import Shells, get_completion_script, install
from typer.core import TyperGroup

from lgbm_sm.commands.options import ConfigOption, OutputOption, SetOption, VerboseOption, output_format
from lgbm_sm.console import Console, can_ask, is_terminal
from lgbm_sm.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

    from lgbm_sm.aws.dry_run import DryRun
    from lgbm_sm.config.loading import LoadedConfig
    from lgbm_sm.config.problems import KeyPath
    from lgbm_sm.inventory import Item
    from lgbm_sm.record.entries import TrainingJob
    from lgbm_sm.workspace import Workspace

# The groups of commands in `--help`, and the commands of each group in their order.
GROUPS = {
    "Lifecycle": ("run", "prepare-data", "build", "push", "train", "deploy", "predict", "stop", "cleanup"),
    "Models": ("init", "new-identity", "status", "logs", "bench"),
    "AWS": ("policy",),
    "Diagnose": ("config", "doctor", "explain", "verify"),
}
_PROGRAM = "lgbm-sm"
_ARGUMENTS = "lgbm_sm.arguments"
_COMPLETE_VARIABLE = "_LGBM_SM_COMPLETE"
_SHELLS = ", ".join(Shells)


class CommandGroups(TyperGroup):
    """The program. Its help lists the commands in groups."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for group, names in GROUPS.items():
            for name in names:
                self.commands[name].rich_help_panel = group  # type: ignore[attr-defined] # each is a TyperCommand

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - Typer's signature
        grouped = [name for names in GROUPS.values() for name in names]
        return [*grouped, *sorted(set(self.commands) - set(grouped))]

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.meta[_ARGUMENTS] = tuple(args)
        return super().parse_args(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - Typer's signature
        """Write the groups as plain text. On a terminal, rich draws them instead."""
        width = max(len(name) for names in GROUPS.values() for name in names)
        for group, names in GROUPS.items():
            with formatter.section(group):
                formatter.write_dl(
                    [
                        (name.ljust(width), self.commands[name].get_short_help_str(formatter.width - 6 - width))
                        for name in names
                    ]
                )


# A command imports its modules inside its function, so that `--help` does not wait for pandas.
app = typer.Typer(
    name=_PROGRAM,
    cls=CommandGroups,
    add_completion=False,  # Typer's own options ignore a given shell name; the options below accept it
    rich_markup_mode="rich" if is_terminal(os.environ) else None,
    pretty_exceptions_enable=False,  # if there is a bug, Python's plain traceback is shown
    context_settings={"help_option_names": ["-h", "--help"]},
)
completion_init()


def _show_versions(ctx: typer.Context, wanted: bool) -> None:
    if wanted:
        from lgbm_sm.versions import versions

        found = versions()
        console = Console(output=output_format(ctx.meta[_ARGUMENTS]), verbose=False, environment=os.environ)
        console.result(found, "\n".join(f"{name} {version}" for name, version in found.items()))
        raise typer.Exit


def _show_completion(ctx: typer.Context, shell: Shells | None) -> None:
    if shell and not ctx.resilient_parsing:
        typer.echo(get_completion_script(prog_name=_PROGRAM, complete_var=_COMPLETE_VARIABLE, shell=shell.value))
        raise typer.Exit


def _install_completion(ctx: typer.Context, shell: Shells | None) -> None:
    if shell and not ctx.resilient_parsing:
        _, path = install(shell.value, _PROGRAM, _COMPLETE_VARIABLE)
        typer.echo(f"installed in {path}; start a new shell to use it", err=True)
        raise typer.Exit


@app.callback()
def _program(
    config: ConfigOption = None,
    overrides: SetOption = None,
    output: OutputOption = None,
    verbose: VerboseOption = False,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_versions, is_eager=True, help="Show the versions needed to reproduce a result."
        ),
    ] = False,
    show_completion: Annotated[
        Shells | None,
        typer.Option(
            "--show-completion",
            metavar="SHELL",
            callback=_show_completion,
            is_eager=True,
            help=f"Print the completion script for a shell: {_SHELLS}.",
        ),
    ] = None,
    install_completion: Annotated[
        Shells | None,
        typer.Option(
            "--install-completion",
            metavar="SHELL",
            callback=_install_completion,
            is_eager=True,
            help="Install completion for a shell.",
        ),
    ] = None,
) -> None:
    """Run the full lifecycle of a LightGBM model in a custom SageMaker container.

    Start with `lgbm-sm run`. It needs no AWS account, no Docker and no configuration file.
    """


def load(
    ctx: typer.Context, *, any_hyperparameters: bool = False, needs: "Sequence[KeyPath] | None" = None
) -> "tuple[LoadedConfig, Console]":
    """Load the configuration of a command, and create its console. See `load_config`."""
    import lgbm_sm.aws.resources  # noqa: F401 - defines the entries that a record may contain
    from lgbm_sm.config.loading import load_config

    shared = ctx.obj
    console = Console(output=shared["output"], verbose=shared["verbose"], environment=os.environ)
    loaded = load_config(
        shared["config"], shared["overrides"], os.environ, any_hyperparameters=any_hyperparameters, needs=needs
    )
    say_source(loaded, console, given=shared["config"])
    for warning in loaded.warnings:
        console.warn(warning)
    return loaded, console


def say_source(loaded: "LoadedConfig", console: Console, *, given: "Path | None") -> None:
    """Report which configuration is used, unless it was given or is in the current folder."""
    if loaded.path is None:
        data = loaded.config.data
        if data.name == "boston" and not data.file and not data.files:
            console.step(
                "No config.yaml here or above: the built-in Boston example is used (`lgbm-sm init` creates a project)"
            )
    elif given is None and loaded.path.name != str(loaded.path):
        console.step(f"Configuration: {loaded.path}")


def warn_of_copy(loaded: "LoadedConfig", console: Console) -> None:
    """Warn if this folder is a copy of a project. Commands without a workspace call this."""
    from lgbm_sm.record.identity import copy_warning

    if warning := copy_warning(loaded.folder.resolve()):
        console.warn(warning)


@contextmanager
def opened_workspace(
    ctx: typer.Context,
    *,
    changes: bool,
    ask_aws: bool = False,
    finds_logs: bool = False,
    dry_run: bool = False,
    any_hyperparameters: bool = False,
    needs: "Sequence[KeyPath] | None" = None,
) -> "Iterator[tuple[Workspace, Console]]":
    """Open the workspace of a command. After an interrupt, report programs that still run."""
    from lgbm_sm.record.work_folder import storage_errors
    from lgbm_sm.shipped import containers_path
    from lgbm_sm.workspace import open_workspace

    loaded, console = load(ctx, any_hyperparameters=any_hyperparameters, needs=needs)
    console.is_silent = dry_run
    workspace = open_workspace(
        loaded,
        containers_path=containers_path(loaded.folder),
        environment=os.environ,
        reporter=console,
        changes=changes,
        ask_aws=ask_aws,
        finds_logs=finds_logs,
        dry_run=_new_dry_run() if dry_run else None,
    )
    try:
        with storage_errors(workspace.record.work_path):
            yield workspace, console
            _warn_of_several_endpoints(workspace)
    except KeyboardInterrupt:
        from lgbm_sm.inventory import take_inventory

        running = [item for item in take_inventory(workspace.inventory_sources).items if item.running is not False]
        names = ", ".join(item.entry.name for item in running)
        still = f"still running: {names}" if running else "nothing is still running"
        hint = _ending_hint(running) if running else ""
        billed = [f"endpoint {item.entry.name} ({item.state})" for item in running if _is_billed_endpoint(item)]
        if billed:
            hint = f"{', '.join(billed)} is billed until it is deleted: `lgbm-sm stop` deletes it"
        console.failure(f"interrupted; {still}", hint, ExitCode.INTERRUPTED)
        raise typer.Exit(ExitCode.INTERRUPTED) from None


def _warn_of_several_endpoints(workspace: "Workspace") -> None:
    """Warn if the project has several endpoints, because each is billed.

    Without a call to AWS by the command, there is no warning.
    """
    if workspace.dry_run or not workspace.accounts.reached:
        return
    workspace.sagemaker.warn_of_several_endpoints()


def _is_billed_endpoint(item: "Item") -> bool:
    from lgbm_sm.record.entries import Endpoint

    return isinstance(item.entry, Endpoint) and not item.entry.is_local


def _ending_hint(running: "list[Item]") -> str:
    """Return the hint for programs that are still running: jobs end with `cleanup` only."""
    from lgbm_sm.record.entries import Endpoint

    if all(isinstance(item.entry, Endpoint) for item in running):
        return "`lgbm-sm stop` ends it and keeps the models"
    return "`lgbm-sm cleanup` stops and deletes it"


def _new_dry_run() -> "DryRun":
    from lgbm_sm.aws.dry_run import DryRun

    return DryRun()


def help_text(example: str, text: str, following: str) -> str:
    return f"\b\n  {example}\n\n{text}\n\nNext: {following}"


DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Show the AWS calls that would change something, but do not send them.")
]


def stops_at_interrupt(console: Console) -> "Callable[[TrainingJob], bool]":
    """Return a function for an interrupt that asks whether to stop the SageMaker job too.

    If nobody can answer, the job is stopped, because a job of a stopped script should not continue to cost money. But a
    job that another work folder created continues.
    """

    def ask(job: "TrainingJob") -> bool:
        if not can_ask():
            return not job.adopted
        return console.confirm(f"Stop training job {job.name}? Otherwise it continues and is billed.")

    return ask
