"""How much an endpoint carries: bench."""

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from lgbm_sm.commands.app import app, help_text, opened_workspace
from lgbm_sm.commands.options import SharedOptionsCommand
from lgbm_sm.console import can_ask
from lgbm_sm.errors import UsageError


@app.command(
    cls=SharedOptionsCommand,
    short_help="Load an endpoint, and say how much it carries.",
    help=help_text(
        "lgbm-sm bench --rate 2000 --p99-ms 20",
        "Sends FILE's rows (default: the test rows) to the project's endpoint, or to any other, from more and more "
        "clients at once: requests a second, latency, errors, CPU and memory of each step, and with --rate how many "
        "such instances a traffic needs. Asks before it loads what costs money.",
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
        str | None, typer.Option(metavar="URL", help="Load this server, such as http://127.0.0.1:8080/invocations.")
    ] = None,
    endpoint: Annotated[
        str | None, typer.Option(metavar="NAME", help="Load this endpoint of SageMaker's, in the region set.")
    ] = None,
    rows: Annotated[int, typer.Option(metavar="N", min=1, help="Rows in each request.")] = 1,
    concurrency: Annotated[str, typer.Option(metavar="N,N,…", help="Clients at once, a step each.")] = "1,2,4,8,16",
    seconds: Annotated[float, typer.Option(metavar="N", min=0.1, max=3600, help="Time of each step.")] = 5,
    most_requests: Annotated[
        int, typer.Option(metavar="N", min=1, help="Make no more than that in all, shared between the steps.")
    ] = 200_000,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.1, help="An answer that takes longer is an error.")
    ] = 60,
    rate: Annotated[
        float | None, typer.Option(metavar="R", min=0, help="Say how many such instances R requests a second need.")
    ] = None,
    p99_ms: Annotated[
        float | None, typer.Option("--p99-ms", metavar="MS", min=0, help="Say which step keeps p99 within this.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(metavar="PATH", help="Draw the steps, as .png or .svg.")] = None,
    content_type: Annotated[
        str | None, typer.Option(metavar="TYPE", help="What FILE holds (default: by its suffix).")
    ] = None,
    accept: Annotated[str, typer.Option(metavar="TYPE", help="The form of the answer.")] = "*/*",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    from lgbm_sm.bench import run as loading
    from lgbm_sm.bench.advice import Traffic
    from lgbm_sm.bench.plot import draw, plot_format
    from lgbm_sm.bench.steps import Schedule
    from lgbm_sm.commands import bench_view
    from lgbm_sm.output_files import OutputFile

    file_format = plot_format(plot) if plot else ""
    schedule = Schedule(loading.parse_concurrency(concurrency), seconds, most_requests, timeout)
    wanted = loading.Wanted(
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
                        f"bench asks before it loads {target.name}, and nobody can answer here", "pass --yes"
                    )
                if not console.confirm(loading.question(target, wanted)):
                    raise UsageError("not loaded, as you wish")
            result = loading.bench(workspace, target, load, wanted)
            if plot_file:
                title = f"{target.name}, rows a request: {load.rows:,}"
                plot_file.write(draw(result.steps, title, file_format))
        bench_view.show_bench(console, result, str(plot) if plot else None)
