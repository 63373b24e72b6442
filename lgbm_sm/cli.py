"""The commands: load the configuration, assemble the parts, call, show. Nothing else."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from typer.exceptions import TyperException

from lgbm_sm.console import Console, OutputFormat, can_ask, is_terminal
from lgbm_sm.errors import ExitCode, LeftOverError, LgbmSmError, OutputClosedError, UsageError
from lgbm_sm.options import ConfigOption, OutputOption, SetOption, SharedOptionsCommand, VerboseOption

if TYPE_CHECKING:
    from lgbm_sm.lifecycle import Workspace

# Modules that a command needs are imported inside it: `--help` should not wait for pandas.
app = typer.Typer(
    name="lgbm-sm",
    no_args_is_help=True,
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


@contextmanager
def _workspace(ctx: typer.Context) -> "Iterator[tuple[Workspace, Console]]":
    """The parts of a command; an interrupt says what still runs."""
    from lgbm_sm.config import load_config
    from lgbm_sm.lifecycle import open_workspace
    from lgbm_sm.shipped import containers_path

    shared = ctx.obj
    console = Console(output=shared["output"], verbose=shared["verbose"], environment=os.environ)
    loaded = load_config(shared["config"], shared["overrides"], os.environ)
    for warning in loaded.warnings:
        console.warn(warning)
    workspace = open_workspace(loaded, containers_path=containers_path(), environment=os.environ, reporter=console)
    try:
        yield workspace, console
    except KeyboardInterrupt:
        from lgbm_sm.inventory import list_items

        items = list_items(workspace.record, workspace.backends, workspace.engine)
        names = [item.entry.name for item in items if item.running is not False]
        still = f"still running: {', '.join(names)}" if names else "nothing of ours is still running"
        hint = "`lgbm-sm cleanup` stops and deletes it" if names else ""
        console.failure(f"interrupted; {still}", hint, ExitCode.INTERRUPTED)
        raise typer.Exit(ExitCode.INTERRUPTED) from None


def _help(example: str, text: str, following: str) -> str:
    return f"\b\n  {example}\n\n{text}\n\nNext: {following}"


@app.command(
    cls=SharedOptionsCommand,
    short_help="The whole life at once: prepare-data, train, deploy, predict.",
    help=_help(
        "lgbm-sm run",
        "Prepares the data, trains, deploys, predicts the test rows (stdout), and says how well. The endpoint is "
        "taken down again unless --keep.",
        "`lgbm-sm config` shows what can be changed.",
    ),
)
def run(
    ctx: typer.Context, keep: Annotated[bool, typer.Option("--keep", help="Leave the endpoint in service.")] = False
) -> None:
    from lgbm_sm import lifecycle, views
    from lgbm_sm.answers import Answer

    with _workspace(ctx) as (workspace, console):
        answer = Answer(console)
        summary = lifecycle.run(workspace, keep=keep, accept=answer.accept, write=answer.write)
        views.show_run(console, summary, answer, kept=keep)


@app.command(
    cls=SharedOptionsCommand,
    short_help="Split a dataset into channel files and a schema.",
    help=_help(
        "lgbm-sm prepare-data --set data.file=houses.parquet --set data.target=price",
        "Splits a shipped dataset (boston, diabetes, breast-cancer, iris) or a table of your own 60/20/20 into "
        "header-less CSV files, target last, and writes the schema that travels with data, model and endpoint.",
        "`lgbm-sm train`.",
    ),
)
def prepare_data(ctx: typer.Context) -> None:
    from lgbm_sm import lifecycle, views

    with _workspace(ctx) as (workspace, console):
        views.show_prepared_data(console, lifecycle.prepare_data(workspace))


@app.command(
    cls=SharedOptionsCommand,
    short_help="Build the image that trains and serves.",
    help=_help(
        "lgbm-sm build --set container.ca_bundle=proxy.pem",
        "Builds the image through the Docker engine, for the platform of the instance type. Its tag is made of its "
        "content: what has not changed is not built again. From then on `local.backend: auto` takes containers.",
        "`lgbm-sm train`.",
    ),
)
def build(
    ctx: typer.Context,
    base_image: Annotated[
        str | None,
        typer.Option(metavar="IMAGE", help="Build on this image, once (container.base_image sets it for good)."),
    ] = None,
    image: Annotated[
        str | None,
        typer.Option(metavar="IMAGE", help="script_mode: take this image of the engine's, instead of pulling AWS's."),
    ] = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Do every step anew, though nothing changed.")] = False,
) -> None:
    from lgbm_sm import lifecycle, views

    with _workspace(ctx) as (workspace, console):
        images = lifecycle.build_images(workspace, base_image=base_image, image_name=image, no_cache=no_cache)
        views.show_images(console, images)


@app.command(
    cls=SharedOptionsCommand,
    short_help="Run a training job on the prepared data.",
    help=_help(
        "lgbm-sm train --set training.hyperparameters.num_leaves=63",
        "Runs the training program under the SageMaker contract and packs its outputs as model.tar.gz and "
        "output.tar.gz. Ctrl-C stops the job and keeps the best model so far.",
        "`lgbm-sm deploy`.",
    ),
)
def train(ctx: typer.Context) -> None:
    from lgbm_sm import lifecycle, views

    with _workspace(ctx) as (workspace, console):
        views.show_trained_model(console, lifecycle.train(workspace))


@app.command(
    cls=SharedOptionsCommand,
    short_help="Bring up an endpoint for the last trained model.",
    help=_help(
        "lgbm-sm deploy",
        "Starts a server that answers /ping and /invocations, waits until it does, and then deletes the project's "
        "older endpoint. The server outlives the command.",
        "`lgbm-sm predict`; `lgbm-sm cleanup` when you are done.",
    ),
)
def deploy(ctx: typer.Context) -> None:
    from lgbm_sm import lifecycle, views

    with _workspace(ctx) as (workspace, console):
        views.show_endpoint(console, lifecycle.deploy_model(workspace))


@app.command(
    cls=SharedOptionsCommand,
    short_help="Send rows to the endpoint, by default the test rows.",
    help=_help(
        "lgbm-sm predict houses.csv --to prices.csv",
        "Sends FILE (- is stdin; default the test rows, whose metrics are then shown) to the project's endpoint in "
        "batches, and writes one prediction a line in the order of the rows.",
        "`lgbm-sm cleanup` stops the endpoint.",
    ),
)
def predict(
    ctx: typer.Context,
    file: Annotated[str | None, typer.Argument(metavar="[FILE|-]", show_default=False)] = None,
    content_type: Annotated[
        str | None, typer.Option(metavar="TYPE", help="What FILE holds (default: by its suffix; text/csv for stdin).")
    ] = None,
    accept: Annotated[
        str | None, typer.Option(metavar="TYPE", help="The form of the answer (default: text/csv).")
    ] = None,
    give: Annotated[
        str,
        typer.Option(
            metavar="OUTPUT",
            help="prediction, raw_score, probabilities, label, leaf_index or contributions of each row.",
        ),
    ] = "prediction",
    to: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Write the predictions there (default: stdout).")
    ] = None,
) -> None:
    from lgbm_sm import lifecycle, views
    from lgbm_sm.answers import Answer

    with _workspace(ctx) as (workspace, console), Answer(console, accept, to) as answer:
        wanted = lifecycle.Prediction(file=file, content_type=content_type, accept=answer.accept, output=give)
        views.show_invocation(console, *lifecycle.predict(workspace, wanted, write=answer.write), answer)


@app.command(
    cls=SharedOptionsCommand,
    short_help="What exists, since when, and in which state.",
    help=_help(
        "lgbm-sm status",
        "Shows every training job and endpoint on record, and what is seen of it now.",
        "`lgbm-sm logs`, or `lgbm-sm cleanup`.",
    ),
)
def status(ctx: typer.Context) -> None:
    from lgbm_sm import views
    from lgbm_sm.inventory import list_items

    with _workspace(ctx) as (workspace, console):
        views.show_status(console, list_items(workspace.record, workspace.backends, workspace.engine))


@app.command(
    cls=SharedOptionsCommand,
    short_help="The endpoint's log, or the last training job's.",
    help=_help(
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
    from lgbm_sm import views
    from lgbm_sm.log_reader import find_logged_entry, read_log

    with _workspace(ctx) as (workspace, console):
        entry = find_logged_entry(workspace.record, workspace.config.project.name, training=training)
        views.show_log(console, entry, read_log(entry, workspace.backends[entry.place], follow=follow))


@app.command(
    cls=SharedOptionsCommand,
    short_help="Stop and delete what was made, and prove that nothing is left.",
    help=_help(
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
        typer.Option(metavar="KINDS", help="Leave these: endpoints, training-jobs, images; comma separated."),
    ] = None,
) -> None:
    from lgbm_sm import views
    from lgbm_sm.cleanup import cleanup as clean_up
    from lgbm_sm.cleanup import kinds_of
    from lgbm_sm.inventory import list_items

    with _workspace(ctx) as (workspace, console):
        kinds = kinds_of(",".join(keep or ()))
        if not yes and not can_ask() and list_items(workspace.record, workspace.backends, workspace.engine):
            raise UsageError("cleanup asks before it deletes, and nobody can answer here", "pass --yes")
        result = clean_up(
            workspace.record,
            workspace.backends,
            workspace.engine,
            keep=kinds,
            confirm=(lambda _: True) if yes else console.confirm,
            reporter=console,
        )
        views.show_cleanup(console, result)
        if result.left:
            names = ", ".join(item.entry.name for item in result.left)
            raise LeftOverError(f"left over: {names}", "run `lgbm-sm status`, end the processes, and clean up again")


@app.command(
    cls=SharedOptionsCommand,
    short_help="The effective configuration, and where each value comes from.",
    help=_help(
        "lgbm-sm config --set training.instance_type=ml.m4.2xlarge",
        "Shows every key with its value and its source: --set before environment (LGBM_SM_TRAINING__INSTANCE_TYPE) "
        "before file before default.",
        "`lgbm-sm prepare-data`.",
    ),
)
def config(ctx: typer.Context) -> None:
    from lgbm_sm import views
    from lgbm_sm.config import effective, load_config

    shared = ctx.obj
    console = Console(output=shared["output"], verbose=shared["verbose"], environment=os.environ)
    loaded = load_config(shared["config"], shared["overrides"], os.environ)
    for warning in loaded.warnings:
        console.warn(warning)
    views.show_config(console, effective(loaded))


def _output_format(arguments: list[str]) -> OutputFormat:
    """The wanted form, known before the arguments are parsed, since errors in them are shown in it too."""
    joined = "\n".join(arguments)
    return OutputFormat.JSON if "--output=json" in arguments or "--output\njson" in joined else OutputFormat.TEXT


def _interrupt(*_: Any) -> NoReturn:
    raise KeyboardInterrupt


def main() -> NoReturn:
    """The console script: one boundary for every error of ours; anything else is a bug and keeps its traceback."""
    signal.signal(signal.SIGTERM, _interrupt)  # what Ctrl-C stops and says, a CI system's stop should too
    console = Console(output=_output_format(sys.argv[1:]), verbose=False, environment=os.environ)
    try:
        code = app(standalone_mode=False, prog_name="lgbm-sm")
    except OutputClosedError as error:
        code = error.exit_code
    except LgbmSmError as error:
        console.error(error)
        code = error.exit_code
    except TyperException as error:
        console.failure(error.format_message(), "`lgbm-sm --help`, or `lgbm-sm COMMAND --help`", ExitCode.USAGE)
        code = ExitCode.USAGE
    except KeyboardInterrupt:
        console.failure("interrupted", "", ExitCode.INTERRUPTED)
        code = ExitCode.INTERRUPTED
    sys.exit(code or ExitCode.OK)
