"""The pages of `explain prepare-data`, `explain predict`, `explain stop` and `explain cleanup`."""

from lgbm_sm import train
from lgbm_sm.aws.resources import arn_of, in_order_of_deletion, kind_of
from lgbm_sm.aws.resources.endpoint_config import EndpointConfig
from lgbm_sm.contract import ATTRIBUTES_HEADER, STOP_SERVING_SECONDS, STOP_TRAINING_SECONDS
from lgbm_sm.explain.aws_calls import describe_calls_of
from lgbm_sm.explain.functions import functions_section
from lgbm_sm.explain.limits import serving_limits
from lgbm_sm.explain.sections import Section, aligned, section
from lgbm_sm.explain.trees import describe_channels
from lgbm_sm.invocation.batches import BATCH_BYTES
from lgbm_sm.invocation.invoke import InvocationRequest, headers_of
from lgbm_sm.invocation.transport import RuntimeSender
from lgbm_sm.preparation.schema import CHANNELS, FOLDERS
from lgbm_sm.record.entries import EndpointStatus, Image, RecordedEntry
from lgbm_sm.workspace import Workspace


def explain_preparation(workspace: Workspace) -> list[Section]:
    """Return the page of `lgbm-sm prepare-data`.

    Raises:
        AwsError: the profile in AWS_PROFILE does not exist.
    """
    data = workspace.config.data
    channels = {channel: workspace.data_path / folder for channel, folder in CHANNELS.items()}
    return [
        section(
            "Where it runs",
            "always on this machine, even with SageMaker instance types; containers get only the split files",
            f"the table: {data.file or data.files or f'the built-in dataset {data.name}'}",
        ),
        section(
            "Files that it writes",
            aligned(
                [
                    (
                        f"{workspace.data_path / folder}/{data.name}_{folder}.csv",
                        "a channel" if folder in CHANNELS.values() else "for tests only, not a channel",
                    )
                    for folder in FOLDERS.values()
                ]
            ),
            f"{workspace.data_path}/schema/schema.json: names, types and categories of the columns, and the SHA-256 of "
            "each file; the schema is a channel too, and training copies it into the model artifact",
            "the CSV files have no header and no index; the target is the last column",
        ),
        section("Files in a training container", describe_channels(channels)),
        section(
            "AWS calls",
            "none, unless you add --upload or train on SageMaker",
            "an upload makes the calls below, but does not create a bucket that exists or send a file that S3 has:",
            describe_calls_of(workspace, train.upload_data, exists=False),
        ),
    ]


def explain_prediction(workspace: Workspace) -> list[Section]:
    """Return the page of `lgbm-sm predict`."""
    config = workspace.config
    endpoints = [
        endpoint
        for endpoint in workspace.record.endpoints(config.project.name)
        if endpoint.status is EndpointStatus.IN_SERVICE and endpoint.is_local == config.endpoint.is_local
    ]
    name = endpoints[-1].name if endpoints else "<endpoint>"
    url = endpoints[-1].url if endpoints else "http://127.0.0.1:<port>"
    target = f"to endpoint {name}" if endpoints else "the project has no endpoint in service yet: run `lgbm-sm deploy`"
    if config.endpoint.is_local:
        request = [f"POST {url}/invocations", "Content-Type: text/csv", "Accept: text/csv", "", "<rows>"]
        transport = f"the same with curl: curl --data-binary @rows.csv -H 'Content-Type: text/csv' {url}/invocations"
    else:
        request = describe_calls_of(workspace, lambda unknown: _plan_invocation(unknown, name))
        transport = "SageMaker checks the caller, then sends body, Content-Type and Accept to POST /invocations"
    return [
        section("Where it goes", target, request, transport),
        section(
            "What is sent",
            f"rows in batches of at most {BATCH_BYTES:,} bytes",
            "a batch is sent again for up to 15 seconds if AWS throttles it or is unavailable, if the container "
            "answers 503, or if the connection is refused",
            "if the answer is lost, the batch is sent again at most twice, but never if your own inference code may "
            "already have processed it",
            f"--give is sent as the header {ATTRIBUTES_HEADER}: output=…, which SageMaker passes on; SageMaker drops "
            "other headers",
            "Content-Type may have parameters, for example text/csv; charset=utf-8",
        ),
        functions_section(workspace),
        section(
            "What comes back",
            aligned(
                [
                    ("200", "one prediction per row, in the order of the rows"),
                    ("4xx", "the client's error, with row and column"),
                    ("5xx", "the container's error; the cause is in its log"),
                ]
            ),
            "if the status is not 2xx, SageMaker returns ModelError (424) with OriginalStatusCode and OriginalMessage",
        ),
        serving_limits(config),
    ]


