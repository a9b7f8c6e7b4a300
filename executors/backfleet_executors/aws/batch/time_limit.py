"""The time limit of a worker's attempt.

AWS Batch never tries a job again that met its time-out, so the time-out is only for a worker that
hangs. A healthy worker stops earlier by itself: it stores what is finished and ends with 75, and
the next attempt continues there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from backfleet_executors.aws.batch.settings import AwsBatchSettings
from backfleet_executors.aws.prices import START_SECONDS

__all__ = ["TimeLimit"]

MINUTE, HOUR, DAY = 60, 3600, 86_400
MIN_SECONDS, MAX_SECONDS = HOUR, 7 * DAY
"""The hourly clean-up stops what is older than seven days."""

UNMEASURED = DAY
"""If no task was measured yet: the guess may be wrong by a factor of 1,000."""

MARGIN_SECONDS = 2 * MINUTE
"""For the task in progress to be abandoned, and for the finished ones to be stored."""


@dataclass(frozen=True)
class TimeLimit:
    """Limits of one attempt, in seconds.

    Attributes
    ----------
    attempt
        The time-out of the job. AWS Batch ends the worker, and does not try it again.
    worker
        The worker's own limit.
    attempts
        Number of attempts.
    expected
        The time that a worker is expected to need for its tasks; 0 if no task was measured yet.
    """

    attempt: int
    worker: int
    attempts: int
    expected: float = 0.0

    @classmethod
    def of(cls, settings: AwsBatchSettings, expected: float | None) -> TimeLimit:
        """Return the limits for workers that are expected to take this number of seconds.

        None if no task was measured yet.
        """
        if settings.timeout_minutes is not None:
            attempt = round(settings.timeout_minutes * MINUTE)
        elif expected is None:
            attempt = UNMEASURED
        else:
            # A worker that takes three times as long as measured still needs one attempt only.
            attempt = round(min(max(3 * expected + 30 * MINUTE, MIN_SECONDS), MAX_SECONDS))
        # Half of it if the margin would leave a short attempt little or nothing.
        worker = max(attempt - MARGIN_SECONDS, attempt // 2)
        return cls(attempt, worker, settings.attempts, expected or 0.0)

    @property
    def covered(self) -> float:
        """The seconds of work that all attempts do together, if each one starts a container."""
        # A start is part of the time of an attempt and does no work.
        return self.attempts * max(0.0, self.worker - START_SECONDS)

    def problem(self, task_timeout: float) -> str:
        """Return why a run cannot succeed within the limits; empty if it can."""
        # An attempt can only continue after a task, never within one.
        if task_timeout > self.worker:
            return (
                f"resources.task_timeout is {task_timeout / MINUTE:g} minutes, and an attempt of a "
                f"worker ends after {self.worker / MINUTE:g}: a task that takes longer would "
                f"never end. Set timeout_minutes to more than {task_timeout / MINUTE + 2:g}"
            )
        if self.expected > self.covered:
            return (
                f"a worker is expected to take {self.expected / MINUTE:,.0f} minutes, and its "
                f"{self.attempts} attempts cover {self.covered / MINUTE:,.0f}. Set timeout_minutes "
                f"to {self._sufficient_minutes():,} or more, or use more workers (workers, "
                "shard_minutes)"
            )
        return ""

    def _sufficient_minutes(self) -> int:
        return math.ceil((self.expected / self.attempts + START_SECONDS + MARGIN_SECONDS) / MINUTE)
