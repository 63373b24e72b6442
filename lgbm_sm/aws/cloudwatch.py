"""The CloudWatch logs of training jobs and endpoints."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from lgbm_sm.aws.account import AwsAccount, has_code

TRAINING_GROUP = "/aws/sagemaker/TrainingJobs"
ENDPOINTS_PREFIX = "/aws/sagemaker/Endpoints/"
_IS_MISSING = has_code("ResourceNotFoundException")


def endpoint_group(endpoint: str) -> str:
    """Return the log group of an endpoint."""
    return f"{ENDPOINTS_PREFIX}{endpoint}"


class Log:
    """The streams of a log group whose names begin with `prefix`.

    The streams of a job begin with the name of the job and a slash. All deployments of an endpoint share one log group,
    and each instance has its own stream. `since` leaves out the streams of earlier deployments: those that began before
    this time. Methods raise AwsError if AWS refuses a call, or does not answer.
    """

    def __init__(self, account: AwsAccount, group: str, prefix: str = "", since: datetime | None = None) -> None:
        self.group = group
        self._prefix = prefix
        self._since_milliseconds = since.timestamp() * 1000 if since else 0.0
        self._account = account
        self._what = f"log {group}"
        self._tokens: dict[str, str] = {}

    def new_lines(self) -> list[str]:
        """Return the lines since the last call, stream by stream. The list is empty while there is no log."""
        return [line for stream in self.streams() for line in self._new_lines_of(stream)]

    def streams(self) -> list[str]:
        """Return the names of the streams, oldest first."""
        parameters = {"logStreamNamePrefix": self._prefix} if self._prefix else {}
        pages = self._account.find_pages(
            "logs", "describe_log_streams", self._what, _IS_MISSING, logGroupName=self.group, **parameters
        )
        streams = [
            stream
            for page in pages
            for stream in page["logStreams"]
            if stream["creationTime"] >= self._since_milliseconds
        ]
        return [str(stream["logStreamName"]) for stream in sorted(streams, key=lambda one: one["creationTime"])]

    def exists(self) -> bool:
        """Return whether the log has a stream."""
        return bool(self.streams())

    def delete(self) -> None:
        """Delete the streams with the prefix, or the group if there is no prefix. Do nothing if they do not exist."""
        if not self._prefix:
            self._ask("delete_log_group")
            return
        for stream in self.streams():
            self._ask("delete_log_stream", logStreamName=stream)

    def _new_lines_of(self, stream: str) -> Iterator[str]:
        while True:
            token = self._tokens.get(stream)
            parameters = {"nextToken": token} if token else {}
            answer = self._ask("get_log_events", logStreamName=stream, startFromHead=True, **parameters)
            if answer is None:
                return
            for event in answer["events"]:
                yield from str(event["message"]).rstrip("\n").split("\n")
            self._tokens[stream] = answer["nextForwardToken"]
            # an empty page does not mean the end; CloudWatch marks the end with the same token as before
            if answer["nextForwardToken"] == token:
                return

    def _ask(self, operation: str, **parameters: Any) -> dict[str, Any] | None:
        return self._account.find("logs", operation, self._what, _IS_MISSING, logGroupName=self.group, **parameters)
