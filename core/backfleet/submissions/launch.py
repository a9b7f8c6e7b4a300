"""Launching a prepared submission: its code, data, submission, workers, handle, in this order.

Each step leaves the store valid, so a client may die between any two: without a handle, the next
client asks the executor for the workers (`recover`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace

from backfleet.code.kept_code import store_packages
from backfleet.code.packages import CodePackage
from backfleet.code.stored_code import store_code
from backfleet.code.trusted_code import trust_code
from backfleet.errors import BackfleetError
from backfleet.executor import Executor, Handle, Remote, Submission
from backfleet.plan.check_code import check_code
from backfleet.plan.manifest import Manifest
from backfleet.store import Store
from backfleet.strategy_reference import StrategyReference
from backfleet.submissions.events import emit
from backfleet.submissions.interrupts import interrupts_deferred
from backfleet.submissions.prepare import PreparedSubmission
from backfleet.submissions.stage_facts import stage_facts
from backfleet.submissions.submission_log import LogEntry, SubmissionLog
from backfleet.submissions.trusted_settings import trust_settings

__all__ = ["launch"]


def launch(
    store: Store, executor: Executor, manifest: Manifest, prepared: PreparedSubmission
) -> LogEntry:
    """Start the workers of a prepared submission, if it needs any.

    Raises ExecutorError, PluginError, StoreError.
    """
    submission = prepared.submission
    # The code before the submission that names it: a submission in the store can always be started.
    if prepared.code is not None:
        _keep_code(store, manifest, submission.strategy, prepared.code)
    if prepared.packages:
        code = tuple(store_code(store, prepared.packages))
        submission = replace(submission, code=code)
    log = SubmissionLog(store, manifest.run_id)
    # All chunks are in the store already. The entry records that the run was asked for.
    if not submission.shards:
        return LogEntry(log.append(submission), None)
    # Staging first: it can take long or fail, and nothing is written until it has succeeded.
    submission = log.append(_with_staged_data(executor, submission, manifest))
    # Only the request holds the key. Every worker can read the stored submission, also one whose
    # role cannot read the key.
    key = store.seals.keep()
    request = replace(submission, run_key=key, earlier=_earlier(log, submission))
    # Ctrl-C between the two calls would leave workers that nobody can find by a handle.
    with interrupts_deferred():
        handle = executor.submit(request)
        _keep_handle(log, executor, submission, handle)
    # The handle holds this user's own settings, so a later resume need not ask for consent.
    trust_settings(executor, handle)
    emit(
        "run_submitted",
        run_id=submission.run_id,
        submission=submission.number,
        shards=len(submission.shards),
    )
    return LogEntry(submission, handle)


def _keep_handle(
    log: SubmissionLog, executor: Executor, submission: Submission, handle: Handle
) -> None:
    """Write the handle. If that fails, stop the workers, which nobody would find."""
    try:
        log.keep_handle(submission.number, handle)
    # Also SystemExit and MemoryError: whatever the reason is, the workers would be orphans.
    except BaseException:
        # The reason why the handle could not be written matters more than a failure to cancel.
        with contextlib.suppress(BackfleetError):
            executor.cancel(handle)
        raise


def _keep_code(
    store: Store,
    manifest: Manifest,
    strategy: StrategyReference,
    packages: Sequence[CodePackage],
) -> None:
    """Write the run's code into its store, and note that this user has submitted it."""
    kept = store_packages(store, strategy, packages)
    if kept.packages:
        # An edit since the run was planned would be kept under the name of what was planned.
        check_code(manifest.identity, strategy)
    kept.write(store)
    trust_code(kept.packages)


def _earlier(log: SubmissionLog, submission: Submission) -> tuple[tuple[Submission, Handle], ...]:
    """Return the earlier submissions to the same executor that have a handle."""
    return tuple(
        (entry.submission, entry.handle)
        for entry in log.entries()
        if entry.submission.number < submission.number
        and entry.submission.executor == submission.executor
        and entry.handle is not None
    )


def _with_staged_data(executor: Executor, submission: Submission, manifest: Manifest) -> Submission:
    """Return the submission with its data where the workers find it."""
    symbols = [symbol.name for symbol in manifest.symbols]
    benchmark = manifest.benchmark
    if benchmark is not None and benchmark not in symbols:
        # Extended rows and reports need it; reports read where the workers do.
        symbols.append(benchmark)
    auxiliary = manifest.identity.data.auxiliary
    remote, facts = Remote.of(executor), submission.facts_path
    return replace(
        submission,
        data_path=remote.stage_data(submission.data_path, symbols),
        auxiliary_paths={
            feed: remote.stage_data(path, [auxiliary[feed].symbol])
            for feed, path in submission.auxiliary_paths.items()
        },
        facts_path=None if facts is None else stage_facts(remote, facts),
    )
