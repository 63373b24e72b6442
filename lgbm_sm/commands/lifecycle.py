"""The commands prepare-data, build, push, train, deploy, predict and run."""

from pathlib import Path
from typing import Annotated

import typer

from lgbm_sm.commands.app import DryRunOption, app, help_text, opened_workspace, stops_at_interrupt
from lgbm_sm.commands.completion import prediction_outputs, training_jobs
from lgbm_sm.commands.options import SharedOptionsCommand
from lgbm_sm.console import can_ask
from lgbm_sm.errors import UsageError


@app.command(
    cls=SharedOptionsCommand,
    short_help="Run prepare-data, train, deploy and predict in order.",
    help=help_text(
        "lgbm-sm run",
        "Prepare the data, train a model, deploy the model, and predict the test rows. The predictions go to stdout, "
        "the metrics to stderr. At the end, run deletes the endpoint. With --keep, it keeps the endpoint.",
        "`lgbm-sm config` shows the settings that you can change.",
    ),
)
def run(
    ctx: typer.Context,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the endpoint in service, until `lgbm-sm stop`.")] = False,
) -> None:
    from lgbm_sm import lifecycle, predict
    from lgbm_sm.commands import views
    from lgbm_sm.commands.output import Answer

    with opened_workspace(ctx, changes=True) as (workspace, console):
        with Answer(console) as answer:
            summary = lifecycle.run(workspace, keep=keep, accept=answer.accept, write=answer.write)
        examples = predict.example_requests(workspace, summary.endpoint) if keep else []
        views.show_run(console, summary, answer, examples, kept=keep)


@app.command(
    cls=SharedOptionsCommand,
    short_help="Split a table into channel files and write their schema.",
    help=help_text(
        "lgbm-sm prepare-data --set data.file=houses.parquet --set data.target=price",
        "Split a built-in dataset (boston, diabetes, breast-cancer, iris) or your own table 60/20/20 into CSV files. "
        "The files have no header, and the target is the last column. Also write a schema, which the model and the "
        "endpoint use to check rows.",
        "`lgbm-sm train`.",
    ),
)
def prepare_data(
    ctx: typer.Context,
    upload: Annotated[
        bool, typer.Option("--upload", help="Also upload the channels to S3, for training jobs.")
    ] = False,
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
        "Build the image with Docker, for the platform of the instance type. The tag is a digest of the content, so an "
        "unchanged image is not built again. If the image exists, `local.backend: auto` uses containers.",
        "`lgbm-sm train`.",
    ),
)
def build(
    ctx: typer.Context,
    base_image: Annotated[
        str | None,
        typer.Option(metavar="IMAGE", help="The base image for this build (default: container.base_image)."),
    ] = None,
    image: Annotated[
        str | None,
        typer.Option(metavar="IMAGE", help="For script_mode: a local image to use instead of AWS's image."),
    ] = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Rebuild without Docker's cache.")] = False,
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
        "Push the image to ECR. If the repository does not exist, create it. After the push, check the image's format, "
        "because SageMaker refuses some formats. Layers that ECR already has are not sent again.",
        "`lgbm-sm train`; `lgbm-sm cleanup` deletes the image.",
    ),
)
def push(ctx: typer.Context, dry_run: DryRunOption = False) -> None:
    from lgbm_sm import lifecycle
    from lgbm_sm.commands import views

    with opened_workspace(ctx, changes=True, dry_run=dry_run) as (workspace, console):
        pushed = lifecycle.push_images(workspace)
        if workspace.dry_run:
            views.show_calls(console, workspace.dry_run)
        else:
            views.show_pushed(console, pushed)


@app.command(
    cls=SharedOptionsCommand,
    short_help="Train a model on the prepared data.",
    help=help_text(
        "lgbm-sm train --set training.instance_type=ml.m4.2xlarge",
        "Run a training job on this machine or on SageMaker, and fetch its model.tar.gz and output.tar.gz. If you "
        "press Ctrl-C, the job stops and the best model so far is kept. If the job is on SageMaker, the command asks "
        "first.",
        "`lgbm-sm deploy`.",
    ),
)
def train(
    ctx: typer.Context,
    job: Annotated[
        str | None,
        typer.Argument(
            metavar="[JOB]",
            show_default=False,
            help="With --attach: the training job to follow (default: the last one).",
            autocompletion=training_jobs,
        ),
    ] = None,
    attach: Annotated[bool, typer.Option("--attach", help="Follow a running job on SageMaker until it ends.")] = False,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="On SageMaker: start the job and return at once.")] = False,
    dry_run: DryRunOption = False,
) -> None:
    from lgbm_sm import train
    from lgbm_sm.commands import views

    if job and not attach:
        raise UsageError(f"train {job}: a job name needs --attach", f"lgbm-sm train --attach {job}")
    if attach and no_wait:
        raise UsageError("--attach and --no-wait exclude each other", "remove one of them")
    with opened_workspace(ctx, changes=True, dry_run=dry_run) as (workspace, console):
        if workspace.dry_run:
            train.plan(workspace)
            views.show_calls(console, workspace.dry_run)
            return
        if no_wait:
            views.show_started_job(console, train.start(workspace))
            return
        stops = stops_at_interrupt(console)
        trained = train.attach(workspace, job, stops) if attach else train.train(workspace, stops)
        views.show_trained_model(console, trained)


