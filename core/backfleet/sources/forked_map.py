"""`map_forked`: calling a function in forked processes, which need no lock of Python's in common.

A child takes blocks of items from a pipe, so that no child waits for another. It sends its results
through a pipe of its own. It ends by itself when the items are used up, or when nobody reads its
results any more.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe, wait
from typing import Any, Generic, NoReturn, TypeVar

from backfleet.errors import UserError

__all__ = ["map_forked"]

T = TypeVar("T")
R = TypeVar("R")

MAX_BLOCKS = 1024
"""Blocks of items: a pipe holds their numbers, of four bytes each, on every system."""
BLOCKS_PER_PROCESS = 64
"""More blocks keep all processes busy until the end, fewer take fewer messages."""
NUMBER_BYTES = 4
INTERRUPTS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True)
class _Warning:
    """A warning of a child, which the parent shows."""

    text: Warning | str
    category: type[Warning]
    file: str
    line: int


@dataclass(frozen=True)
class _Message(Generic[R]):
    """The results of a block, or the exception that ended it."""

    block: int
    results: Sequence[R]
    warnings: Sequence[_Warning]
    error: BaseException | None = None


@dataclass
class _Child:
    """A child process, and the end of the pipe that its results come from."""

    pid: int
    connection: Connection

    def ended(self) -> int:
        """Wait for the end of the process, and return its exit code, negative for a signal."""
        self.connection.close()
        # Somebody else may wait for all children of this process.
        with suppress(ChildProcessError):
            return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return 0


@dataclass
class _Work(Generic[T, R]):
    """What the children share by their fork.

    Attributes
    ----------
    queue
        The pipe of the blocks that no child has taken.
    """

    call: Callable[[T], R]
    items: Sequence[T]
    block: int
    queue: int
    children: list[_Child] = field(default_factory=list)


def map_forked(call: Callable[[T], R], items: Sequence[T], processes: int) -> Iterator[R]:
    """Yield the call's result for each item, in order. Only results are sent, so they should be
    small, and can be pickled.

    The calling process must have no other threads: a child would never get a lock that one of them
    holds. If this iterator is closed, the children finish their block first, so that no file
    remains half written.

    Raises
    ------
    UserError
        A child was killed.
    """
    blocks = min(MAX_BLOCKS, BLOCKS_PER_PROCESS * processes, len(items))
    # Rounded up, so that there are at most `blocks` of them; at least 1, as the step of a range.
    size = -(-len(items) // max(blocks, 1))
    queue, feed = os.pipe()
    starts = range(0, len(items), max(size, 1))
    # All numbers fit into the pipe, so that this does not wait for a reader that is not there yet.
    os.write(feed, b"".join(start.to_bytes(NUMBER_BYTES, "little") for start in starts))
    # Before the forks: a pipe ends only when no process holds its writing end.
    os.close(feed)
    work = _Work(call, items, size, queue)
    try:
        for _ in range(processes):
            try:
                work.children.append(_fork(work))
            except OSError:
                # The limit of processes: fewer children do the same.
                if not work.children:
                    raise
        results = _received(work)
        for start in starts:
            yield from results(start)
    finally:
        _stop(work)


def _received(work: _Work[T, R]) -> Callable[[int], Sequence[R]]:
    """Return a function that waits for the results of the block from an item on."""
    known: dict[int, Sequence[R]] = {}
    open_ends = {child.connection: child for child in work.children}
    shown: set[str] = set()

    def results(start: int) -> Sequence[R]:
        while start not in known:
            if not open_ends:
                # Somebody else has waited for a child that was killed.
                raise _killed("before it sent its results")
            # Several blocks can arrive while an earlier one is awaited; `known` keeps them.
            for end in wait(list(open_ends)):
                assert isinstance(end, Connection)
                try:
                    message: _Message[R] = end.recv()
                except (EOFError, OSError, pickle.UnpicklingError):
                    # A child that dies while it sends leaves half a message.
                    _check_end(open_ends.pop(end).ended())
                    continue
                _show(message.warnings, shown)
                if message.error is not None:
                    raise message.error
                known[message.block] = message.results
        return known.pop(start)

    return results


def _check_end(code: int) -> None:
    if code == 0:
        return
    how = f"with exit code {code}"
    if code < 0:
        name = signal.Signals(-code).name
        how = f"by signal {-code} ({name})"
    raise _killed(how)


def _killed(how: str) -> UserError:
    return UserError(
        f"a process that reads data was ended {how}. The system does this when memory runs out. "
        "Free memory or allow more of it, and run the command again: what is read already is kept"
    )


def _show(caught: Sequence[_Warning], shown: set[str]) -> None:
    """Show the warnings of a child, each one only once."""
    for warning in caught:
        key = f"{warning.category.__qualname__}: {warning.text}"
        if key not in shown:
            shown.add(key)
            warnings.warn_explicit(warning.text, warning.category, warning.file, warning.line)


def _stop(work: _Work[Any, Any]) -> None:
    # Without blocks, the children end.
    while os.read(work.queue, NUMBER_BYTES * MAX_BLOCKS):
        pass
    os.close(work.queue)
    for child in work.children:
        # Children whose end has been seen have been waited for already.
        if not child.connection.closed:
            child.ended()


def _fork(work: _Work[Any, Any]) -> _Child:
    results, theirs = Pipe(duplex=False)
    # What is buffered would be written twice.
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    # An interrupt before the child ignores it would run the parent's code in the child.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTS)
    try:
        with warnings.catch_warnings():
            # Python warns of idle threads, too, such as those of numpy's libraries.
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
        if pid == 0:
            # The child's copy of the reading end: with it, the child would never notice that the
            # parent is gone.
            results.close()
            _run_child(work, theirs, before)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()
    return _Child(pid, results)


def _run_child(work: _Work[Any, Any], results: Connection, mask: set[Any]) -> NoReturn:
    code = 1
    try:
        # The parent is interrupted, too, and stops its children.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for child in work.children:
            # Otherwise that child would not notice that nobody reads its results.
            child.connection.close()
        while number := os.read(work.queue, NUMBER_BYTES):
            results.send(_message(work, int.from_bytes(number, "little")))
        code = 0
    except BrokenPipeError:
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        # No `sys.exit`: exit handlers and `finally` blocks of the parent's code must not run here.
        os._exit(code)


def _message(work: _Work[T, R], start: int) -> _Message[R]:
    with warnings.catch_warnings(record=True) as caught:
        results: list[R] = []
        failure: BaseException | None = None
        try:
            for item in work.items[start : start + work.block]:
                results.append(work.call(item))
        except Exception as error:
            failure = _portable(error)
    noted = [_Warning(w.message, w.category, w.filename, w.lineno) for w in caught]
    return _Message(start, results, noted, failure)


def _portable(error: Exception) -> Exception:
    """Return an exception that can be sent: the same one if possible."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError("".join(traceback.format_exception(error)))
    error.add_note("".join(traceback.format_exception(error)))
    return error
