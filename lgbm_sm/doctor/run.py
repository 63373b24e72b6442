"""`lgbm-sm doctor`: find problems of this machine and of the AWS account, and show how to fix them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path

from lgbm_sm.backends.docker.engine import Engine
from lgbm_sm.config.loading import LoadedConfig
from lgbm_sm.doctor.account import examine_account, wanted_of
from lgbm_sm.doctor.containers import examine_containers
from lgbm_sm.doctor.findings import DoctorArea, DoctorCheck, Finding, Status
from lgbm_sm.doctor.installation import examine_installation
from lgbm_sm.errors import ConfigError, ExitCode

CONFIGURATION = DoctorCheck("configuration", DoctorArea.CONFIGURATION)
AWS = DoctorCheck("aws", DoctorArea.AWS)


def examine(
    loaded: LoadedConfig | ConfigError,
    *,
    environment: Mapping[str, str],
    containers_path: Path,
    ask_aws: bool,
    execution_role: str | None,
    clock: Callable[[], datetime],
) -> Iterator[Finding]:
    """Yield each finding as soon as it is known.

    Each check has a time limit of some seconds, and runs even if other checks fail. If `loaded` is an error, only the
    checks that need no configuration run. The AWS account is checked if an instance type is not local, or with
    `ask_aws`. `execution_role` is a name or an ARN. `clock` returns the local time with its time zone.
    """
    yield from examine_installation(environment)
    yield from examine_configuration(loaded)
    config = loaded.config if isinstance(loaded, LoadedConfig) else None
    folder = loaded.folder if isinstance(loaded, LoadedConfig) else Path.cwd()
    yield from examine_containers(config, engine=Engine(environment), containers_path=containers_path, folder=folder)
    if ask_aws or (config and not config.is_local):
        yield from examine_account(wanted_of(config, execution_role), clock)
    elif config:
        yield AWS.ok("not checked, because both instance types are local; pass --aws to check it")
    else:
        yield AWS.not_checked("fix the configuration first, or pass --aws")


def examine_configuration(loaded: LoadedConfig | ConfigError) -> list[Finding]:
    """Return a finding for each problem and each warning of the configuration."""
    if isinstance(loaded, ConfigError):
        fix = loaded.hint or "correct the value; `lgbm-sm config` then shows the configuration"
        return [CONFIGURATION.problem(line, fix) for line in loaded.message.splitlines()]
    warnings = [CONFIGURATION.warning(text, _fix_of(text)) for text in loaded.warnings]
    return warnings or [CONFIGURATION.ok(str(loaded.path) if loaded.path else "no config.yaml: the defaults apply")]


def _fix_of(warning: str) -> str:
    if "instance_type: " in warning:
        return "use an instance type that AWS offers; ignore this warning if the type is newer than botocore"
    return "fix the problem that the check `lightgbm` reports"


def exit_code_of(findings: Iterable[Finding]) -> ExitCode:
    """Return the exit code of the first area that has a problem."""
    concerned = {finding.area for finding in findings if finding.status is Status.PROBLEM}
    return next((area.exit_code for area in DoctorArea if area in concerned), ExitCode.OK)
