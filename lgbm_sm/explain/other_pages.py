"""`explain prepare-data`, `explain predict` and `explain cleanup`."""

from lgbm_sm import contract
from lgbm_sm.aws.resources import arn_of, in_order_of_deletion, kind_of
from lgbm_sm.config.instance_types import LOCAL
from lgbm_sm.explain.aws_calls import note_upload, open_unknown_account
from lgbm_sm.explain.functions import functions_section
from lgbm_sm.explain.limits import serving_limits
from lgbm_sm.explain.sections import Section, aligned, indented, section
from lgbm_sm.explain.trees import describe_channels
from lgbm_sm.invocation.batches import BATCH_BYTES
from lgbm_sm.invocation.invoke import InvocationRequest, headers_of
from lgbm_sm.invocation.transport import RuntimeSender
from lgbm_sm.preparation.schema import CHANNELS, FOLDERS
from lgbm_sm.record.entries import EndpointStatus, Image, Place, RecordedEntry
from lgbm_sm.workspace import Workspace


def explain_preparation(workspace: Workspace) -> list[Section]:
    """What happens when `lgbm-sm prepare-data` is called now.

    Raises:
        AwsError: AWS_PROFILE names no profile.
    """
    data = workspace.config.data
    channels = {channel: workspace.data_path / folder for channel, folder in CHANNELS.items()}
    aws = open_unknown_account(workspace.config.aws, workspace.config.project.name)
    aws.bucket.create(workspace.config.aws.tags)
    note_upload(aws, channels)
    return [
        section(
            "Where it runs",
            "on this machine, whatever the instance types are; the container never sees the table itself",
            f"the table: {data.file or data.files or f'{data.name}, which is shipped'}",
        ),
        section(
            "What it makes",
            aligned(
                [
                    (
                        f"{workspace.data_path / folder}/{data.name}_{folder}.csv",
                        "a channel" if folder in CHANNELS.values() else "kept for the test: never a channel",
                    )
                    for folder in FOLDERS.values()
                ]
            ),
            f"{workspace.data_path}/schema/schema.json: names, types and levels of the columns, and a SHA-256 of each "
            "file; a channel too, and from there in the model artifact",
            "CSV as SageMaker's own algorithms take it: no header, no index; here the target is the last column",
        ),
        section("What a training job will find", describe_channels(channels)),
        section(
            "The calls at AWS",
            "none; with --upload, or when a job on SageMaker starts, these: the first three only where the default "
            "bucket is missing, the rest for files that are not there unchanged",
            indented(aws.lines()),
        ),
    ]


def explain_prediction(workspace: Workspace) -> list[Section]:
    """What happens when `lgbm-sm predict` is called now."""
    config = workspace.config
    on_sagemaker = config.endpoint.instance_type != LOCAL
    endpoints = [
        endpoint
        for endpoint in workspace.record.endpoints(config.project.name)
        if endpoint.status is EndpointStatus.IN_SERVICE and (endpoint.place is Place.AWS) == on_sagemaker
    ]
    name = endpoints[-1].name if endpoints else "<endpoint>"
    url = endpoints[-1].url if endpoints else "http://127.0.0.1:<port>"
    known = "" if endpoints else "no endpoint of the project is in service there: `lgbm-sm deploy` brings one up"
    if on_sagemaker:
        how = _invocation(workspace, name)
        way = (
            "SageMaker checks the caller, and hands body, ContentType and Accept on to POST /invocations of an instance"
        )
    else:
        how = [f"POST {url}/invocations", "Content-Type: text/csv", "Accept: text/csv", "", "<rows>"]
        way = f"`curl --data-binary @rows.csv -H 'Content-Type: text/csv' {url}/invocations` does the same"
    return [
        section("Where it goes", known or f"to endpoint {name}", how, way),
        section(
            "What is sent",
            f"rows in batches of at most {BATCH_BYTES:,} bytes",
            "a batch that AWS throttles or refuses as unavailable, that the container answers with 503, or that finds "
            "nobody listening is sent again, for 15 seconds at most; one whose answer was lost twice, and not at all "
            "where your own code may have acted on it",
            "--give OUTPUT travels as X-Amzn-SageMaker-Custom-Attributes: output=…, which the platform passes on; "
            "other headers it strips",
            "ContentType may have parameters, as in text/csv; charset=utf-8",
        ),
        functions_section(workspace),
        section(
            "What comes back",
            aligned(
                [
                    ("200", "the predictions, a row each, in the order of the rows"),
                    ("4xx", "what the client must mend, with the row and the column"),
                    ("5xx", "the container's own failure; its log has the cause"),
                ]
            ),
            "through SageMaker whatever is not 2xx is a ModelError (424) with OriginalStatusCode and OriginalMessage",
        ),
        serving_limits(config),
    ]


def _invocation(workspace: Workspace, name: str) -> list[str]:
    aws = open_unknown_account(workspace.config.aws, workspace.config.project.name)
    headers = headers_of(InvocationRequest("text/csv", "text/csv"))
    sender = RuntimeSender(name, aws.account, headers, parallel=1)
    aws.dry_run.note("sagemaker", "InvokeEndpoint", **sender.parameters, Body="<rows>")
    return aws.lines()


def explain_cleanup(workspace: Workspace) -> list[Section]:
    """What `lgbm-sm cleanup` would delete of what is on record; nobody is asked whether it is still there."""
    record = workspace.record
    entries: list[RecordedEntry] = [*record.entries(), *record.images(), *in_order_of_deletion(record.aws_entries())]
    return [
        section(
            "What is on record",
            [f"{arn_of(entry) or entry.name}: {_deletion(entry)}" for entry in entries] or ["nothing"],
            "`lgbm-sm status` says what of it is there; `lgbm-sm cleanup --dry-run` shows the calls with parameters",
        ),
        section(
            "In which order",
            "endpoints, then their configs, then the models in them: each is what the one before is made of",
            "training jobs with logs and artifacts; objects in S3; images; repositories that were made here",
            "then it looks again, by record, tag and name, and exits with 11 where something is left",
        ),
        section(
            "How programs end",
            aligned(
                [
                    ("serving", f"SIGTERM, {contract.STOP_SERVING_SECONDS:.0f} s later SIGKILL, as SageMaker does it"),
                    ("training", f"SIGTERM, {contract.STOP_TRAINING_SECONDS:.0f} s later SIGKILL; the same"),
                ]
            ),
            "an endpoint of SageMaker's that is Creating cannot be deleted: cleanup waits for it",
        ),
        section(
            "What stays",
            "your data here, buckets, repositories that were there before, objects that lgbm-sm has not put there, "
            "logs in CloudWatch unless --logs, and notebook instances, of which it knows nothing",
        ),
    ]


def _deletion(entry: RecordedEntry) -> str:
    if not entry.is_local:
        return kind_of(entry).deletion
    return "removed from Docker" if isinstance(entry, Image) else "stopped, and its folder removed"
