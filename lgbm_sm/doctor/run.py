"""`doctor`: what is wrong on this machine and in the account, and what mends it. Nothing is changed anywhere."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path

from lgbm_sm.backends.docker.engine import Engine
from lgbm_sm.config.instance_types import LOCAL
from lgbm_sm.config.loading import LoadedConfig
from lgbm_sm.config.sections import Config
from lgbm_sm.doctor.account import examine_account, wanted_of
from lgbm_sm.doctor.containers import examine_containers
from lgbm_sm.doctor.findings import Area, Check, Finding, Status
from lgbm_sm.doctor.installation import examine_installation
from lgbm_sm.errors import ConfigError, ExitCode

CONFIGURATION = Check("configuration", Area.CONFIGURATION)
AWS = Check("aws", Area.AWS)


def examine(
    loaded: LoadedConfig | ConfigError,
    *,
    environment: Mapping[str, str],
    containers_path: Path,
    ask_aws: bool,
    execution_role: str | None,
    clock: Callable[[], datetime],
) -> Iterator[Finding]:
    """Every finding, as it is made; each takes seconds at most, and none hides another.

    `loaded` may be why there is no configuration: what does not depend on it is looked at all the same. AWS is called
    where an instance type is not local, or with `ask_aws`. `execution_role` is a name or an ARN; `clock` gives the time
    here, with its zone.
    """
    yield from examine_installation(environment)
    yield from examine_configuration(loaded)
    config = loaded.config if isinstance(loaded, LoadedConfig) else None
    folder = loaded.folder if isinstance(loaded, LoadedConfig) else Path.cwd()
    yield from examine_containers(config, engine=Engine(environment), containers_path=containers_path, folder=folder)
    if ask_aws or (config and _needs_aws(config)):
        yield from examine_account(wanted_of(config, execution_role), clock)
    elif config:
        yield AWS.ok("not asked: both instance types are local; --aws asks")
    else:
        yield AWS.not_checked("whether it is needed follows from the configuration; --aws asks")


def _needs_aws(config: Config) -> bool:
    return {config.training.instance_type, config.endpoint.instance_type} != {LOCAL}


def examine_configuration(loaded: LoadedConfig | ConfigError) -> list[Finding]:
    """A finding for each problem and each warning."""
    if isinstance(loaded, ConfigError):
        remedy = loaded.hint or "mend that; `lgbm-sm config` then shows what holds"
        return [CONFIGURATION.problem(line, remedy) for line in loaded.message.splitlines()]
    warnings = [
        CONFIGURATION.warning(text, "name a type that AWS lists, or ignore this if it is newer than botocore")
        for text in loaded.warnings
    ]
    return warnings or [CONFIGURATION.ok(str(loaded.path) if loaded.path else "no config.yaml: the defaults hold")]


def exit_code_of(findings: Iterable[Finding]) -> ExitCode:
    """That of the gravest area with a problem."""
    concerned = {finding.area for finding in findings if finding.status is Status.PROBLEM}
    return next((area.exit_code for area in Area if area in concerned), ExitCode.OK)
