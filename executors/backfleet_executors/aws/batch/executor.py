"""The executor `aws-batch`: workers as children of AWS Batch array jobs, on Fargate."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from backfleet.errors import ExecutorError
from backfleet.executor import (
    Cost,
    Diagnosable,
    Executor,
    ExecutorSettings,
    Finding,
    Handle,
    Priced,
    Recoverable,
    Remote,
    ShardStatus,
    Submission,
    Workload,
)
from backfleet.sdk import use_region
from backfleet_executors.aws.batch.account_setup import BatchAccount
from backfleet_executors.aws.batch.adopt import handles_of_run
from backfleet_executors.aws.batch.arrays import ShardArray
from backfleet_executors.aws.batch.calls import BatchCalls
from backfleet_executors.aws.batch.compaction import compaction_name, run_url
from backfleet_executors.aws.batch.delivery import delivery_url
from backfleet_executors.aws.batch.diagnosis import diagnosed, diagnosis
from backfleet_executors.aws.batch.handle import BatchHandle, is_own_job
from backfleet_executors.aws.batch.live import live_checks
from backfleet_executors.aws.batch.logs import read_log
from backfleet_executors.aws.batch.notices import say
from backfleet_executors.aws.batch.poll import SubmissionPoll
from backfleet_executors.aws.batch.settings import (
    INHERITED,
    AwsBatchSettings,
    inherited,
    required,
)
from backfleet_executors.aws.batch.size import worker_size
from backfleet_executors.aws.batch.spending import Budget, Spending
from backfleet_executors.aws.batch.states import state_of
from backfleet_executors.aws.batch.submission import BatchSubmission
from backfleet_executors.aws.batch.time_limit import TimeLimit
from backfleet_executors.aws.batch.waiting import why_waiting
from backfleet_executors.aws.clients import Clients
from backfleet_executors.aws.prices import START_SECONDS, Charge, estimate

__all__ = ["AwsBatchExecutor"]

S3 = "s3://"

CANCELED = "canceled by 'backfleet cancel'"


class AwsBatchExecutor(Executor, Remote, Priced, Recoverable, Diagnosable):
    """Runs workers in containers of AWS Batch on Fargate, on Spot first.

    What is in the store decides; what AWS Batch says is a hint.
    """

    name = "aws-batch"
    Settings = AwsBatchSettings
    survives_exit = True

    def __init__(self, settings: ExecutorSettings) -> None:
        super().__init__(settings)
        assert isinstance(settings, AwsBatchSettings)
        self._settings = settings
        if settings.region is not None:
            # Core opens the store by a client of its own, which would look in the environment's
            # region.
            use_region(settings.region)
        # `count_shards`, which core calls before a submission, replaces it by that of the work.
        self._limit = TimeLimit.of(settings, None)
        # Core asks this object again and again. What has ended is then not asked about again, and
        # the pauses between requests hold.
        self._polls: dict[tuple[str, int], SubmissionPoll] = {}
        self._spending: dict[tuple[str, int], Spending] = {}
        self._inventory: Mapping[str, str] | None = None

    # -- before ------------------------------------------------------------------------------

    def stored_settings(self, handle: Handle) -> Mapping[str, Any]:
        stored = BatchHandle.read(handle).settings
        return {name: stored[name] for name in INHERITED if stored.get(name) is not None}

    def adopt_settings(self, settings: Mapping[str, Any], handle: Handle) -> None:
        # Core calls this right after opening the executor, before the clients below exist: they
        # keep the region that they were created for.
        self._settings = self._settings.model_copy(update=settings)

    def installed(self) -> Mapping[str, str] | None:
        """Return the inventory of the image; without the setting `image` no code is shipped."""
        if self._inventory is None and self._settings.image is not None:
            from backfleet_executors.aws.image_records import image_inventory

            self._inventory = image_inventory(
                self._settings.image, self._settings.store, self._settings.architecture
            )
        return self._inventory

    def results_store(self, store: str) -> str:
        """Return a store on S3 as it is and, for a directory, the one in the setting `store`."""
        if store.startswith(S3):
            return store
        place = required(self._settings, "store")
        say(f"the run is kept in {place}: workers on AWS do not see the directory {store!r}")
        return place

    def count_shards(self, work: Workload) -> int:
        """Return the setting `workers`, or give each worker `shard_minutes` of work."""
        workers = self._settings.workers
        if workers is None:
            seconds = 60 * self._settings.shard_minutes
            workers = max(1, math.ceil(work.pace.seconds / work.cpus / seconds))
        # A worker without a task would still be charged for a minute.
        shards = min(workers, work.tasks)
        # The submission that follows gets this limit; `submit` itself does not see the workload.
        self._limit = self._time_limit(work, shards)
        return shards

    def _time_limit(self, work: Workload, shards: int) -> TimeLimit:
        expected = _seconds_each(work, shards) if work.pace.is_measured else None
        return TimeLimit.of(self._settings, expected)

    def cost(self, work: Workload, shards: int) -> Cost | None:
        """Return the cost at stored prices, including the time in which containers start.

        The limit holds for the price on demand, which work pays that Spot interrupts too often.
        """
        size = worker_size(work.cpus, work.memory)
        charge = Charge(
            size,
            shards,
            _seconds_each(work, shards),
            spot=self._settings.uses_spot,
            region=self._clients.region,
            is_public=self._account.is_public,
            architecture=self._settings.architecture,
        )
        priced = estimate(charge, self._settings.price)
        how = "measured"
        if not work.pace.is_measured:
            how = "guessed: no task of this strategy was measured yet"
        seconds = charge.seconds + START_SECONDS
        limit = self._time_limit(work, shards)
        basis = (
            f"{shards:,} x {size}, {seconds:,.0f} s each, {how}, an attempt at most "
            f"{limit.attempt / 60:,.0f} min; {priced.basis}"
        )
        maximum = self._settings.max_cost
        currency = priced.price.currency
        return Cost(priced.amount, currency, basis, maximum, ceiling=priced.ceiling)

    def spent(self, handle: Handle) -> Cost | None:
        """Return the cost by the times of all attempts, at the prices of the submission."""
        stored = BatchHandle.read(handle)
        if stored.price is None:
            return None
        key = (stored.run, stored.number)
        if key not in self._polls:
            # The spending counts running workers by what the last poll has seen.
            self.poll(handle)
        if key not in self._spending:
            budget = Budget(stored.price, stored.spot_queue, stored.max_cost)
            arrays, calls = stored.shard_arrays(), self._calls_of(handle)
            self._spending[key] = Spending(arrays, budget, calls, self._polls[key].running)
        return self._spending[key].cost(is_ended=self._polls[key].is_ended)

    def stage_data(self, path: str, symbols: Sequence[str]) -> str:
        """Return a location on S3 as it is; push the changed files of a directory to S3."""
        if path.startswith(S3):
            return path
        # Imported here: most commands push nothing.
        from backfleet_executors.aws.data import push, push_progress

        place = delivery_url(required(self._settings, "data"), path)
        with push_progress(sys.stderr) as watch:
            pushed = push(path, place, symbols, watch)
        if pushed.files:
            say(f"{len(pushed.files):,} files, {pushed.bytes:,} bytes, pushed to {pushed.url}")
        return pushed.url

    def is_compacting(self, handle: Handle) -> bool:
        """Return whether the job that compacts the results has not ended."""
        stored = BatchHandle.read(handle)
        if stored.compaction is None:
            return False
        job = self._calls_of(handle).describe([stored.compaction]).get(stored.compaction)
        name = compaction_name(stored.run, stored.number)
        if job is None or not is_own_job(job, name, run_url(stored.url)):
            return False
        return not state_of(job["status"]).ended

    def finished_workers(self, handle: Handle) -> int | None:
        """Return how many children AWS Batch counted as succeeded at the last look."""
        stored = BatchHandle.read(handle)
        poll = self._polls.get((stored.run, stored.number))
        return None if poll is None else poll.succeeded()

    def preflight(self, submission: Submission) -> Sequence[str]:
        """Looks at the account, the queues, the job definition, the quota and the limits."""
        if not submission.url.startswith(S3):
            return [f"the store must be on S3, and {submission.url} is not; set store"]
        local = [place for place in submission.data if not place.startswith(S3)]
        if local:
            # It raises with the fix, before AWS is asked anything.
            required(self._settings, "data")
        return list(self._planned(submission).problems())

    # -- workers -----------------------------------------------------------------------------

    def submit(self, submission: Submission) -> Handle:
        """Send a SubmitJob per 10,000 workers. Shards that Spot interrupted run on demand."""
        planned = self._planned(submission)
        planned.announce()
        # A client on another machine finds and resumes the jobs with these.
        return planned.submit() | {"settings": self._inherited()}

    def poll(self, handle: Handle) -> Iterable[ShardStatus]:
        """Return the states; workers of an array differ only once they fail or all have ended."""
        stored = BatchHandle.read(handle)
        key = (stored.run, stored.number)
        if key not in self._polls:
            self._polls[key] = self._new_poll(handle)
        try:
            return self._polls[key].statuses()
        except ExecutorError as error:
            raise ExecutorError(
                f"{error}. The jobs continue: 'backfleet wait' waits for them, with the run's URL"
            ) from error

    def cancel(self, handle: Handle) -> None:
        stored, calls = BatchHandle.read(handle), self._calls_of(handle)
        arrays = stored.shard_arrays()
        jobs = calls.describe([array.job for array in arrays])
        own = [
            array.job
            for array in arrays
            # For a while AWS Batch does not know a job that was just submitted; it can stop it.
            if (job := jobs.get(array.job)) is None or is_own_job(job, array.name, stored.url)
        ]
        calls.terminate_all(own, CANCELED)
        if stored.compaction is not None and self.is_compacting(handle):
            calls.terminate(stored.compaction, CANCELED)

    def logs(self, handle: Handle, shard: int, *, follow: bool = False) -> Iterator[str]:
        """Yield the lines from CloudWatch, attempt by attempt."""
        stored, calls = BatchHandle.read(handle), self._calls_of(handle)
        for array in stored.shard_arrays():
            if shard in array.indices:
                job = calls.describe([array.job]).get(array.job)
                # A handle of a stranger could name any job of the account, whose log is not for
                # this user.
                if job is not None and not is_own_job(job, array.name, stored.url):
                    raise ExecutorError(
                        f"the job {array.job} is none of this run, so its log is not shown"
                    )
                # That of the submission first: the settings may have changed since.
                group = stored.settings.get("log_group") or self._settings.log_group
                yield from read_log(calls, array.child(shard), group, follow=follow)

    def find_orphans(self, run_id: str) -> Iterable[Handle]:
        """Return handles of the jobs of this run that AWS Batch still knows, by their names."""
        queues = [self._settings.queue, self._settings.on_demand_queue]
        queue_names = list(dict.fromkeys(filter(None, queues)))
        return handles_of_run(self._calls, run_id, queue_names, self._inherited())

    # -- doctor ------------------------------------------------------------------------------

    def diagnose(self) -> Iterable[Finding]:
        """Return the findings about the account; none if the executor was not set up."""
        if self._settings.queue is None:
            return ()
        return diagnosed("account", lambda: diagnosis(self._settings, self._account))

    def diagnose_live(self) -> Iterable[Finding]:
        """Submits an array of two containers that print their version."""
        if self._settings.queue is None:
            return ()
        return diagnosed("account", lambda: live_checks(self._settings, self._account))

    # -- inside ------------------------------------------------------------------------------

    @cached_property
    def _clients(self) -> Clients:
        return Clients(self._settings.region)

    @cached_property
    def _calls(self) -> BatchCalls:
        return BatchCalls(self._clients)

    @cached_property
    def _account(self) -> BatchAccount:
        return BatchAccount(self._settings, self._calls)

    def _new_poll(self, handle: Mapping[str, Any]) -> SubmissionPoll:
        calls = self._calls_of(handle)
        vcpus = float(handle["limits"].get("vcpus", 0))

        def explain(arrays: Sequence[ShardArray]) -> str:
            try:
                reason = why_waiting(calls, arrays, vcpus)
            # The reason is a hint, and its requests need rights that looking at jobs does not.
            except ExecutorError as error:
                reason = f"why they wait cannot be looked up: {error}"
            # `explain` is called by `poll` only, which is bound below by then.
            if poll.looks > 1:
                # A single poll reports it by the state that is returned.
                say(f"no worker has started yet: {reason}")
            return reason

        poll = SubmissionPoll(handle, calls, explain)
        return poll

    def _inherited(self) -> dict[str, Any]:
        return inherited(self._settings, self._clients.region)

    def _planned(self, submission: Submission) -> BatchSubmission:
        return BatchSubmission(submission, self._settings, self._account, self._limit)

    def _calls_of(self, handle: Mapping[str, Any]) -> BatchCalls:
        """Return the calls to the region in which a submission's jobs are."""
        region = handle.get("settings", {}).get("region")
        if region is None or region == self._clients.region:
            return self._calls
        return BatchCalls(Clients(region))


def _seconds_each(work: Workload, shards: int) -> float:
    """Return the time that each worker is expected to take for its tasks."""
    return work.pace.seconds / work.cpus / shards
