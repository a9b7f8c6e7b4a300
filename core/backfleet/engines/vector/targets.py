"""The bars that a vector strategy reads, and the check of the targets that it returns."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backfleet.bars import Bars
from backfleet.engines.vector.auxiliary import aligned_feeds
from backfleet.engines.vector.rules import TargetRule
from backfleet.vector_strategy import VectorStrategy

__all__ = [
    "check_targets",
    "frozen_answer",
    "impossible",
    "no_size",
    "targets_of",
    "tradable_bars",
]

Floats = NDArray[np.float64]

FLOAT = np.dtype(np.float64)


def tradable_bars(bars: Bars) -> Bars:
    """Return the bars on which orders can be placed, with the auxiliary feeds on their calendar.

    Vector strategies see these bars on every engine.
    """
    keep = bars.tradable
    # Most tasks: nothing is copied, and the strategy sees the arrays of the cache.
    if keep.all():
        return replace(bars, auxiliary=aligned_feeds(bars)) if bars.auxiliary else bars
    raw = bars.raw[keep]
    return replace(
        bars,
        time=bars.time[keep],
        session=bars.session[keep],
        # Without an adjustment, both are one object, and stay one.
        prices=raw if bars.prices is bars.raw else bars.prices[keep],
        raw=raw,
        volume=bars.volume[keep],
        factor=bars.factor[keep],
        tradable=keep[keep],
        terms=None if bars.terms is None else bars.terms[keep],
        extra=MappingProxyType({name: column[keep] for name, column in bars.extra.items()}),
        auxiliary=aligned_feeds(bars),
        warmup=int(np.count_nonzero(keep[: bars.warmup])),
    )


def targets_of(strategy: VectorStrategy, bars: Bars) -> Floats:
    """Return the targets after each bar, as read-only contiguous float64 of shape (bars,).

    Raises TypeError if the strategy returns something other than an array of float64, and
    ValueError if the array has another shape.
    """
    return frozen_answer(strategy, "targets", strategy.targets(bars), bars.time.shape)


def frozen_answer(
    strategy: VectorStrategy, method: str, answer: Any, shape: tuple[int, ...]
) -> Floats:
    """Return the answer of a strategy's method, as read-only contiguous float64 of this shape.
    Raises as `targets_of`."""
    if not isinstance(answer, np.ndarray):
        kind = type(answer).__name__
        raise TypeError(f"{_who(strategy, method)} must return a numpy array, not {kind}")
    if answer.dtype != FLOAT:
        raise TypeError(f"{_who(strategy, method)} must return float64, not {answer.dtype}")
    if answer.shape != shape:
        axes = "bar" if len(shape) == 1 else "step and symbol"
        raise ValueError(
            f"{_who(strategy, method)} must return one number per {axes}, shape {shape}, "
            f"not {answer.shape}"
        )
    # A view, so that the strategy's own array can still be written to.
    targets: Floats = np.ascontiguousarray(answer)[:]
    targets.setflags(write=False)
    return targets


def check_targets(strategy: VectorStrategy, bars: Bars, targets: Floats, rule: int) -> None:
    """Raise ValueError at the first target that is impossible; `rule` is the `TargetRule`."""
    wrong, allowed = impossible(targets, rule)
    if wrong.any():
        bar = int(np.argmax(wrong))
        raise ValueError(
            f"{_who(strategy, 'targets')} is {targets[bar]} {_where(bars, bar)}; "
            f"it must be {allowed}"
        )


def impossible(targets: Floats, rule: int) -> tuple[NDArray[np.bool_], str]:
    """Return which targets are impossible, bool of the shape of the targets, and the possible
    values in words."""
    if rule == TargetRule.POSITION:
        # The same condition as `simulate.is_possible`, for whole arrays.
        wrong = ~((targets == 0.0) | (np.abs(targets) == 1.0) | np.isnan(targets))
        return wrong, "1, -1, 0 or NaN, as a position is"
    return np.isinf(targets), "finite, or NaN"


def no_size(bars: Bars, bar: int) -> ValueError:
    """Return the error for a bar at which the number of shares cannot be computed exactly."""
    return ValueError(
        f"{bars.symbol}: an order cannot be sized {_where(bars, bar)}: "
        f"the close is {bars.close[bar]}, too little for the money or no number"
    )


def _where(bars: Bars, bar: int) -> str:
    return f"at bar {bar} ({bars.session[bar]})"


def _who(strategy: VectorStrategy, method: str) -> str:
    return f"{type(strategy).__name__}.{method}"
