"""Asking AWS Batch how the workers of a submission are, seldom and all at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from backfleet.errors import ExecutorError
from backfleet.executor import ShardState, ShardStatus
from backfleet_executors.aws.batch.arrays import ShardArray
from backfleet_executors.aws.batch.calls import BatchCalls
from backfleet_executors.aws.batch.states import shard_status, state_of
from backfleet_executors.aws.errors import is_transient

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import JobDetailTypeDef

__all__ = ["GRACE_SECONDS", "ArrayView", "SubmissionPoll"]

MIN_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 3.0, 24.0
"""Seconds between two calls of DescribeJobs: below 200 calls in the first hour of a run."""

MAX_LATENESS = 0.05
"""Of the time since the first look may go by before the next one."""

LISTING_SECONDS = 60.0
"""Seconds between two listings of failed children, while some still run."""

GRACE_SECONDS = 90.0
"""Seconds after its submission for which a job may be unknown, since DescribeJobs lags behind
SubmitJob, and may wait, before that is explained."""

MAX_WAIT_SECONDS = 600.0
"""Seconds for which AWS may be out of reach or too busy before that is an error."""

NEVER_SUBMITTED = "it was never submitted, because the client ended first; resume the run"
VANISHED = "AWS Batch does not know this job (any more); the store says what is done"


@dataclass
class ArrayView:
    """The known states of an array's children, or of a single job.

    Attributes
    ----------
    status
        The job's, as AWS Batch words it; empty until it was seen.
    counts
        Children by status.
    failed
        What is known of failed children, by shard.
    listed
        When they were last listed; seconds of the poll's clock.
    """

    array: ShardArray
    status: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    failed: dict[int, ShardStatus] = field(default_factory=dict)
    listed: float | None = None
    vanished: bool = False

    @property
    def ended(self) -> bool:
        return self.vanished or state_of(self.status).ended

    @property
    def wants_listing(self) -> bool:
        # The summary of an array only counts, so failed children are listed when there are new
        # ones.
        return self.array.is_array and self.counts.get("FAILED", 0) > len(self.failed)

    @property
    def has_begun(self) -> bool:
        """Whether the container of any child was ever started."""
        # An array itself stays PENDING until its children have ended, so the counts decide.
        started = {"STARTING", "RUNNING", "SUCCEEDED", "FAILED"}
        return self.status in started or any(self.counts.get(name) for name in started)

    @property
    def running(self) -> int:
        """Number of workers that have a container."""
        if self.ended:
            return 0
        if self.array.is_array:
            return self.counts.get("STARTING", 0) + self.counts.get("RUNNING", 0)
        return int(self.status in ("STARTING", "RUNNING"))

    @property
    def succeeded(self) -> int:
        """Number of workers that have succeeded."""
        if self.array.is_array:
            return self.counts.get("SUCCEEDED", 0)
        return int(self.status == "SUCCEEDED")

    def state(self) -> ShardState:
        """Return the one state of all children that have not failed."""
        if self.vanished:
            return ShardState.FAILED
        # One running child is enough: the interface has no state for a mixture, and children that
        # wait for capacity are no reason to explain anything.
        if self.array.is_array and not self.ended:
            return ShardState.RUNNING if self.has_begun else ShardState.WAITING
        if self.array.is_array:
            # The failed ones of an array that has failed are known one by one.
            return ShardState.SUCCEEDED
        return state_of(self.status) if self.status else ShardState.WAITING

    def statuses(self, waiting: str) -> list[ShardStatus]:
        """Return the status of each shard; `waiting` is the reason of those that wait."""
        state = self.state()
        reason = VANISHED if self.vanished else waiting if state is ShardState.WAITING else ""
        return [
            self.failed.get(shard) or ShardStatus(shard, state, None, reason)
            for shard in self.array.indices
        ]


class SubmissionPoll:
    """The workers of one submission.

    Between two looks at AWS Batch it gives what the last one found. What has ended stays ended,
    whatever a late answer says.

    Parameters
    ----------
    handle
        What the submission left.
    explain
        Says why jobs of a queue do not start.
    clock
        Seconds.

    Attributes
    ----------
    looks
        How often AWS Batch was asked.
    """

    def __init__(
        self,
        handle: Mapping[str, Any],
        calls: BatchCalls,
        explain: Callable[[Sequence[ShardArray]], str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.handle = handle
        self.views = [ArrayView(array) for array in ShardArray.of_handle(handle)]
        self._calls = calls
        self._explain = explain
        self._clock = clock
        self._began = clock()
        self.looks = 0
        self._asked: float | None = None
        self._answered = self._began
        self._waiting = ""
        self._explained: float | None = None

    @property
    def is_ended(self) -> bool:
        """Whether no worker was left at the last look."""
        return all(view.ended for view in self.views)

    def succeeded(self) -> int:
        """Return the number of workers that had succeeded at the last look."""
        return sum(view.succeeded for view in self.views)

    def running(self) -> list[int]:
        """Return the number of running workers of each array at the last look."""
        return [view.running for view in self.views]

    def statuses(self) -> list[ShardStatus]:
        """Raises ExecutorError where AWS cannot be asked."""
        if self._is_due():
            self._ask()
        known = {
            status.shard: status for view in self.views for status in view.statuses(self._waiting)
        }
        # A client that ended between two arrays has left shards that no array holds.
        gone = ShardStatus(0, ShardState.FAILED, None, NEVER_SUBMITTED)
        return [
            known.get(shard) or ShardStatus(shard, gone.state, None, gone.reason)
            for shard in range(self.handle["shards"])
        ]

    def _is_due(self) -> bool:
        # Nothing can change any more. A handle without arrays has still to be asked once.
        if all(view.ended and not view.wants_listing for view in self.views):
            return self._asked is None
        if self._asked is None:
            return True
        now = self._clock()
        # The end of a short run is seen within seconds, and a long run is asked seldom.
        pause = min(max(MIN_PAUSE_SECONDS, (now - self._began) * MAX_LATENESS), MAX_PAUSE_SECONDS)
        return now - self._asked >= pause

    def _ask(self) -> None:
        # Before the request: one that fails counts as well, so that a busy AWS is not asked faster.
        now = self._asked = self._clock()
        self.looks += 1
        try:
            # Ended views are left out, so that a stale answer cannot bring one back.
            open_views = [view for view in self.views if not view.ended]
            jobs = self._calls.describe([view.array.job for view in open_views])
            for view in open_views:
                self._take(view, jobs.get(view.array.job))
            for view in self.views:
                # After all views are up to date, since a listing can take many pages.
                if view.wants_listing and self._may_list(view, now):
                    self._list(view, now)
        except ExecutorError as error:
            # The last known states are returned meanwhile: the workers do not depend on this
            # answer.
            if not is_transient(error) or now - self._answered > MAX_WAIT_SECONDS:
                raise
            return
        self._answered = now
        self._explain_waiting(now)

    @property
    def _is_young(self) -> bool:
        """Whether the submission is in its grace, by AWS's clock."""
        # This machine's clock may be wrong, and another one may have submitted.
        submitted: float = self.handle["submitted"]
        return self._calls.now - submitted < GRACE_SECONDS

    def _take(self, view: ArrayView, job: JobDetailTypeDef | None) -> None:
        if job is None:
            # A job that was seen counts as expired. One that was never seen may be too new.
            view.vanished = bool(view.status) or not self._is_young
            return
        view.status = job["status"]
        view.counts = job.get("arrayProperties", {}).get("statusSummary", {})
        # The description of a single job has its reason; that of an array has none of its
        # children's.
        if not view.array.is_array and view.status == "FAILED":
            (shard,) = view.array.indices
            view.failed[shard] = shard_status(shard, job, self.handle["limits"])

    def _may_list(self, view: ArrayView, now: float) -> bool:
        # When the array has ended, its failures are complete, so that nothing is gained by waiting.
        return view.ended or view.listed is None or now - view.listed >= LISTING_SECONDS

    def _list(self, view: ArrayView, now: float) -> None:
        view.listed = now
        failed = self._calls.children(view.array.job, "FAILED")
        for shard, child in view.array.with_shards(failed):
            view.failed[shard] = shard_status(shard, child, self.handle["limits"])
        if view.ended:
            # What a list still lacks will not come: the store says what is done.
            view.counts = {**view.counts, "FAILED": len(view.failed)}

    def _explain_waiting(self, now: float) -> None:
        # Waiting for half a minute is usual, so nothing is explained before the grace has passed.
        stuck = [view.array for view in self.views if not view.ended and not view.has_begun]
        if not stuck or self._is_young:
            self._waiting = ""
        # The reason seldom changes, and finding it takes several requests.
        elif self._explained is None or now - self._explained > 5 * LISTING_SECONDS:
            self._explained = now
            self._waiting = self._explain(stuck)
