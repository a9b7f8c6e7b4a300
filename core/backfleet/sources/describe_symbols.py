"""Describing the bars of many symbols: known ones from an index, the others in threads."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from backfleet.bars import BarsWindow
from backfleet.errors import DataError
from backfleet.source import Source
from backfleet.sources.bar_cache import BarCache, SymbolData
from backfleet.sources.turns import taking_turn

__all__ = ["describe_symbols"]

MAX_THREADS = 8
"""Beyond a few threads, the parts that need Python's lock are all that counts."""


def describe_symbols(
    bar_cache: BarCache, source: Source, symbols: Sequence[str], window: BarsWindow
) -> Iterator[tuple[str, SymbolData | DataError]]:
    """Yield each symbol with what its bars are, or with what is wrong with them, in order.

    At most as many files are in memory as there are threads.
    """
    with _no_collections():
        yield from _described(bar_cache, source, symbols, window)


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


def _described(
    bar_cache: BarCache, source: Source, symbols: Sequence[str], window: BarsWindow
) -> Iterator[tuple[str, SymbolData | DataError]]:
    known = {symbol: bar_cache.known(source, symbol, window) for symbol in symbols}
    unknown = [symbol for symbol in symbols if known[symbol] is None]
    source.expect(len(unknown))
    attempt = _Attempt(bar_cache, source, window)
    threads = min(MAX_THREADS, os.cpu_count() or 1, len(unknown))
    # Symbols are in order, so those that are described meanwhile come as they are asked for.
    if threads <= 1:
        described = map(attempt.describe, unknown)
        yield from _merged(symbols, known, described)
        return
    pool = ThreadPoolExecutor(threads)
    try:
        yield from _merged(symbols, known, pool.map(attempt.describe, unknown))
    finally:
        pool.shutdown(cancel_futures=True)


@dataclass(frozen=True)
class _Attempt:
    """Describes one symbol after another; a bad one is a result, too."""

    bar_cache: BarCache
    source: Source
    window: BarsWindow

    def describe(self, symbol: str) -> SymbolData | DataError:
        try:
            with taking_turn:
                return self.bar_cache.digest(self.source, symbol, self.window)
        except DataError as error:
            return error


def _merged(
    symbols: Sequence[str],
    known: dict[str, SymbolData | None],
    described: Iterator[SymbolData | DataError],
) -> Iterator[tuple[str, SymbolData | DataError]]:
    for symbol in symbols:
        yield symbol, known[symbol] or next(described)
