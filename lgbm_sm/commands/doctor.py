"""The command doctor."""

import os
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lgbm_sm.commands.app import app, help_text, say_source, warn_of_copy
from lgbm_sm.commands.options import SharedOptionsCommand
from lgbm_sm.console import Console, OutputFormat
from lgbm_sm.errors import ConfigError

if TYPE_CHECKING:
    from lgbm_sm.config.loading import LoadedConfig
    from lgbm_sm.doctor.findings import Finding

_CHECK_WIDTH = len("execution role")
_STATUS_WIDTH = len("problem")


@app.command(
    cls=SharedOptionsCommand,
    short_help="Find problems of this machine and the AWS account.",
    help=help_text(
        "lgbm-sm doctor --set training.instance_type=ml.m4.2xlarge",
        "Check Python, the packages, the configuration, Docker and the disk. If an instance type is not local, also "
        "check AWS. Each check prints one line. If there is a problem, the line contains a fix. The command changes "
        "nothing. The exit code is 0 if there is no problem, 3 for a problem of the configuration or installation, 5 "
        "for images, and 6 for AWS. If there are several problems, the exit code is the lowest of these numbers.",
        "the fixes that it prints.",
    ),
)
def doctor(
    ctx: typer.Context,
    aws: Annotated[bool, typer.Option("--aws", help="Also check AWS if both instance types are local.")] = False,
    execution_role: Annotated[
        str | None,
        typer.Option(
            metavar="ROLE",
            help="The name or ARN of the role to check (default: aws.execution_role, else this notebook's role).",
        ),
    ] = None,
) -> None:
    from lgbm_sm.doctor.run import examine, exit_code_of
    from lgbm_sm.shipped import containers_path

    shared = ctx.obj
    console = Console(output=shared["output"], verbose=shared["verbose"], environment=os.environ)
    loaded = _load(ctx)
    folder = Path.cwd() if isinstance(loaded, ConfigError) else loaded.folder
    if not isinstance(loaded, ConfigError):
        say_source(loaded, console, given=shared["config"])
        warn_of_copy(loaded, console)
    findings = []
    for finding in examine(
        loaded,
        environment=os.environ,
        containers_path=containers_path(folder),
        ask_aws=aws,
        execution_role=execution_role,
        clock=lambda: datetime.now(UTC),
    ):
        findings.append(finding)
        if console.output is OutputFormat.TEXT:
            console.write(f"{line_of(finding)}\n".encode())
    code = exit_code_of(findings)
    if console.output is OutputFormat.JSON:
        console.json({"checks": [asdict(finding) for finding in findings], "exit_code": int(code)})
    raise typer.Exit(code)


def _load(ctx: typer.Context) -> "LoadedConfig | ConfigError":
    """Return the configuration, or its error. doctor reports the error as a finding."""
    from lgbm_sm.config.loading import load_config

    try:
        return load_config(ctx.obj["config"], ctx.obj["overrides"], os.environ)
    except ConfigError as error:
        return error


def line_of(finding: "Finding") -> str:
    """Return a line such as `problem  lightgbm        fails to load: … (fix: sudo apt-get install libgomp1)`."""
    fix = f" (fix: {finding.fix})" if finding.fix else ""
    return f"{finding.status:{_STATUS_WIDTH}}  {finding.check:{_CHECK_WIDTH}}  {finding.message}{fix}"