@app.command(
    cls=SharedOptionsCommand,
    short_help="Deploy a trained model to an endpoint.",
    help=help_text(
        "lgbm-sm deploy --model s3://bucket/model.tar.gz",
        "Start a server that answers /ping and /invocations, on this machine or on SageMaker, and wait until it is in "
        "service. The new endpoint replaces the project's previous endpoint. On SageMaker this is an update without "
        "downtime. The endpoint keeps running after the command has ended.",
        "`lgbm-sm predict`; `lgbm-sm stop` when you are done.",
    ),
)
def deploy(
    ctx: typer.Context,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="A training job, or the path or S3 address of a model.tar.gz (default: the last training job).",
            autocompletion=training_jobs,
        ),
    ] = None,
    unchecked: Annotated[
        bool, typer.Option("--unchecked", help="Do not check that the model's files are unchanged since training.")
    ] = False,
    adopted: Annotated[
        bool,
        typer.Option("--adopted", help="Allow updating an endpoint that this folder did not create."),
    ] = False,
    dry_run: DryRunOption = False,
) -> None:
    from lgbm_sm import as_trained, deploy, predict
    from lgbm_sm.commands import views

    def consents(question: str) -> bool:
        return adopted or (can_ask() and console.confirm(question))

    with opened_workspace(ctx, changes=True, dry_run=dry_run) as (workspace, console):
        if workspace.dry_run:
            deploy.plan_deployment(workspace, model, unchecked=unchecked)
            views.show_calls(console, workspace.dry_run)
        else:
            endpoint = deploy.deploy_model(workspace, model, unchecked=unchecked, consents=consents)
            examples = predict.example_requests(workspace, endpoint)
            views.show_endpoint(console, endpoint, as_trained.lineage_of(workspace, endpoint), examples)


@app.command(
    cls=SharedOptionsCommand,
    short_help="Send rows to the endpoint and write the predictions.",
    help=help_text(
        "lgbm-sm predict houses.csv --to prices.csv",
        "Send the rows of FILE to the project's endpoint in batches and write one prediction per line, in the order of "
        "the rows. Without FILE, send the test rows and report the metrics.",
        "`lgbm-sm stop` ends the endpoint and keeps the model.",
    ),
)
def predict(
    ctx: typer.Context,
    file: Annotated[
        str | None,
        typer.Argument(
            metavar="[FILE|-]",
            show_default=False,
            help="A table: CSV, TSV, Parquet or JSON; - is stdin, with CSV (default: the test rows).",
        ),
    ] = None,
    content_type: Annotated[
        str | None,
        typer.Option(metavar="TYPE", help="The content type of FILE (default: from its suffix; text/csv for stdin)."),
    ] = None,
    accept: Annotated[
        str | None, typer.Option(metavar="TYPE", help="The format of the predictions (default: text/csv).")
    ] = None,
    give: Annotated[
        str,
        typer.Option(
            metavar="OUTPUT",
            help="The output for each row: prediction, raw_score, probabilities, label, leaf_index or contributions.",
            autocompletion=prediction_outputs,
        ),
    ] = "prediction",
    to: Annotated[
        Path | None, typer.Option(metavar="PATH", help="The file for the predictions (default: stdout).")
    ] = None,
    row: Annotated[
        str | None,
        typer.Option(
            "--json",
            metavar="OBJECT",
            help="One row instead of FILE; features that it does not name are missing cells.",
        ),
    ] = None,
    header: Annotated[bool, typer.Option("--header", help="Name the columns of the output.")] = False,
    keep: Annotated[
        str | None,
        typer.Option(metavar="COLUMNS", help="Columns of FILE, comma-separated, to put before the predictions."),
    ] = None,
    no_score: Annotated[
        bool, typer.Option("--no-score", help="Show no metrics if FILE has the column that the model predicts.")
    ] = False,
) -> None:
    from lgbm_sm import predict
    from lgbm_sm.commands import views
    from lgbm_sm.commands.output import Answer

    with opened_workspace(ctx, changes=False) as (workspace, console):
        everything = "`--to FILE` or a pipe gets them all"
        with Answer(console, accept, to, workspace.protected(file), everything) as answer:
            wanted = predict.Prediction(
                file=file,
                content_type=content_type,
                accept=answer.accept,
                output=give,
                row=row,
                header=header,
                keep=tuple(name.strip() for name in keep.split(",")) if keep else (),
                score=not no_score,
            )
            predicted = predict.predict(workspace, wanted, write=answer.write)
        views.show_invocation(console, predicted, answer)
