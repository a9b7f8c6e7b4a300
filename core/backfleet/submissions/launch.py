"""Starting workers for what a run still lacks."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from backfleet.code.stored_code import StoredCode, is_stored, store_code
from backfleet.errors import BackfleetError, ExecutorError
from backfleet.executor import Cost, Executor, Submission, Workload
from backfleet.plan.manifest import Manifest
from backfleet.plan.plan import Plan
from backfleet.store import Store
from backfleet.submissions.deal import deal_chunks
from backfleet.submissions.events import emit
from backfleet.submissions.submission import SubmissionRecord
from backfleet.submissions.submission_log import LogEntry, SubmissionLog

if TYPE_CHECKING:
    from backfleet.code.packages import CodePackage

__all__ = ["Request", "active_submission", "check_request", "launch", "request_of", "workload"]

STARTING = timedelta(seconds=5)
"""Between writing an intent and writing the handle, for a client that lives."""

STARTING_PAUSE = 0.05


@dataclass(frozen=True)
class Request:
    """Workers wanted for some chunks, each with the generation to write.

    `template` holds all of the record but the shards. With `accept_cost` they may cost more than
    the executor's limit.
    """

    template: SubmissionRecord
    chunks: Sequence[tuple[int, int]]
    manifest: Manifest
    detach: bool = False
    accept_cost: bool = False


def request_of(
    plan: Plan, chunks: Sequence[tuple[int, int]], *, detach: bool, accept_cost: bool = False
) -> Request:
    """The request that a freshly planned job makes."""
    resources = plan.job.resources
    paths = (
        []
        if plan.strategy.distribution or plan.strategy.folder
        else [os.path.abspath(path) for path in sys.path]
    )
    record = SubmissionRecord(
        run=plan.manifest.run,
        number=0,
        executor="",
        created="",
        data_path=plan.job.data.path,
        auxiliary_paths=plan.job.data.auxiliary_paths,
        strategy=plan.strategy,
        shards=[],
        cpus=resources.cpus,
        memory=resources.memory,
        task_timeout=resources.task_timeout,
        paths=paths,
    )
    return Request(record, chunks, plan.manifest, detach, accept_cost)


@dataclass(frozen=True)
class CheckedRequest:
    """A request that nothing speaks against.

    Attributes
    ----------
    record
        The record that it would make, but for what is yet to be stored or brought.
    stored
        The code that an earlier submission stored and that this one takes too; None where its
        workers run with what is installed here.
    packages
        The code to store for it; None where there is none to store.
    """

    record: SubmissionRecord
    stored: Sequence[StoredCode] | None = None
    packages: Sequence[CodePackage] | None = None


def launch(store: Store, executor: Executor, request: Request) -> LogEntry:
    """SubmissionLog an intent, start the workers, and submission_log how to find them.

    Raises ExecutorError, PluginError where something speaks against it; nothing was started then.
    """
    submission_log = SubmissionLog(store)
    checked = check_request(store, executor, request)
    record = replace(
        checked.record,
        code=checked.stored if checked.packages is None else store_code(store, checked.packages),
    )
    record = submission_log.open(_delivered(executor, record, request))
    handle = executor.submit(_submission(store, record, request.detach))
    submission_log.keep_handle(record.number, handle)
    emit("run_submitted", run=record.run, submission=record.number, shards=len(record.shards))
    return LogEntry(record, handle)


def check_request(store: Store, executor: Executor, request: Request) -> CheckedRequest:
    """What a request would make; nothing is written.

    Raises ExecutorError where the executor sees a problem, PluginError where code that the workers
    lack cannot travel.
    """
    if request.detach and not executor.survives_exit:
        raise ExecutorError(
            f"executor {executor.name!r} cannot go on without this process (--detach)"
        )
    work = workload(store, request)
    shards = min(executor.share(work), executor.max_shards or 10**9)
    record = replace(
        request.template,
        executor=executor.name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        shards=deal_chunks(request.chunks, request.manifest.chunks, max(1, shards)),
    )
    problems = executor.preflight(_submission(store, record, request.detach))
    if problems:
        raise ExecutorError(f"executor {executor.name!r}: {'; '.join(problems)}")
    _check_cost(executor.cost(work, len(record.shards)), request)
    return _with_code(store, executor, request, record)


def _with_code(
    store: Store, executor: Executor, request: Request, record: SubmissionRecord
) -> CheckedRequest:
    installed = executor.installed()
    if installed is None:
        return CheckedRequest(record)
    from backfleet.code.ship_code import check_backfleet_code, packages_to_ship

    check_backfleet_code(installed)
    if record.code and is_stored(store, record.code):
        # What the run was planned with, whatever has become of the code here since.
        return CheckedRequest(record, record.code)
    packages = packages_to_ship(request.manifest.identity, record.strategy, installed)
    return CheckedRequest(record, packages=packages)


def workload(store: Store, request: Request) -> Workload:
    """The size of what a request asks for."""
    manifest = request.manifest
    tasks = sum(len(manifest.chunks[chunk]) for chunk, _ in request.chunks)
    bars = sum(symbol.bars for symbol in manifest.symbols)
    return Workload(
        url=store.url,
        strategy=manifest.identity["strategy"]["code"],
        engine=manifest.engine,
        chunks=len(request.chunks),
        tasks=tasks,
        bars=tasks * (bars if manifest.is_portfolio else bars // len(manifest.symbols)),
        cpus=request.template.cpus,
        memory=request.template.memory,
    )


def _check_cost(cost: Cost | None, request: Request) -> None:
    if cost is not None and cost.exceeds_limit and not request.accept_cost:
        raise ExecutorError(
            f"this would cost about {cost.amount:.2f} {cost.currency} ({cost.basis}), more than "
            f"the limit of {cost.limit:.2f}; nothing was started. Start it with --yes, or ask for "
            "fewer tasks"
        )


def _delivered(executor: Executor, record: SubmissionRecord, request: Request) -> SubmissionRecord:
    """The record with its data where the workers find it."""
    manifest = request.manifest
    symbols = [symbol.name for symbol in manifest.symbols]
    benchmark = manifest.benchmark
    if benchmark is not None and benchmark not in symbols:
        # No worker needs it; reports read where the workers do.
        symbols.append(benchmark)
    auxiliary = manifest.identity["data"]["auxiliary"]
    return replace(
        record,
        data_path=executor.deliver(record.data_path, symbols),
        auxiliary_paths={
            feed: executor.deliver(path, [auxiliary[feed]["symbol"]])
            for feed, path in record.auxiliary_paths.items()
        },
    )


def active_submission(store: Store, executor: Executor) -> LogEntry | None:
    """The newest submission to this executor whose workers still run, if there is one.

    A submission whose client died before it could keep the handle is adopted; one that was begun
    just now is given a moment to get its handle.
    """
    submission_log = SubmissionLog(store)
    for number in reversed(submission_log.numbers()):
        entry = _settled(submission_log, number)
        if entry.record.executor != executor.name or entry.cancelled:
            continue
        if entry.handle is None:
            entry = _adopt(store, executor, entry)
        if entry.handle is not None and _runs(executor, entry):
            return entry
    return None


def _settled(submission_log: SubmissionLog, number: int) -> LogEntry:
    """An entry that has its handle, or whose client has had the time to keep one."""
    while True:
        entry = submission_log.entry(number)
        age = datetime.now(UTC) - datetime.fromisoformat(entry.record.created)
        if entry.handle is not None or not timedelta(0) <= age < STARTING:
            return entry
        time.sleep(STARTING_PAUSE)


def _adopt(store: Store, executor: Executor, entry: LogEntry) -> LogEntry:
    url = entry.record.url(store)
    for handle in executor.find(entry.record.run):
        # The same run may have workers for another store; not every executor can tell.
        if handle.get("number") == entry.record.number and handle.get("url", url) == url:
            SubmissionLog(store).adopt_handle(entry.record.number, handle)
            return replace(entry, handle=handle)
    return entry


def _runs(executor: Executor, entry: LogEntry) -> bool:
    if entry.handle is None:
        return False
    try:
        return any(status.state.works for status in executor.poll(entry.handle))
    except BackfleetError:
        return False


def _submission(store: Store, record: SubmissionRecord, detach: bool) -> Submission:
    return Submission(
        run=record.run,
        number=record.number,
        url=record.url(store),
        shards=len(record.shards),
        cpus=record.cpus,
        memory=record.memory,
        detach=detach,
        data=list(dict.fromkeys([record.data_path, *record.auxiliary_paths.values()])),
    )
