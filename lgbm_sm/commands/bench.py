"""The command bench."""

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from lgbm_sm import contract
from lgbm_sm.commands.app import app, help_text, opened_workspace
from lgbm_sm.commands.options import SharedOptionsCommand
from lgbm_sm.console import can_ask
from lgbm_sm.errors import UsageError

_URL_HELP = f"The server to test, such as {contract.LOCAL_INVOCATIONS_URL} (default: the project's endpoint)."


@app.command(
    cls=SharedOptionsCommand,
    short_help="Load-test an endpoint: measure its throughput and latency.",
    help=help_text(
        "lgbm-sm bench --rate 2000 --p99-ms 20",
        "Send the rows of FILE (default: the test rows) to the project's endpoint, or to another server. Each step has "
        "more clients, and shows requests per second, latency, errors, CPU and memory. With --rate, the command also "
        "shows how many instances you need. It asks before it sends load to an endpoint that costs money.",
        "`lgbm-sm deploy` with another `endpoint.instance_type`.",
    ),
)
def bench(
    ctx: typer.Context,
    file: Annotated[
        str | None,
        typer.Argument(metavar="[FILE]", show_default=False, help="The rows to send (default: the test rows)."),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help=_URL_HELP,
        ),
    ] = None,
    endpoint: Annotated[
        str | None, typer.Option(metavar="NAME", help="The SageMaker endpoint to load, in aws.region.")
    ] = None,
    rows: Annotated[int, typer.Option(metavar="N", min=1, help="Rows per request.")] = 1,
    concurrency: Annotated[str, typer.Option(metavar="N,N,…", help="Number of clients in each step.")] = "1,2,4,8,16",
    seconds: Annotated[float, typer.Option(metavar="N", min=0.1, max=3600, help="Duration of each step.")] = 5,
    most_requests: Annotated[
        int, typer.Option(metavar="N", min=1, help="Maximum number of requests in all steps together.")
    ] = 200_000,
    timeout: Annotated[
        float,
        typer.Option(metavar="SECONDS", min=0.1, help="Timeout for each answer; a later answer counts as an error."),
    ] = contract.ANSWER_SECONDS,
    rate: Annotated[
        float | None,
        typer.Option(
            metavar="R", min=0, help="Your expected requests per second, to show how many instances you need."
        ),
    ] = None,
    p99_ms: Annotated[
        float | None,
        typer.Option(
            "--p99-ms",
            metavar="MS",
            min=0,
            help="Limit for the p99 latency, to show the fastest step within this limit.",
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="A chart of the steps, as .png or .svg (needs matplotlib)."),
    ] = None,
    content_type: Annotated[
        str | None, typer.Option(metavar="TYPE", help="FILE's content type (default: from its suffix).")
    ] = None,
    accept: Annotated[str, typer.Option(metavar="TYPE", help="The answer's content type.")] = "*/*",
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Load-test an endpoint that costs money without asking.")
    ] = False,
) -> None:
    from lgbm_sm.bench import run as loading
    from lgbm_sm.bench.advice import Traffic
    from lgbm_sm.bench.plot import draw, plot_format
    from lgbm_sm.bench.steps import Schedule
    from lgbm_sm.commands import bench_view
    from lgbm_sm.output_files import OutputFile

    file_format = plot_format(plot) if plot else ""
    schedule = Schedule(loading.parse_concurrency(concurrency), seconds, most_requests, timeout)
    wanted = loading.BenchOptions(
        url=url,
        endpoint=endpoint,
        file=file,
        content_type=content_type,
        accept=accept,
        rows=rows,
        schedule=schedule,
        traffic=Traffic(rate, p99_ms),
    )
    with opened_workspace(ctx, changes=False) as (workspace, console):
        with OutputFile("--plot", plot, workspace.protected(file)) if plot else nullcontext() as plot_file:
            target, load = loading.prepare(workspace, wanted)
            if target.price and not yes:
                if not can_ask():
                    raise UsageError(
                        f"bench needs a confirmation before it loads {target.name}, but there is no terminal",
                        "pass --yes",
                    )
                if not console.confirm(loading.question(target, wanted)):
                    raise UsageError("cancelled: no load was sent")
            result = loading.bench(workspace, target, load, wanted)
            if plot_file:
                title = f"{target.name}, rows per request: {load.rows:,}"
                plot_file.write(draw(result.steps, title, file_format))
        bench_view.show_bench(console, result, str(plot) if plot else None)
