"""The logs of training jobs and endpoints in CloudWatch."""

from collections.abc import Iterator

from lgbm_sm.aws.account import AwsAccount, aws_errors
from lgbm_sm.aws.cloudwatch import ENDPOINTS_PREFIX, TRAINING_GROUP, Log, endpoint_group
from lgbm_sm.aws.origin import DEFAULT_PROJECT
from lgbm_sm.aws.policy_scope import PolicyScope, Statement, allow
from lgbm_sm.aws.resources.kind import Found, Group, ResourceKind, Search, arn_in_region, availability
from lgbm_sm.aws.waiting import Patience
from lgbm_sm.names import is_endpoint_name, is_timestamped
from lgbm_sm.record.entries import AwsEntry, Observation

LOGS = Group("logs", "log", "logs")


class ContainerLog(AwsEntry, frozen=True, kw_only=True, tag="log"):
    """A log group. With `prefix`, only the streams of the group whose names begin with it.

    Logs are found by name and are never in the record.
    """

    group: str
    prefix: str = ""


class ContainerLogs(ResourceKind[ContainerLog]):
    """The kind "log". All training jobs of an account share one log group. Each endpoint has its own log group."""

    entry_type = ContainerLog
    group = LOGS
    deletion = "logs:DeleteLogGroup, or logs:DeleteLogStream for a training job"

    def arn(self, entry: ContainerLog) -> str:
        streams = f":log-stream:{entry.prefix}*" if entry.prefix else ""
        return arn_in_region(entry, "logs", f"log-group:{entry.group}{streams}")

    def observe(self, entry: ContainerLog, account: AwsAccount) -> Observation:
        return availability(entry, exists=_log(entry, account).exists())

    def delete(self, entry: ContainerLog, account: AwsAccount, patience: Patience) -> list[str]:  # noqa: ARG002
        _log(entry, account).delete()
        return []

    def search(self, search: Search) -> Iterator[Found]:
        """Find logs by the names of endpoints and jobs, if the search includes logs."""
        if not search.includes_logs:
            return
        for group in _endpoint_groups(search.account, search.project, search.endpoint_name):
            yield Found(ContainerLog(name=group, group=group, **search.fields()), {})
        for job in _logged_jobs(search.account, search.project):
            prefix = f"{job}/"
            name = f"{TRAINING_GROUP}:{prefix}"
            yield Found(ContainerLog(name=name, group=TRAINING_GROUP, prefix=prefix, **search.fields()), {})

    def is_adopted(self, found: Found, project_id: str) -> bool:  # noqa: ARG002 - a log has no origin tag
        """Return whether the logs may belong to another project. Unrelated projects share only the default name."""
        return found.entry.project == DEFAULT_PROJECT

    def statements(self, scope: PolicyScope) -> list[Statement]:
        training = scope.arn("logs", f"log-group:{TRAINING_GROUP}")
        streams = f"{training}:log-stream:{scope.project}-*"
        uses = ("DeleteLogGroup", "DeleteLogStream", "DescribeLogStreams", "GetLogEvents")
        return [
            allow("FindLogGroups", "logs", ("DescribeLogGroups",), ["*"]),
            allow("FindJobLogs", "logs", ("DescribeLogStreams",), [training, f"{training}:*"]),
            allow("UseJobLogs", "logs", ("DeleteLogStream", "GetLogEvents"), [streams]),
            allow("UseEndpointLogs", "logs", uses, scope.endpoint_log_arns),
        ]


def _log(entry: ContainerLog, account: AwsAccount) -> Log:
    return Log(account, entry.group, entry.prefix)


def _endpoint_groups(account: AwsAccount, project: str, endpoint_name: str) -> list[str]:
    """Return the log groups of the project's endpoints: its timestamped names, and `endpoint_name`."""
    prefixes = [project] if endpoint_name.startswith(project) else [project, endpoint_name]
    with aws_errors("the log groups of endpoints", verb="list"):
        pages = account.client("logs").get_paginator("describe_log_groups")
        groups = {
            str(group["logGroupName"])
            for prefix in prefixes
            for page in pages.paginate(logGroupNamePrefix=endpoint_group(prefix))
            for group in page["logGroups"]
        }
    return sorted(
        group for group in groups if is_endpoint_name(group.removeprefix(ENDPOINTS_PREFIX), project, endpoint_name)
    )


def _logged_jobs(account: AwsAccount, project: str) -> list[str]:
    """Return the names of the project's training jobs that have a log. Their names contain a timestamp."""
    names = {stream.partition("/")[0] for stream in Log(account, TRAINING_GROUP, f"{project}-").streams()}
    return sorted(name for name in names if is_timestamped(name, project))
