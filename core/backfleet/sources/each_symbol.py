"""`for_each_symbol`: calling a function for many symbols, several at a time."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import numpy as np

from backfleet.operating_system import usable_cpus
from backfleet.source import Source

__all__ = ["for_each_symbol"]

T = TypeVar("T")

MAX_PROCESSES = 8
THREADS = 8
"""Threads that wait for a store."""
MIN_FORKED_SECONDS = 0.2
"""Work that is worth forking processes: two of them take 0.03 s."""
KEPT_BYTES = 24 << 20
"""glibc learns from blocks up to 32 MiB."""


def for_each_symbol(
    source: Source, call: Callable[[str], T], symbols: Sequence[str]
) -> Iterator[T]:
    """Yield the call's result for each symbol, in order.

    Files of this machine are read in forked processes if there is enough work. The results are sent
    between processes, so they should be small. At most as many files are in memory at a time as
    there are processes or threads.
    """
    # Before the first file: the source decides by the number whether compiled code is worth
    # loading.
    source.expect(len(symbols))
    # glibc keeps released memory only after a block of this size was released. Otherwise the kernel
    # provides the arrays of each file with new memory, which takes a third of the time.
    np.empty(KEPT_BYTES, np.uint8)
    with _no_collections():
        if "://" in source.settings.path:
            yield from _in_threads(call, symbols)
        else:
            yield from _in_processes(call, symbols)


def _in_threads(call: Callable[[str], T], symbols: Sequence[str]) -> Iterator[T]:
    """For symbols at a distance: most of the time is spent waiting."""
    pool = ThreadPoolExecutor(THREADS)
    try:
        yield from pool.map(call, symbols)
    finally:
        # If the caller stops early, files that nobody waits for are not read.
        pool.shutdown(cancel_futures=True)


def _in_processes(call: Callable[[str], T], symbols: Sequence[str]) -> Iterator[T]:
    """For symbols at hand: most of the time is spent in Python, which one thread at a time runs."""
    if not symbols:
        return
    # The first symbol shows how much work there is, and what it compiles, all processes have.
    began = time.perf_counter()
    first = call(symbols[0])
    seconds = time.perf_counter() - began
    yield first
    rest = symbols[1:]
    processes = min(MAX_PROCESSES, usable_cpus(), len(rest))
    if processes > 1 and _can_fork() and seconds * len(rest) > MIN_FORKED_SECONDS:
        # It imports modules that most commands do not need.
        from backfleet.sources.forked_map import map_forked

        yield from map_forked(call, rest, processes)
    else:
        yield from map(call, rest)


def _can_fork() -> bool:
    """A fork has no other threads, and so nobody who would release the locks that they hold."""
    return threading.active_count() == 1


@contextmanager
def _no_collections() -> Iterator[None]:
    """Bars are in no cycles, and looking for those takes one part in twenty of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
