"""SubmitJob, which has no client token: sent once, and looked for before it is sent again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backfleet.errors import ExecutorError
from backfleet_executors.aws.batch.calls import BatchCalls
from backfleet_executors.aws.errors import error_code, explained

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError
    from mypy_boto3_batch import BatchClient

__all__ = ["JobSubmitter"]

THROTTLED = ("TooManyRequestsException", "ThrottlingException", "Throttling", "429")
UNSENT = (
    "NoCredentialsError",
    "PartialCredentialsError",
    "CredentialRetrievalError",
    "ParamValidationError",
)
"""botocore's errors after which it is sure that nothing was sent."""

MAX_TRIES = 16
MAX_PAUSE_SECONDS = 20.0
"""Seconds. With full jitter, sixteen tries take about two minutes."""

LOOKS = (1.0, 2.0, 4.0)
"""Seconds before each look for a job whose submission may have been lost: a list may lag behind."""


@dataclass(frozen=True)
class JobSubmitter:
    """Submits jobs, each at most once as far as can be known.

    Attributes
    ----------
    client
        One that sends a request once only.
    calls
        For the look for a job by its name.
    sleep
        Seconds.
    """

    client: BatchClient
    calls: BatchCalls
    sleep: Callable[[float], None] = time.sleep

    def submit(self, request: Mapping[str, Any]) -> str:
        """Submit a job and return its id. Raises ExecutorError."""
        from botocore.exceptions import BotoCoreError, ClientError
        from botocore.parsers import ResponseParserError

        doing = f"submitting the job {request['jobName']}"
        error: ClientError | BotoCoreError | ResponseParserError
        for number in range(MAX_TRIES):
            try:
                answer = self.client.submit_job(**request)
                # A young job is then known to be young, whatever this machine's clock says.
                self.calls.note_time(answer)
                return answer["jobId"]
            except (ClientError, BotoCoreError, ResponseParserError) as raised:
                # Kept beyond the `except` clause, at whose end Python deletes `raised`.
                error = raised
            # Before `is_refused`: a 429 is below 500, and means that the request may come again.
            if is_throttled(error):
                self._pause(number)
            elif is_refused(error):
                raise explained(error, doing) from error
            else:
                existing = self._look_for(request, error)
                if existing is not None:
                    return existing
        raise explained(error, f"{doing}, tried {MAX_TRIES} times") from error

    def _look_for(self, request: Mapping[str, Any], error: Exception) -> str | None:
        """Return the id of the job if AWS Batch has accepted it; None if it is not there."""
        queue, name = request["jobQueue"], request["jobName"]
        for pause in LOOKS:
            # Before the look, not after it: the job may be listed with a delay.
            self.sleep(pause)
            try:
                ids = [job["jobId"] for job in self.calls.named(queue, name)]
            except ExecutorError as second:
                raise ExecutorError(
                    f"whether AWS Batch has accepted the job {name} is not known: {error}; then "
                    f"{second}. Nothing is lost: 'backfleet resume' finds the job if it is there"
                ) from second
            if ids:
                # Any of them will do, and every client must choose the same one.
                return min(ids)
        return None

    def _pause(self, number: int) -> None:
        self.sleep(random.uniform(0, min(MAX_PAUSE_SECONDS, 2.0**number)))


def is_throttled(error: Exception) -> bool:
    """Return whether AWS Batch has not looked at the request, because there were too many."""
    return error_code(error) in THROTTLED


def is_refused(error: Exception) -> bool:
    """Return whether AWS Batch has surely not accepted the request, and never will."""
    from botocore.exceptions import ClientError

    if isinstance(error, ClientError):
        # After a 5xx the job may have been accepted.
        return error.response["ResponseMetadata"]["HTTPStatusCode"] < 500
    # By the names of all base classes, so that a subclass counts and botocore's need no import.
    return _names(error).intersection(UNSENT) != set()


def _names(error: Exception) -> set[str]:
    return {kind.__name__ for kind in type(error).__mro__}
