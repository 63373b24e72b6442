"""The chart of `bench --plot`: throughput and latency for each number of clients."""

import importlib.util
import io
from collections.abc import Sequence
from pathlib import Path

from lgbm_sm.bench.figures import LoadStep
from lgbm_sm.errors import UsageError

_SUFFIXES = (".png", ".svg")


def plot_format(path: Path) -> str:
    """Return the file format for a path: png or svg.

    Raises:
        UsageError: the path has another suffix, or matplotlib is not installed.
    """
    if path.suffix.lower() not in _SUFFIXES:
        raise UsageError(f"--plot {path}: the suffix must be .png or .svg", "use a name such as bench.png")
    if importlib.util.find_spec("matplotlib") is None:
        raise UsageError(f"--plot {path}: matplotlib is not installed", "run `pip install 'lgbm-sm[plots]'`")
    return path.suffix.lower().removeprefix(".")


def draw(steps: Sequence[LoadStep], title: str, file_format: str) -> bytes:
    """Draw the steps. A hollow point is a step in which the client limited the rate."""
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure  # pyplot would need a display

    figure = Figure(figsize=(7, 6), layout="constrained")
    throughput: Axes
    latency: Axes
    throughput, latency = figure.subplots(2, 1, sharex=True)
    positions = range(len(steps))
    times = [(position, step.latency) for position, step in enumerate(steps) if step.latency]
    throughput.plot(positions, [step.requests_per_second for step in steps], color="tab:blue", zorder=1)
    for position, step in enumerate(steps):
        face = "white" if step.is_client_limited else "tab:blue"
        throughput.scatter(position, step.requests_per_second, facecolor=face, edgecolor="tab:blue", zorder=2)
    throughput.set_title(title, fontsize=9)
    throughput.set(
        ylabel="good answers per second", ylim=(0, 1.1 * max(step.requests_per_second for step in steps) or 1)
    )
    latency.plot(
        [position for position, _ in times], [one.p50 for _, one in times], "o-", color="tab:green", label="p50"
    )
    latency.plot([position for position, _ in times], [one.p99 for _, one in times], "s-", color="tab:red", label="p99")
    latency.set(xlabel="clients (each waits for an answer before its next request)", ylabel="latency, ms")
    highest_ms = max((one.p99 for _, one in times), default=1.0)
    latency.set(ylim=(0, 1.1 * highest_ms), xticks=positions, xticklabels=[str(step.concurrency) for step in steps])
    latency.legend()
    if any(step.is_client_limited for step in steps):
        throughput.text(0.02, 0.9, "hollow: limited by the client", transform=throughput.transAxes, fontsize=9)
    for axes in (throughput, latency):
        axes.grid(alpha=0.3)
    drawing = io.BytesIO()
    figure.savefig(drawing, format=file_format, dpi=150)
    return drawing.getvalue()