def _plan_invocation(workspace: Workspace, name: str) -> None:
    account = workspace.accounts.get(workspace.config.aws.region)
    sender = RuntimeSender(name, account, headers_of(InvocationRequest("text/csv", "text/csv")), parallel=1)
    if workspace.dry_run:
        workspace.dry_run.note("sagemaker", "InvokeEndpoint", **sender.parameters, Body="<rows>")


def explain_stop(workspace: Workspace) -> list[Section]:
    """Explain `lgbm-sm stop` for the entries on record, without asking AWS or Docker."""
    record = workspace.record
    ended: list[RecordedEntry] = [*record.endpoints(), *record.of_type(EndpointConfig)]
    return [
        section(
            "Ends, in this order",
            [f"{arn_of(entry) or entry.name}: {_deletion(entry)}" for entry in ended] or ["nothing"],
            "`lgbm-sm stop --dry-run` shows the calls with parameters",
            "SageMaker cannot delete an endpoint in the state Creating, so stop waits until the state changes",
        ),
        section(
            "What stays",
            "training jobs and their artifacts; on SageMaker also the models, which cost nothing, and the data and "
            "artifacts in S3, which are billed as storage",
            "`lgbm-sm deploy` starts an endpoint again, with its old name on SageMaker; the next deployment deletes "
            "the model and the archive of the stopped one",
        ),
    ]


def explain_cleanup(workspace: Workspace) -> list[Section]:
    """Return the page of `lgbm-sm cleanup`. It reads only the record, not AWS or Docker."""
    record = workspace.record
    entries: list[RecordedEntry] = [*record.entries(), *record.images(), *in_order_of_deletion(record.aws_entries())]
    return [
        section(
            "On record",
            [f"{arn_of(entry) or entry.name}: {_deletion(entry)}" for entry in entries] or ["nothing"],
            "`lgbm-sm status` shows which of these resources exist; `lgbm-sm cleanup --dry-run` shows the AWS calls",
        ),
        section(
            "Order",
            "endpoints first, then their configs, then the models, because an endpoint uses its config and its model",
            "then training jobs with logs and artifacts, objects in S3, images, and repositories that push created",
            "at the end, cleanup checks again by record, tag and name, and exits with 11 if something is left",
        ),
        section(
            "How programs end",
            aligned(
                [
                    ("serving", f"SIGTERM, then SIGKILL {STOP_SERVING_SECONDS:.0f} s later, as on SageMaker"),
                    ("training", f"SIGTERM, then SIGKILL {STOP_TRAINING_SECONDS:.0f} s later, as on SageMaker"),
                ]
            ),
            "SageMaker cannot delete an endpoint in the state Creating, so cleanup waits until the state changes",
        ),
        section(
            "What stays",
            "your data on this machine, buckets, repositories that existed before, objects that lgbm-sm did not "
            "upload, logs in CloudWatch (unless you add --logs), and notebook instances",
        ),
    ]


def _deletion(entry: RecordedEntry) -> str:
    if not entry.is_local:
        return kind_of(entry).deletion
    return "removed from Docker" if isinstance(entry, Image) else "its program is stopped and its folder deleted"
