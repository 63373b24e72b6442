"""CloudWatch's logs of jobs and endpoints: what their containers have written, each line once."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from lgbm_sm.aws.account import AwsAccount, aws_errors
from lgbm_sm.errors import AwsError
from lgbm_sm.names import is_endpoint_name, is_timestamped

TRAINING_GROUP = "/aws/sagemaker/TrainingJobs"
ENDPOINTS_PREFIX = "/aws/sagemaker/Endpoints/"


def endpoint_group(endpoint: str) -> str:
    """The log group of an endpoint."""
    return f"{ENDPOINTS_PREFIX}{endpoint}"


class Log:
    """The streams of a log group that begin with `prefix`: a job's begin with its name and a slash.

    With `since` only the streams that began then or later: an endpoint keeps its group, and each deployment of it has
    instances of its own, each with a stream of its own. Each function raises AwsError when AWS refuses the call, or
    does not answer.
    """

    def __init__(self, account: AwsAccount, group: str, prefix: str = "", since: datetime | None = None) -> None:
        self.group = group
        self._prefix = prefix
        self._since_milliseconds = since.timestamp() * 1000 if since else 0.0
        self._logs = account.client("logs")
        self._tokens: dict[str, str] = {}

    def new_lines(self) -> list[str]:
        """The lines that have come since the last call, each stream's in its order; none while there is no log."""
        return [line for stream in self.streams() for line in self._new_lines_of(stream)]

    def streams(self) -> list[str]:
        """The names of the streams, in the order in which they began."""
        parameters = {"logStreamNamePrefix": self._prefix} if self._prefix else {}
        pages = self._pages("describe_log_streams", logGroupName=self.group, **parameters)
        streams = [
            stream
            for page in pages
            for stream in page["logStreams"]
            if stream["creationTime"] >= self._since_milliseconds
        ]
        return [str(stream["logStreamName"]) for stream in sorted(streams, key=lambda one: one["creationTime"])]

    def exists(self) -> bool:
        """Whether there is anything of it."""
        return bool(self.streams())

    def delete(self) -> None:
        """Delete the streams, where the group is others' too, or else the group; harmless when it is gone."""
        if not self._prefix:
            self._ask("delete_log_group", logGroupName=self.group)
            return
        for stream in self.streams():
            self._ask("delete_log_stream", logGroupName=self.group, logStreamName=stream)

    def _new_lines_of(self, stream: str) -> Iterator[str]:
        while True:
            token = self._tokens.get(stream)
            parameters = {"nextToken": token} if token else {}
            answer = self._ask(
                "get_log_events", logGroupName=self.group, logStreamName=stream, startFromHead=True, **parameters
            )
            if answer is None:
                return
            for event in answer["events"]:
                yield from str(event["message"]).rstrip("\n").split("\n")
            self._tokens[stream] = answer["nextForwardToken"]
            # an empty page is no end: there CloudWatch gives the token back that it was given
            if answer["nextForwardToken"] == token:
                return

    def _pages(self, operation: str, **parameters: Any) -> Iterator[dict[str, Any]]:
        try:
            with aws_errors(f"log {self.group}"):
                yield from self._logs.get_paginator(operation).paginate(**parameters)
        except AwsError as error:
            if error.code != "ResourceNotFoundException":
                raise

    def _ask(self, operation: str, **parameters: Any) -> dict[str, Any] | None:
        """The answer; None where there is no such group or stream."""
        try:
            with aws_errors(f"log {self.group}"):
                answer: dict[str, Any] = getattr(self._logs, operation)(**parameters)
                return answer
        except AwsError as error:
            if error.code != "ResourceNotFoundException":
                raise
            return None


def find_endpoint_groups(account: AwsAccount, project: str, endpoint_name: str) -> list[str]:
    """The log groups of endpoints whose name is one that a project gives, or `endpoint_name`.

    Raises:
        AwsError: AWS refuses the call, or does not answer.
    """
    prefixes = [project] if endpoint_name.startswith(project) else [project, endpoint_name]
    with aws_errors("the logs of endpoints"):
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


def find_logged_jobs(account: AwsAccount, project: str) -> list[str]:
    """The training jobs with a log whose name is one that a project gives.

    Raises:
        AwsError: AWS refuses the call, or does not answer.
    """
    names = {stream.partition("/")[0] for stream in Log(account, TRAINING_GROUP, f"{project}-").streams()}
    return sorted(name for name in names if is_timestamped(name, project))
