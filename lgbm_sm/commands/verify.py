"""The command verify."""

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from lgbm_sm.commands.app import app, help_text, opened_workspace
from lgbm_sm.commands.options import SharedOptionsCommand
from lgbm_sm.console import OutputFormat


@app.command(
    cls=SharedOptionsCommand,
    short_help="Check whether an image follows the SageMaker container contract.",
    help=help_text(
        "lgbm-sm verify my-image:latest --model model.tar.gz --request rows.csv",
        "Run IMAGE on this machine as SageMaker would run it: first `train` on the prepared data, then `serve` with "
        "the model. The containers have no network. Also check the image and the model archive. For each failed "
        "check, show the reason, the fix and the source of the rule. The exit code is 5 if the image breaks a rule.",
        "`lgbm-sm push`.",
    ),
)
def verify(
    ctx: typer.Context,
    image: Annotated[
        str | None,
        typer.Argument(metavar="[IMAGE]", show_default=False, help="The image (default: the project's own images)."),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The model.tar.gz to serve (default: the trained model)."),
    ] = None,
    request: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A sample request that the model can answer (default: test rows)."),
    ] = None,
    content_type: Annotated[
        str | None, typer.Option(metavar="TYPE", help="The request's content type (default: from the file's suffix).")
    ] = None,
    channels: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="A folder with a sub-folder for each channel (default: the prepared data)."
        ),
    ] = None,
    only: Annotated[str, typer.Option(metavar="COMMAND", help="Check only this command: train or serve.")] = "",
    network: Annotated[
        bool,
        typer.Option("--network", help="Give containers a network, for images that install packages when they start."),
    ] = False,
    full: Annotated[bool, typer.Option("--full", help="Also run the slow checks: memory growth and restart.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Also fail if the report has a warning.")] = False,
    junit: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Also write the report to this file, as JUnit XML.")
    ] = None,
) -> None:
    from lgbm_sm.output_files import OutputFile
    from lgbm_sm.verify import reports
    from lgbm_sm.verify.checks import exit_code_of
    from lgbm_sm.verify.run import VerifyOptions, verify_images

    with opened_workspace(ctx, changes=False, any_hyperparameters=image is not None) as (workspace, console):
        lines = reports.Lines(lambda line: console.write(f"{line}\n".encode()))
        is_text = console.output is OutputFormat.TEXT
        wanted = VerifyOptions(image, model, request, content_type, channels, only, network, full)
        inputs = workspace.protected(model, request, channels)
        with OutputFile("--junit", junit, inputs) if junit else nullcontext() as file:
            found = verify_images(workspace, wanted, lines.tell if is_text else lambda _: None)
            lines.flush()
            if file:
                file.write(reports.junit_of(found, strict=strict))
        code = exit_code_of(found, strict=strict)
        for report in found:
            console.step(reports.summary_of(report))
        if not is_text:
            console.json({"images": [reports.document_of(report) for report in found], "exit_code": int(code)})
    raise typer.Exit(code)
