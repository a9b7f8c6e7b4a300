"""The bars of a portfolio as its strategy sees them, and the check of its targets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from backfleet.bars import Bars
from backfleet.engines.feed_times import feed_times
from backfleet.engines.vector.targets import (
    check_targets,
    frozen_answer,
    impossible,
    targets_of,
    tradable_bars,
)
from backfleet.panel import Panel
from backfleet.united_times import UnitedTimes
from backfleet.vector_strategy import VectorStrategy

__all__ = ["check_panel_targets", "is_portfolio", "panel_of", "panel_targets"]

Floats = NDArray[np.float64]


def is_portfolio(strategy: type[VectorStrategy], symbols: int) -> bool:
    """Return whether a task with this number of symbols runs as a portfolio."""
    return symbols != 1 or strategy.is_cross_sectional()


def panel_of(bars: Sequence[Bars]) -> Panel:
    """Return the bars on the calendar on which backtrader would step through them."""
    kept = tuple(map(tradable_bars, bars))
    # The steps must be those at which backtrader calls a strategy with these feeds, so they follow
    # from the times that its feeds show, and not from `Bars.time`.
    moments = feed_times(bars)
    united = UnitedTimes.of(
        [
            time if symbol.tradable.all() else time[symbol.tradable]
            for symbol, time in zip(bars, moments, strict=True)
        ]
    )
    # Symbols can have different times in UTC at one step, such as daily bars of two time zones. The
    # first symbol's time stands for the step, as in a task's records on backtrader.
    time = united.first([symbol.time for symbol in kept])
    session = united.first([symbol.session for symbol in kept])
    # The portfolio starts when the first symbol does: the others join at their own first bars.
    starts = [
        int(symbol_bars.time[symbol_bars.warmup])
        for symbol_bars in bars
        if symbol_bars.warmup < len(symbol_bars)
    ]
    warmup = int(np.searchsorted(time, min(starts))) if starts else len(time)
    return Panel(kept, time, session, united.steps, warmup)


def panel_targets(strategy: VectorStrategy, panel: Panel) -> Floats:
    """Return the strategy's targets after each step, as read-only contiguous float64 of
    shape (steps, symbols).

    Raises TypeError and ValueError if the strategy returns something else.
    """
    if not strategy.is_cross_sectional():
        return panel.stacked([targets_of(strategy, bars) for bars in panel.bars])
    answer, shape = strategy.portfolio_targets(panel), (len(panel), len(panel.bars))
    return frozen_answer(strategy, "portfolio_targets", answer, shape)


def check_panel_targets(strategy: VectorStrategy, panel: Panel, targets: Floats, rule: int) -> None:
    """Raise ValueError at the first impossible target of a bar; see `check_targets`."""
    if not strategy.is_cross_sectional():
        for column, bars in enumerate(panel.bars):
            check_targets(strategy, bars, targets[panel.steps[column], column], rule)
        return
    wrong, allowed = impossible(targets, rule)
    # What a strategy answers for a symbol without a bar is never read, so it may be anything.
    wrong &= panel.has_bar
    if wrong.any():
        step, column = divmod(int(np.argmax(wrong)), len(panel.bars))
        raise ValueError(
            f"{type(strategy).__name__}.portfolio_targets is {targets[step, column]} "
            f"at step {step} ({panel.session[step]}) for {panel.symbols[column]}; "
            f"it must be {allowed}"
        )
