"""`lgbm-sm bench`: load an endpoint step by step, and give advice for the expected traffic."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lgbm_sm import deploy
from lgbm_sm.bench.advice import Advice, Traffic, advise
from lgbm_sm.bench.figures import LoadStep
from lgbm_sm.bench.requests import Load, cut_requests
from lgbm_sm.bench.steps import Schedule, check_first_answer, run_steps
from lgbm_sm.bench.target import Target, http_target, local_target, sagemaker_target
from lgbm_sm.errors import DataError, UsageError
from lgbm_sm.invocation import invoke
from lgbm_sm.preparation.schema import Split, load_schema, verify_split
from lgbm_sm.record.entries import Endpoint
from lgbm_sm.wording import counted
from lgbm_sm.workspace import Workspace

_MOST_CLIENTS = 1000
_LEAST_REQUESTS_PER_STEP = 20


@dataclass(frozen=True)
class BenchOptions:
    """The options of `bench`. By default, it sends the test rows to the project's endpoint."""

    url: str | None
    endpoint: str | None
    file: str | None
    content_type: str | None
    accept: str
    rows: int
    schedule: Schedule
    traffic: Traffic


@dataclass(frozen=True)
class BenchResult:
    """The target, the load and the figures. `requests` is the number of all requests, including the warm-up."""

    target: Target
    load: Load
    steps: Sequence[LoadStep]
    requests: int
    advice: Advice | None


def parse_concurrency(text: str) -> tuple[int, ...]:
    """Parse the numbers of clients in an option such as `1,2,4`.

    Raises:
        UsageError: the text is not a list of numbers, or a number is out of range.
    """
    try:
        steps = tuple(int(part) for part in text.split(","))
    except ValueError:
        steps = ()
    if not steps or not all(1 <= step <= _MOST_CLIENTS for step in steps):
        raise UsageError(
            f"--concurrency {text}: must be comma-separated numbers from 1 to {_MOST_CLIENTS:,}",
            "pass for example 1,2,4,8,16",
        )
    return steps


def prepare(workspace: Workspace, wanted: BenchOptions) -> tuple[Target, Load]:
    """Find the target and make the request bodies. Send nothing.

    Raises:
        UsageError: two options cannot be used together, or a value is out of range.
        DataError: there are no rows to send.
        EndpointError: the endpoint does not exist, or is not in service.
        AwsError: AWS refuses a call.
    """
    if wanted.url and wanted.endpoint:
        raise UsageError("--url and --endpoint cannot be used together", "pass only one of them")
    if wanted.content_type and wanted.file is None:
        raise UsageError("--content-type needs a FILE", "also pass FILE; the default rows are text/csv")
    if wanted.schedule.most_requests < _LEAST_REQUESTS_PER_STEP * len(wanted.schedule.concurrency):
        least = _LEAST_REQUESTS_PER_STEP
        raise UsageError(
            f"--most-requests {wanted.schedule.most_requests}: must be at least {least} for each step",
            "raise --most-requests, or pass fewer steps to --concurrency",
        )
    if wanted.url:
        return http_target(wanted.url), _rows(workspace, wanted)
    if wanted.endpoint:
        account = workspace.accounts.get(workspace.config.aws.region)
        return sagemaker_target(wanted.endpoint, account), _rows(workspace, wanted)
    endpoint = deploy.get_endpoint(workspace)
    return _target_of(workspace, endpoint), _rows(workspace, wanted, invoke.feature_names(endpoint))


def _target_of(workspace: Workspace, endpoint: Endpoint) -> Target:
    if endpoint.is_local:
        return local_target(endpoint, workspace.backend_of(endpoint))
    return sagemaker_target(endpoint.name, workspace.accounts.get(endpoint.region, endpoint.account))


def _rows(workspace: Workspace, wanted: BenchOptions, names: Sequence[str] = ()) -> Load:
    if wanted.file is None:
        schema = load_schema(workspace.data_path)
        path, content_type = verify_split(workspace.data_path, schema, Split.TEST), "text/csv"
        # the first test row is never a header
        names = ()
    else:
        path = Path(wanted.file)
        content_type = wanted.content_type or invoke.content_type_of(wanted.file)
    try:
        with path.open("rb") as stream:
            return cut_requests(stream, content_type, wanted.rows, names)
    except OSError as error:
        raise DataError(f"could not read {path}: {error.strerror}", "check the path") from error


def question(target: Target, wanted: BenchOptions) -> str:
    """Return the question to ask before a load test that may cost money."""
    schedule = wanted.schedule
    return (
        f"Load {target.name} with up to {schedule.most_requests:,} requests, in {len(schedule.concurrency)} steps of "
        f"{schedule.seconds:g} s? {target.price}"
    )


def bench(workspace: Workspace, target: Target, load: Load, wanted: BenchOptions) -> BenchResult:
    """Run all load steps.

    Raises:
        InvocationError: the first requests fail.
    """
    reporter, schedule = workspace.reporter, wanted.schedule
    reporter.step(
        f"Load on {target.name}: {counted(load.rows, 'row')} per request, "
        f"{counted(load.distinct_rows, 'different row')}"
    )
    client = target.open_client(load, wanted.accept, schedule)
    steps = []
    try:
        made = requests = check_first_answer(client, schedule)
        for step in run_steps(client, schedule, target.consumption, made):
            steps.append(step)
            requests += step.warm_up + step.good + step.failed
            times = f"p99 {step.latency.p99:.3g} ms" if step.latency else "no good answer"
            clients = counted(step.concurrency, "client")
            reporter.detail(f"{clients}: {step.requests_per_second:,.0f} requests/s, {times}")
    finally:
        client.close()
    asked = wanted.traffic.rate is not None or wanted.traffic.p99_ms is not None
    advice = advise(steps, wanted.traffic, instances=target.instances, instance=target.instance) if asked else None
    return BenchResult(target, load, steps, requests, advice)
