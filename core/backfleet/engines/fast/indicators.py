"""Indicators computed by the column where backtrader computes them value by value.

In its vectorised mode, backtrader calls `once(start, end)` of each indicator, which loops in
Python. The most used of these loops get a twin, set on the single indicator object for as long as a
run lasts. A twin is only used where it gives the same bits; for all else, and for a class that has
an `once` of its own, backtrader's is called. A small run of a script that does without numpy stays
without it, and has only the twins in plain Python.

Must equal: each value of each line.
"""

from __future__ import annotations

import math
import sys
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from backtrader.linebuffer import LineBuffer
from backtrader.lineiterator import LineIterator

from backfleet.engines.fast.plain_twins import plain_twin_of

__all__ = ["by_the_column"]

MIN_BARS = 16
"""Bars from which on a twin pays."""
MIN_VALUES = 300_000
"""Values to compute from which on the time that importing numpy takes is worth it."""


@contextmanager
def by_the_column(strategies: list[Any]) -> Iterator[None]:
    """Compute the strategies' indicators with twins, where there are any."""
    indicators = _indicators(strategies)
    replaced: list[tuple[Any, str]] = []
    observers = [observer for strategy in strategies for observer in strategy.getobservers()]
    for owner in (*strategies, *indicators, *observers):
        # backtrader makes room in all lines before it computes: `forward` with the number of bars.
        for line in owner.lines:
            if type(line).forward is LineBuffer.forward and "forward" not in line.__dict__:
                line.__dict__["forward"] = partial(_forward, line)
                replaced.append((line, "forward"))
    twin_of = _twins(strategies, indicators)
    for indicator in indicators:
        twin = twin_of(indicator)
        # An `once` on the object is a script's own.
        if twin is not None and "once" not in indicator.__dict__:
            indicator.__dict__["once"] = _once(indicator, twin)
            replaced.append((indicator, "once"))
    try:
        yield
    finally:
        for changed, name in replaced:
            del changed.__dict__[name]


def _forward(line: Any, value: float = math.nan, size: int = 1) -> None:
    """`LineBuffer.forward`, which appends the values one by one."""
    line.idx += size
    line.lencount += size
    if line.mode == LineBuffer.UnBounded:
        # One call of C instead of `size` appends
        line.array.extend(array("d", [value]) * size)
    else:
        line.array.extend([value] * size)


def _indicators(owners: list[Any]) -> list[Any]:
    """All indicators below the owners, each once."""
    indicators: dict[int, Any] = {}
    # Indicators hang below strategies and one another, some of them below several.
    rest = list(owners)
    while rest:
        for indicator in getattr(rest.pop(), "_lineiterators", {}).get(LineIterator.IndType, ()):
            if id(indicator) not in indicators:
                indicators[id(indicator)] = indicator
                rest.append(indicator)
    return list(indicators.values())


def _twins(strategies: list[Any], indicators: list[Any]) -> Callable[[Any], Any]:
    """Return the function that finds an indicator's twin."""
    bars = max((data.buflen() for strategy in strategies for data in strategy.datas), default=0)
    # A script that has imported numpy anyway gets the twins in numpy at any size.
    if "numpy" not in sys.modules and len(indicators) * bars < MIN_VALUES:
        return plain_twin_of
    from backfleet.engines.fast.indicator_twins import twin_of

    return twin_of


def _once(indicator: Any, twin: Any) -> Callable[[int, int], None]:
    # Looked up now. During the run, the object's attribute hides it.
    stock = type(indicator).once

    def once(start: int, end: int) -> None:
        # A twin that cannot compute returns False and has written nothing.
        if end - start < MIN_BARS or not twin(indicator, start, end):
            stock(indicator, start, end)

    return once
