"""A worker from its start to its exit code."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from backfleet import errors
from backfleet.code.fetched_code import FetchedCode, fetch_code, search_first
from backfleet.errors import BackfleetError, ExecutorError, PlatformMismatch, PluginError
from backfleet.store import Store
from backfleet.submission import Submission
from backfleet.submissions.submission_log import read_submission
from backfleet.worker.env_vars import (
    IMAGE_INVENTORY,
    INDEX_VARIABLES,
    RUN_KEY,
    SHARDS,
    STOP_WITH_PARENT,
    TIME_LIMIT,
)
from backfleet.worker.failure_record import write_failure_record
from backfleet.worker.forkserver import start_forkserver
from backfleet.worker.ranges import parse_ranges

__all__ = ["run_shards"]


class Terminated(BaseException):
    """SIGTERM, or the time limit of this worker: leave what is not committed to another worker."""


def run_shards(url: str, shards: Sequence[int] = ()) -> int:
    """Run shards of the submission at `url` and return the exit code; by default the shard that
    the scheduler of an array says.

    They run together, in the same children. Where the input of one is corrupt, they run one after
    the other then, so that it costs the others nothing.

    0 all chunks are committed · 64 bad configuration or code · 65 corrupt input · 75 try again.
    """
    # Neither child processes nor what they print shall have the key.
    key = os.environ.pop(RUN_KEY, "")
    code = _run(url, shards, key)
    if code != errors.BAD_INPUT or len(shards) < 2:
        return code
    # Chunks that the first attempt has committed are passed over.
    for shard in shards:
        alone = _run(url, [shard], key)
        # Anything else concerns all shards, such as a store that does not answer.
        if alone not in (0, errors.BAD_INPUT):
            return alone
    return code


def _run(url: str, given: Sequence[int], key: str) -> int:
    _stop_with_parent()
    with _terminable():
        try:
            # First: it pins the environment before numpy is imported, and the forkserver imports
            # its modules while this process reads the submission.
            start_forkserver()
            shards = list(given) or [shard_of_array()]
            store, submission = read_submission(url)
            # Before anything is read or written under the run's seal.
            store.seals.use(key)
            _check_image(submission, shards[0])
            code = _fetch_code(store, submission, shards[0])
            # Deferred, because it imports numpy and pyarrow: the environment must be pinned by
            # then.
            from backfleet.worker.worker import ShardWorker

            ShardWorker(store, submission, shards, code).run()
        except BackfleetError as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
            return error.worker_exit_code
        except (Terminated, KeyboardInterrupt):
            print("stopped by a signal; committed chunks are kept", file=sys.stderr, flush=True)
            return errors.TRY_AGAIN
    return 0


def shard_of_array() -> int:
    """The shard that the array or job scheduler says, or 0.

    Raises JobError for what is no number.
    """
    name = next((variable for variable in INDEX_VARIABLES if variable in os.environ), None)
    text = os.environ[name] if name else "0"
    if not text.isdecimal():
        raise errors.JobError(f"{name}={text!r} is no shard")
    return _shard_of(int(text))


def _shard_of(index: int) -> int:
    """The shard of the array's worker `index`."""
    ranges = os.environ.get(SHARDS)
    if ranges is None:
        return index
    try:
        shards = [shard for shard_range in parse_ranges(ranges) for shard in shard_range]
        return shards[index]
    except (ValueError, IndexError) as error:
        raise errors.JobError(f"{SHARDS}={ranges!r} has no worker {index}: {error}") from None


def _check_image(submission: Submission, shard: int) -> None:
    """Raise PlatformMismatch if this image has another inventory than the submission names.

    The packages to ship were chosen by that inventory.
    """
    # Outside an image the variable is unset, and there is nothing to compare.
    here = os.environ.get(IMAGE_INVENTORY, submission.inventory)
    if submission.inventory in ("", here):
        return
    error = PlatformMismatch(
        f"the inventory of this image has the SHA-256 {here}, the submission names "
        f"{submission.inventory}. Build and push the image again ('backfleet image build')"
    )
    write_failure_record(submission.url, shard, error)
    raise error


def _fetch_code(store: Store, submission: Submission, shard: int) -> FetchedCode | None:
    """Fetch the code that a submission names, and have this process find it.

    Returns None if the workers run with what is installed here.
    """
    if submission.code is None:
        return None
    try:
        code = fetch_code(store, submission.code)
    except (PluginError, ExecutorError) as error:
        write_failure_record(submission.url, shard, error)
        raise
    search_first(code.paths)
    return code


@contextmanager
def _terminable() -> Iterator[None]:
    def stop(*_: object) -> None:
        # A second signal would interrupt the storing of what is finished.
        for number in (signal.SIGTERM, signal.SIGALRM):
            signal.signal(number, signal.SIG_IGN)
        raise Terminated

    # The handlers are restored at the end, because `run_shards` may enter this context again, shard
    # by shard.
    before = signal.signal(signal.SIGTERM, stop)
    alarm = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, _time_limit())
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, alarm)
        signal.signal(signal.SIGTERM, before)


def _time_limit() -> float:
    """Return the seconds that this worker may take; 0 for no limit."""
    try:
        return max(0.0, float(os.environ.get(TIME_LIMIT, 0)))
    # A malformed limit must not stop the worker. Without it, the worker runs until the scheduler
    # stops it.
    except ValueError:
        return 0.0


def _stop_with_parent() -> None:
    """End this worker when the pipe on its standard input closes: its parent has gone."""
    if os.environ.pop(STOP_WITH_PARENT, None) != "1":
        return

    def watch() -> None:
        # Nobody writes into this pipe: reading returns when its other end closes.
        while os.read(0, 4096):
            pass
        # A signal, because only the main thread can unwind the run and store what is finished.
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()
