"""Show the results of the commands as text or as JSON."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lgbm_sm.aws.resources import arn_of
from lgbm_sm.aws.resources.pushed_image import PushedImage
from lgbm_sm.commands.model_view import model_document, model_text
from lgbm_sm.console import Console, OutputFormat, table
from lgbm_sm.record.entries import Endpoint, Entry, Image, RecordedEntry, TrainingJob

if TYPE_CHECKING:
    from lgbm_sm.aws.channel_upload import UploadedChannels
    from lgbm_sm.aws.dry_run import DryRun
    from lgbm_sm.commands.output import Answer
    from lgbm_sm.config.loading import EffectiveValue
    from lgbm_sm.data import PreparedData
    from lgbm_sm.ecr import PushResult
    from lgbm_sm.explain.sections import Section
    from lgbm_sm.following import TrainedModel
    from lgbm_sm.images.build import BuiltImage
    from lgbm_sm.inventory import Inventory, Item
    from lgbm_sm.invocation.example_requests import ExampleRequest
    from lgbm_sm.lifecycle import RunSummary
    from lgbm_sm.model.lineage import Lineage
    from lgbm_sm.predict import Predicted


def show_run(
    console: Console, summary: "RunSummary", answer: "Answer", examples: "Sequence[ExampleRequest]", *, kept: bool
) -> None:
    """Show the summary of `run`. It goes to stderr, because stdout has the predictions."""
    console.step("Summary")
    for line in table(
        ("step", "seconds"), [(step, f"{value:.1f}") for step, value in summary.seconds.items()]
    ).splitlines():
        console.detail(line)
    splits = list(summary.metrics)
    names = sorted({name for values in summary.metrics.values() for name in values})
    rows = [(name, *(_number(summary.metrics[split].get(name)) for split in splits)) for name in names]
    for line in table(("metric", *splits), rows).splitlines():
        console.detail(line)
    console.detail(f"model artifact: {summary.model.model_artifact_path}")
    if kept:
        console.detail(f"endpoint in service: {summary.endpoint.url}/invocations; `lgbm-sm stop` ends it")
    _show_examples(console, examples)
    if console.output is OutputFormat.JSON:
        console.json(
            {
                "training_job": summary.model.job_name,
                "model_artifact": summary.model.model_artifact_path,
                "endpoint": _endpoint(summary.endpoint) if kept else None,
                "examples": _examples(examples),
                "rows": summary.rows,
                "seconds": summary.seconds,
                "metrics": summary.metrics,
                "warnings": summary.model.warnings,
                "predictions": answer.predictions(),
            }
        )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def show_images(console: Console, images: Sequence["BuiltImage"]) -> None:
    """Show the tags of images, one per line."""
    payload = [
        {
            "tag": image.tag,
            "id": image.image_id,
            "pattern": image.pattern,
            "platform": image.platform,
            "context": image.context,
            "size_bytes": image.size_bytes,
            "seconds": image.seconds,
            "unchanged": image.unchanged,
        }
        for image in images
    ]
    console.result({"images": payload}, "\n".join(image.tag for image in images))


def show_pushed(console: Console, results: Sequence["PushResult"]) -> None:
    """Show the addresses of the pushed images, with their digests, one per line."""
    payload = [
        {
            "uri": result.uri,
            "tag_uri": result.tag_uri,
            "digest": result.digest,
            "media_type": result.media_type,
            "platform": result.platform,
            "seconds": result.seconds,
            "unchanged": result.unchanged,
        }
        for result in results
    ]
    console.result({"images": payload}, "\n".join(result.uri for result in results))


def show_trained_model(console: Console, model: "TrainedModel") -> None:
    """Show the model artifact and its metrics."""
    payload = {
        "training_job": model.job_name,
        "status": "Completed",
        "model_artifact": model.model_artifact_path,
        "best_iteration": model.best_iteration,
        "metrics": model.metrics,
        "billable_seconds": model.billable_seconds,
        "warnings": model.warnings,
    }
    if model.billable_seconds is not None:
        console.detail(f"{model.billable_seconds} s of each instance are billed")
    for split, values in model.metrics.items():
        console.detail(f"{split}: " + ", ".join(f"{name} {_number(value)}" for name, value in values.items()))
    console.result(payload, str(model.model_artifact_path))


def show_calls(console: Console, dry_run: "DryRun") -> None:
    """Show the AWS calls that would change something, in their order, with their parameters."""
    payload = [
        {"service": call.service, "operation": call.operation, "parameters": call.parameters} for call in dry_run.calls
    ]
    lines = [f"{call.service}:{call.operation} {json.dumps(call.parameters, default=str)}" for call in dry_run.calls]
    console.result({"calls": payload}, "\n".join(lines) or "no AWS call would change anything")


def show_started_job(console: Console, job: TrainingJob) -> None:
    """Show the name of a job that continues after the command has ended."""
    console.detail(f"`lgbm-sm train --attach {job.name}` follows it, `lgbm-sm cleanup` stops it")
    console.result({"training_job": job.name, "status": "InProgress"}, job.name)


def _endpoint(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "name": endpoint.name,
        "status": endpoint.status,
        "url": endpoint.url or None,
        "backend": endpoint.place,
        "region": endpoint.region or None,
        "training_job": endpoint.training_job,
        "log": endpoint.log_path if endpoint.is_local else None,
    }


def show_endpoint(console: Console, endpoint: Endpoint, model: "Lineage", examples: "Sequence[ExampleRequest]") -> None:
    """Show the endpoint, and how to send a request to it."""
    if not endpoint.is_local:
        console.detail("the endpoint is billed until `lgbm-sm stop` deletes it")
    _show_examples(console, examples)
    payload = {"endpoint": _endpoint(endpoint), "model": model.document, "examples": _examples(examples)}
    console.result(payload, endpoint.url if endpoint.is_local else endpoint.name)


def _show_examples(console: Console, examples: "Sequence[ExampleRequest]") -> None:
    """Show requests. They are not indented, so that Python programs work as they are copied."""
    for example in examples:
        console.detail(f"{example.name}:\n{example.text}")


def _examples(examples: "Sequence[ExampleRequest]") -> list[dict[str, str]]:
    return [example._asdict() for example in examples]


def show_invocation(console: Console, predicted: "Predicted", answer: "Answer") -> None:
    """Show the metrics and the numbers of rows; the predictions were already written."""
    summary = predicted.summary
    for name, value in predicted.metrics.items():
        console.detail(f"{name} {_number(value)}")
    if answer.path:
        console.detail(f"{summary.rows:,} predictions in {answer.path}")
    if console.output is OutputFormat.JSON:
        console.json(
            {
                "rows": summary.rows,
                "requests": summary.requests,
                "seconds": summary.seconds,
                "metrics": predicted.metrics,
                "model": predicted.model.document,
                "file": answer.path,
                "predictions": answer.predictions(),
            }
        )


def item_document(item: "Item") -> dict[str, Any]:
    entry = item.entry
    return {
        "kind": entry.kind,
        "name": entry.name,
        "project": entry.project,
        "backend": entry.place,
        "created_at": entry.created_at,
        "state": item.state,
        "remark": item.remark,
        "folder": entry.folder if isinstance(entry, TrainingJob | Endpoint) else None,
        "image": _image(entry),
        "arn": arn_of(entry),
        "model": model_document(entry),
    }


def _image(entry: RecordedEntry) -> str | None:
    if isinstance(entry, TrainingJob | Endpoint):
        return entry.image or None
    return entry.name if isinstance(entry, Image | PushedImage) else None


def show_status(console: Console, inventory: "Inventory") -> None:
    """Show the resources, one per line."""
    items = inventory.items
    for problem in inventory.problems:
        console.warn(f"{problem.message} ({problem.hint})")
    rows = [
        (entry.kind, entry.name, entry.place, state, _age(entry), model_text(entry), remark)
        for entry, state, remark, _ in items
    ]
    text = table(("kind", "name", "backend", "state", "age", "model", ""), rows) if rows else "nothing on record"
    payload = {
        "items": [item_document(item) for item in items],
        "problems": [{"message": problem.message, "hint": problem.hint} for problem in inventory.problems],
    }
    console.result(payload, text)


def _age(entry: RecordedEntry) -> str:
    seconds = int((datetime.now(UTC) - entry.created_at).total_seconds())
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{max(seconds, 0)} s"


def show_log(console: Console, entry: Entry, chunks: Iterable[bytes]) -> None:
    """Write the log to stdout."""
    if console.output is OutputFormat.JSON:
        text = b"".join(chunks).decode("utf-8", errors="replace")
        console.json({"kind": entry.kind, "name": entry.name, "path": entry.log_path, "lines": text.splitlines()})
        return
    console.trace(str(entry.log_path))
    for chunk in chunks:
        console.write(chunk)


def show_config(console: Console, values: Sequence["EffectiveValue"]) -> None:
    """Show each key with its value and its source."""
    rows = [
        (value.key, value.value if isinstance(value.value, str) else json.dumps(value.value), value.source)
        for value in values
    ]
    payload = {value.key: {"value": value.value, "source": value.source} for value in values}
    console.result({"config": payload}, table(("key", "value", "source"), rows))


def show_prepared_data(console: Console, prepared: "PreparedData", uploaded: "UploadedChannels | None") -> None:
    """Show the shape and the first rows of each file, and the addresses of the channels in S3."""
    features, target = prepared.schema.feature_names, prepared.schema.target.name
    columns = {"test": features, "test_target": (target,)}
    blocks = [
        f"{file.path}: {file.rows} rows x {file.columns} columns\n"
        + table(columns.get(file.split, (*features, target)), file.preview)
        for file in prepared.files
    ]
    payload = {
        "folder": prepared.folder,
        "changed": prepared.changed,
        "files": [
            {
                "split": file.split,
                "path": file.path,
                "rows": file.rows,
                "columns": file.columns,
                "changed": file.changed,
                "first_rows": file.preview,
            }
            for file in prepared.files
        ],
        "uploaded": uploaded
        and {"channels": dict(uploaded.uris), "sent": uploaded.sent, "unchanged": uploaded.unchanged},
        "removed": prepared.removed,
        "notes": prepared.notes,
        "schema": prepared.schema.document,
    }
    console.result(payload, "\n\n".join(blocks))


def show_explanation(console: Console, sections: Sequence["Section"]) -> None:
    """Show sections with their titles."""
    blocks = ["\n".join((found.title, *(f"  {line}".rstrip() for line in found.lines))) for found in sections]
    payload = {"sections": [{"title": found.title, "lines": found.lines} for found in sections]}
    console.result(payload, "\n\n".join(blocks))
