"""The output of `bench` as text and as JSON."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from lgbm_sm.console import Console, table
from lgbm_sm.wording import counted

if TYPE_CHECKING:
    from lgbm_sm.bench.figures import LoadStep
    from lgbm_sm.bench.run import BenchResult

_CLOSED_LOOP = (
    "closed loop: each client waits for an answer before it sends its next request, so a slow server gets fewer "
    "requests; independent users do not wait, so they see longer latencies at the same rate"
)
_CLIENT_LIMITED = "client was the limit"
_SHARED = "client and server share this machine's processors: on a separate machine, the server may sustain more"


def show_bench(console: Console, result: "BenchResult", plot: str | None) -> None:
    """Show one line per step, then notes on the figures, then the advice."""
    blocks = [_table(result), "\n".join(_notes(result))]
    if result.advice:
        blocks.append("\n".join(result.advice.sentences))
    if plot:
        console.detail(f"chart: {plot}")
    console.result(_payload(result, plot), "\n\n".join(block for block in blocks if block))


def _table(result: "BenchResult") -> str:
    sees_usage = any(step.usage for step in result.steps)
    many_rows = result.load.rows > 1
    columns = ["clients", "requests/s", *(["rows/s"] if many_rows else []), "p50 ms", "p90 ms", "p99 ms", "max ms"]
    columns += ["errors", *(["CPUs", "memory"] if sees_usage else []), ""]
    lines = []
    for step in result.steps:
        one = step.latency
        times = (one.p50, one.p90, one.p99, one.highest) if one else (None,) * 4
        line = [f"{step.concurrency}", f"{step.requests_per_second:,.0f}"]
        line += [f"{step.requests_per_second * result.load.rows:,.0f}"] if many_rows else []
        line += ["" if time is None else f"{time:.3f}" for time in times]
        line += [f"{step.failed:,}"]
        if sees_usage:
            line += [f"{step.usage.cpus:.2f}", f"{step.usage.memory_bytes / 1e6:,.0f} MB"] if step.usage else ["", ""]
        lines.append([*line, _remark(step)])
    return table(columns, lines)


def _remark(step: "LoadStep") -> str:
    remarks = [_CLIENT_LIMITED] if step.is_client_limited else []
    return ", ".join([*remarks, *(["ended by --most-requests"] if step.is_cut else [])])


def _notes(result: "BenchResult") -> list[str]:
    failures = [
        f"{counted(step.concurrency, 'client')}: {failure.count:,} x {kind}, the first: {failure.example}"
        for step in result.steps
        for kind, failure in step.failures.items()
    ]
    notes = [_CLOSED_LOOP]
    if result.target.is_on_this_machine:
        notes.append(_SHARED)
    if any(step.is_client_limited for step in result.steps):
        notes.append(
            f"{_CLIENT_LIMITED}: nearly all the time, the client was busy or waited for a processor; the figures of "
            "that step measure the client, not the server"
        )
    if result.target.unseen:
        notes.append(result.target.unseen)
    return [*failures, *notes]


def _payload(result: "BenchResult", plot: str | None) -> dict[str, Any]:
    advice = result.advice
    return {
        "target": result.target.name,
        "instance": result.target.instance,
        "instances": result.target.instances,
        "rows_per_request": result.load.rows,
        "distinct_rows": result.load.distinct_rows,
        "loop": "closed",
        "client_shares_machine": result.target.is_on_this_machine,
        "requests": result.requests,
        "steps": [_step(step, result.load.rows) for step in result.steps],
        "advice": advice
        and {
            "concurrency": advice.step.concurrency if advice.step else None,
            "requests_per_second_per_instance": advice.requests_per_second_per_instance,
            "instances": advice.instances,
            "text": " ".join(advice.sentences),
        },
        "plot": plot,
    }


def _step(step: "LoadStep", rows: int) -> dict[str, Any]:
    one, usage = step.latency, step.usage
    return {
        "concurrency": step.concurrency,
        "seconds": step.seconds,
        "requests": step.good + step.failed,
        "warm_up_requests": step.warm_up,
        "requests_per_second": step.requests_per_second,
        "rows_per_second": step.requests_per_second * rows,
        "latency_ms": one and {"p50": one.p50, "p90": one.p90, "p99": one.p99, "max": one.highest},
        "errors": {kind: asdict(failure) for kind, failure in step.failures.items()},
        "server": usage and asdict(usage),
        "client_cpus": step.client_cpus,
        "client_waited": step.client_waited,
        "client_limited": step.is_client_limited,
        "ended_by": "requests" if step.is_cut else "time",
    }
