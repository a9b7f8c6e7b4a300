"""Describing the bars of many symbols: known ones from an index, the others several at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from backfleet.bars import BarsWindow
from backfleet.errors import DataError
from backfleet.source import Source
from backfleet.sources.bar_cache import BarCache, Description, SymbolData
from backfleet.sources.each_symbol import for_each_symbol

__all__ = ["describe_symbols"]


def describe_symbols(
    bar_cache: BarCache, source: Source, symbols: Sequence[str], window: BarsWindow
) -> Iterator[tuple[str, SymbolData | DataError]]:
    """Yield each symbol with what its bars are, or with what is wrong with them, in order."""

    def describe(symbol: str) -> Description | DataError:
        try:
            return bar_cache.describe(source, symbol, window)
        except DataError as error:
            return error

    # All look-ups come before the forks, which then have only work that takes time.
    known = {symbol: bar_cache.known(source, symbol, window) for symbol in symbols}
    unknown = [symbol for symbol in symbols if known[symbol] is None]
    described = for_each_symbol(source, describe, unknown)
    for symbol in symbols:
        data: SymbolData | DataError | None = known[symbol]
        if data is None:
            result = next(described)
            if isinstance(result, Description):
                # Another process may have described it.
                bar_cache.remember(source, symbol, window, result)
                data = result.data
            else:
                data = result
        yield symbol, data
