"""Checks of the lengths of a job's bars: a strategy must not see a bar that is not over."""

from __future__ import annotations

from collections.abc import Mapping

from backfleet.bar_length import length_words, nominal_ns
from backfleet.errors import DataError
from backfleet.job.bar_spans import parse_span
from backfleet.sources.bar_cache import SymbolData

__all__ = ["check_end_known", "check_longer", "check_one_length"]


def check_end_known(symbol: str, data: SymbolData) -> None:
    """Raise DataError if nobody can say when the bars of an auxiliary feed are over."""
    if not data.end_known:
        raise DataError(
            f"{symbol} has bars at irregular times, so it is not known when a bar is over and can "
            "be shown. If its times are the ends of bars, say so with the option "
            'stamp = "close" in data.options'
        )


def check_longer(span: str, symbols: Mapping[str, SymbolData]) -> None:
    """Raise DataError if a symbol's bars are as long as `span` or longer."""
    length = parse_span(span)
    for name, data in symbols.items():
        if data.nominal_ns >= nominal_ns(length):
            raise DataError(
                f'resample = "{span}": {name} has bars of {data.length}; bars of '
                f"{length_words(length)} cannot be made from them. Choose a longer span"
            )


def check_one_length(symbols: Mapping[str, SymbolData], key: str) -> None:
    """Raise DataError if symbols of a portfolio, which a key of `[data]` asks for, have bars of two
    lengths.

    Bars with one time are handed over together, and the longer ones are not over then.
    """
    # 0 stands for an unknown length, such as that of a symbol with one bar.
    known = [(name, data) for name, data in symbols.items() if data.nominal_ns]
    for name, data in known[1:]:
        first, other = known[0]
        if data.nominal_ns != other.nominal_ns:
            raise DataError(
                f"data.{key}: {first} has bars of {other.length}, {name} of "
                f"{data.length}. The symbols of a portfolio need bars of one length; leave "
                "symbols out, or give the longer bars as an auxiliary feed"
            )
