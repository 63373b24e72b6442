"""The command explain: show the work of a step, or the cause of an error."""

import os
from collections.abc import Collection
from pathlib import Path
from typing import Annotated

import typer

from lgbm_sm.commands.app import app, help_text, opened_workspace
from lgbm_sm.commands.completion import explained_steps, jobs_and_endpoints
from lgbm_sm.commands.options import SharedOptionsCommand
from lgbm_sm.console import Console
from lgbm_sm.errors import UsageError


@app.command(
    cls=SharedOptionsCommand,
    short_help="Explain a step, or an error message.",
    help=help_text(
        'lgbm-sm explain deploy; lgbm-sm explain "did not pass the ping health check"',
        "Show how a step works, or explain an error message. STEP is prepare-data, build, push, train, deploy, "
        "predict, stop or cleanup. For a step, show where the step runs, the equivalent `docker run` command, "
        "the image, the files, environment variables and processes of the container, the limits, and the AWS calls. "
        "For an error message, show the known issues with cause and fix. The command changes nothing, and calls AWS "
        "only for --job.",
        "run the step.",
    ),
)
def explain(
    ctx: typer.Context,
    step: Annotated[
        str | None,
        typer.Argument(
            metavar="[STEP|ERROR]",
            show_default=False,
            help="A step of the lifecycle, or the text of an error (default: an overview of the steps).",
            autocompletion=explained_steps,
        ),
    ] = None,
    job: Annotated[
        str | None,
        typer.Option(
            "--job",
            metavar="NAME",
            help="Show what happened to this training job or endpoint.",
            autocompletion=jobs_and_endpoints,
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option(metavar="MODEL", help="For deploy: the model, as in `lgbm-sm deploy --model`.")
    ] = None,
    tree: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="For train and deploy: also write the container's /opt/ml files to DIR."),
    ] = None,
    aws: Annotated[
        bool, typer.Option("--aws", help="For --job: ask SageMaker, even if both instance types are local.")
    ] = False,
) -> None:
    from lgbm_sm.commands import views
    from lgbm_sm.explain.failures import explain_entry, explain_message
    from lgbm_sm.explain.pages import Step, explain_all, explain_step, find_step

    if job is not None and step is not None:
        raise UsageError("--job cannot be combined with a step or an error message", "run explain once for each")
    if step == "run":  # it runs all steps
        step = None
    known = None if step is None else find_step(step)
    if tree is not None and known not in (Step.TRAIN, Step.DEPLOY):
        raise UsageError("--tree is only for explain train and explain deploy", "omit it")
    if model is not None and known is not Step.DEPLOY:
        raise UsageError("--model is only for explain deploy", "omit it")
    if step in _commands(ctx) and known is None:
        raise UsageError(
            f"{step} is a command, not a step",
            f"run `lgbm-sm {step} --help`; the steps are {', '.join(Step)}",
        )
    if step is not None and known is None:
        # no workspace here: the configuration may be invalid, and its error may be the one to explain
        console = Console(output=ctx.obj["output"], verbose=ctx.obj["verbose"], environment=os.environ)
        views.show_explanation(console, explain_message(step))
        return
    with opened_workspace(ctx, changes=False, ask_aws=aws) as (workspace, console):
        if job is not None:
            sections = explain_entry(workspace, job)
        elif known is None:
            sections = explain_all(workspace)
        else:
            sections = explain_step(workspace, known, model=model, tree_path=tree)
        views.show_explanation(console, sections)


def _commands(ctx: typer.Context) -> Collection[str]:
    program = ctx.find_root().command
    return program.commands if isinstance(program, typer.core.TyperGroup) else ()
