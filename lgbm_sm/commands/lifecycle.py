"""A model's life: prepare-data, build, train, deploy, predict, and `run` for most of it at once."""

from pathlib import Path
from typing import Annotated

import typer

from lgbm_sm.commands.app import DryRunOption, app, help_text, opened_workspace, stops_at_interrupt
from lgbm_sm.commands.options import SharedOptionsCommand
from lgbm_sm.console import can_ask
from lgbm_sm.errors import UsageError


@app.command(
    cls=SharedOptionsCommand,
    short_help="The whole life at once: prepare-data, train, deploy, predict.",
    help=help_text(
        "lgbm-sm run",
        "Prepares the data, trains, deploys, predicts the test rows (stdout), and says how well. The endpoint is "
        "taken down again unless --keep.",
        "`lgbm-sm config` shows what can be changed.",
    ),
)
def run(
    ctx: typer.Context, keep: Annotated[bool, typer.Option("--keep", help="Leave the endpoint in service.")] = False
) -> None:
    from lgbm_sm import lifecycle
    from lgbm_sm.commands import views
    from lgbm_sm.commands.output import Answer

    with opened_workspace(ctx, changes=True) as (workspace, console):
        answer = Answer(console)
        summary = lifecycle.run(workspace, keep=keep, accept=answer.accept, write=answer.write)
        views.show_run(console, summary, answer, kept=keep)


@app.command(
    cls=SharedOptionsCommand,
    short_help="Split a dataset into channel files and a schema.",
    help=help_text(
        "lgbm-sm prepare-data --set data.file=houses.parquet --set data.target=price",
        "Splits a shipped dataset (boston, diabetes, breast-cancer, iris) or a table of your own 60/20/20 into "
        "header-less CSV files, target last, and writes the schema that travels with data, model and endpoint.",
        "`lgbm-sm train`.",
    ),
)
def prepare_data(
    ctx: typer.Context,
    upload: Annotated[bool, typer.Option("--upload", help="Also put the channels into S3, for training jobs.")] = False,
) -> None:
    from lgbm_sm import lifecycle, train
    from lgbm_sm.commands import views

    with opened_workspace(ctx, changes=True) as (workspace, console):
        prepared = lifecycle.prepare_data(workspace)
        views.show_prepared_data(console, prepared, train.upload_data(workspace) if upload else None)


@app.command(
    cls=SharedOptionsCommand,
    short_help="Build the image that trains and serves.",
    help=help_text(
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
    from lgbm_sm import lifecycle
    from lgbm_sm.commands import views

    with opened_workspace(ctx, changes=True) as (workspace, console):
        images = lifecycle.build_images(workspace, base_image=base_image, image_name=image, no_cache=no_cache)
        views.show_images(console, images)


@app.command(
    cls=SharedOptionsCommand,
    short_help="Push the image to ECR.",
    help=help_text(
        "lgbm-sm push --set aws.region=eu-central-1",
        "Pushes what `lgbm-sm build` has built to ECR, makes the repository where it is missing, and reads back what "
        "arrived: SageMaker refuses some forms of an image. What ECR holds already is not sent again.",
        "`lgbm-sm cleanup` deletes it again.",
    ),
)
def push(ctx: typer.Context, dry_run: DryRunOption = False) -> None:
    from lgbm_sm import lifecycle
    from lgbm_sm.commands import views

    with opened_workspace(ctx, changes=True, dry_run=dry_run) as (workspace, console):
        pushed = lifecycle.push_images(workspace)
        if workspace.rehearsal:
            views.show_calls(console, workspace.rehearsal)
        else:
            views.show_pushed(console, pushed)


@app.command(
    cls=SharedOptionsCommand,
    short_help="Run a training job on the prepared data.",
    help=help_text(
        "lgbm-sm train --set training.instance_type=ml.m4.2xlarge",
        "Runs the training program under the SageMaker contract, here or on SageMaker, and brings its outputs as "
        "model.tar.gz and output.tar.gz. Ctrl-C stops the job and keeps the best model so far; on SageMaker it asks.",
        "`lgbm-sm deploy`.",
    ),
)
def train(
    ctx: typer.Context,
    job: Annotated[str | None, typer.Argument(metavar="[JOB]", show_default=False)] = None,
    attach: Annotated[
        bool, typer.Option("--attach", help="Follow JOB on SageMaker to its end (default: the project's last).")
    ] = False,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="On SageMaker: leave the job running.")] = False,
    dry_run: DryRunOption = False,
) -> None:
    from lgbm_sm import train
    from lgbm_sm.commands import views

    if job and not attach:
        raise UsageError(f"train {job}: a job is named only to be followed", "add --attach")
    if attach and no_wait:
        raise UsageError("--attach waits, and --no-wait does not", "leave one of them out")
    with opened_workspace(ctx, changes=True, dry_run=dry_run) as (workspace, console):
        if workspace.rehearsal:
            train.rehearse(workspace)
            views.show_calls(console, workspace.rehearsal)
            return
        if no_wait:
            views.show_started_job(console, train.start(workspace))
            return
        stops = stops_at_interrupt(console)
        trained = train.attach(workspace, job, stops) if attach else train.train(workspace, stops)
        views.show_trained_model(console, trained)


@app.command(
    cls=SharedOptionsCommand,
    short_help="Bring up an endpoint for the last trained model.",
    help=help_text(
        "lgbm-sm deploy --model s3://bucket/model.tar.gz",
        "Starts a server that answers /ping and /invocations, here or on SageMaker, and waits until it does. Here the "
        "project's older endpoint is then deleted; on SageMaker it is updated in place. It outlives the command.",
        "`lgbm-sm predict`; `lgbm-sm cleanup` when you are done.",
    ),
)
def deploy(
    ctx: typer.Context,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL", help="A training job, an artifact's path or s3:// address (default: the last job's)."
        ),
    ] = None,
    unchecked: Annotated[
        bool, typer.Option("--unchecked", help="Serve the model even if its files have changed since it was trained.")
    ] = False,
    adopted: Annotated[
        bool,
        typer.Option("--adopted", help="Update an endpoint that another project may have created."),
    ] = False,
    dry_run: DryRunOption = False,
) -> None:
    from lgbm_sm import deploy
    from lgbm_sm.commands import views

    def consents(question: str) -> bool:
        return adopted or (can_ask() and console.confirm(question))

    with opened_workspace(ctx, changes=True, dry_run=dry_run) as (workspace, console):
        if workspace.rehearsal:
            deploy.rehearse_deployment(workspace, model, unchecked=unchecked)
            views.show_calls(console, workspace.rehearsal)
        else:
            endpoint = deploy.deploy_model(workspace, model, unchecked=unchecked, consents=consents)
            views.show_endpoint(console, endpoint)


@app.command(
    cls=SharedOptionsCommand,
    short_help="Send rows to the endpoint, by default the test rows.",
    help=help_text(
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
    from lgbm_sm import predict
    from lgbm_sm.commands import views
    from lgbm_sm.commands.output import Answer

    with opened_workspace(ctx, changes=False) as (workspace, console):
        with Answer(console, accept, to, workspace.protected(file)) as answer:
            wanted = predict.Prediction(file=file, content_type=content_type, accept=answer.accept, output=give)
            summary, metrics = predict.predict(workspace, wanted, write=answer.write)
        views.show_invocation(console, summary, metrics, answer)
