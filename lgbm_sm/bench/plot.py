"""Throughput and latency over concurrency, as a PNG or SVG."""

import io
from collections.abc import Sequence
from pathlib import Path

from lgbm_sm.bench.figures import Step
from lgbm_sm.errors import UsageError

_SUFFIXES = (".png", ".svg")


def plot_format(path: Path) -> str:
    """The format that the suffix of a file's name stands for: png or svg.

    Raises:
        UsageError: another suffix.
    """
    if path.suffix.lower() not in _SUFFIXES:
        raise UsageError(
            f"--plot {path}: its suffix says neither PNG nor SVG", "name it such as bench.png or bench.svg"
        )
    return path.suffix.lower().removeprefix(".")


def draw(steps: Sequence[Step], title: str, file_format: str) -> bytes:
    """A drawing of the steps; those in which the client was the limit are hollow."""
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure  # without pyplot, and so without a display

    figure = Figure(figsize=(7, 6), layout="constrained")
    throughput: Axes
    latency: Axes
    throughput, latency = figure.subplots(2, 1, sharex=True)
    places = range(len(steps))
    times = [(place, step.latency) for place, step in enumerate(steps) if step.latency]
    throughput.plot(places, [step.requests_per_second for step in steps], color="tab:blue", zorder=1)
    for place, step in enumerate(steps):
        face = "white" if step.is_client_limited else "tab:blue"
        throughput.scatter(place, step.requests_per_second, facecolor=face, edgecolor="tab:blue", zorder=2)
    throughput.set_title(title, fontsize=9)
    throughput.set(ylabel="good answers a second", ylim=(0, 1.1 * max(step.requests_per_second for step in steps) or 1))
    latency.plot([place for place, _ in times], [one.p50 for _, one in times], "o-", color="tab:green", label="p50")
    latency.plot([place for place, _ in times], [one.p99 for _, one in times], "s-", color="tab:red", label="p99")
    latency.set(xlabel="clients, each sending its next request when the last is answered", ylabel="latency, ms")
    highest_ms = max((one.p99 for _, one in times), default=1.0)
    latency.set(ylim=(0, 1.1 * highest_ms), xticks=places, xticklabels=[str(step.concurrency) for step in steps])
    latency.legend()
    if any(step.is_client_limited for step in steps):
        throughput.text(0.02, 0.9, "hollow: the client was the limit", transform=throughput.transAxes, fontsize=9)
    for axes in (throughput, latency):
        axes.grid(alpha=0.3)
    drawing = io.BytesIO()
    figure.savefig(drawing, format=file_format, dpi=150)
    return drawing.getvalue()
