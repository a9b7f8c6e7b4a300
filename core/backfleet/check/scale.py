"""Does a signal depend on the level of adjusted prices?

Adjusted prices are in the money of the last bar, so their level tells of splits and dividends to
come: of two shares at the same price, the one that will split looks cheaper. What is computed from
returns, or from ratios of a symbol's own prices, does not change with the level.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backfleet.bars import Bars
from backfleet.check.check_case import CheckCase
from backfleet.check.other_bars import scaled_prices
from backfleet.check.result import BarLocation, CheckResult, Status
from backfleet.check.signals import Signals, first_difference, signals_of
from backfleet.engine import BrokerSettings
from backfleet.errors import error_line

__all__ = ["check_scale"]

CHECK = "scale"
ADVICE = (
    "it depends on the level of adjusted prices, which later splits and dividends change. Use "
    "returns or ratios of prices, or for a level raw prices: bars.raw.close"
)
MAX_POWERS = (2, 10)
"""The largest exponents of 2 of the scales that are tried: a level may lie close or far away."""

TRIALS = 2
"""Scales that are tried for each of them."""

TOLERANCE = 1e-9
"""Relative; differences of logarithms round otherwise."""

ROUNDED_SHARES = 4.0
"""Whole shares by which rounding may change a size, at the larger scale."""

ROUNDED_SIZE = 1e-6
"""The part of a size by which the rounding of earlier sizes may change it, and of the median size
below which an order may be nothing but rounding."""

RICH = BrokerSettings(cash=1e12, commission=0.0)
"""A broker with which the rounding to whole shares decides nothing."""

SIZE, PRICE, LIMIT = 1, 2, 3
"""Columns of the signals of a backtrader strategy."""

Floats = NDArray[np.float64]


def check_scale(subjects: Sequence[CheckCase]) -> CheckResult:
    """Check signals on prices that are multiplied by a power of two, another one for each symbol.

    Targets must stay the same. Orders must keep their times and sides, and their sizes must be
    divided by the power.
    """
    fixed: list[str] = []
    for subject in subjects:
        # The signals at the original scale are computed once for all trials.
        trials = _Trials(subject)
        for scales in _scales(len(subject.bars)):
            problem = trials.problem(scales)
            if problem is not None:
                return CheckResult(CHECK, Status.FAILED, problem.message, problem.place)
        fixed += [subject.name] if trials.has_fixed_sizes else []
    if fixed:
        message = (
            "times and sides of orders stay the same. Their sizes are fixed numbers of adjusted "
            "shares, so that their worth depends on later splits; a target in percent or value "
            "does not"
        )
        return CheckResult(CHECK, Status.PASSED, message)
    return CheckResult(CHECK, Status.PASSED, "no signal changed with the level of prices")


@dataclass(frozen=True)
class _Problem:
    message: str
    place: BarLocation | None = None


class _Trials:
    """The signals of one subject, compared with those at other scales.

    Attributes
    ----------
    has_fixed_sizes
        Whether sizes did not follow the scale in a trial.
    """

    def __init__(self, subject: CheckCase) -> None:
        bars = tuple(map(_with_orders_of_any_size, subject.bars))
        self._subject = replace(subject, broker=RICH, bars=bars)
        self._signals = signals_of(self._subject)
        target = _setting(subject, "target")
        # The targets of other vector strategies have no unit, or are money. In a market, their
        # sizes are traded shares, which adjustment does not change.
        counts_adjusted = not subject.in_market
        self._has_sizes = not subject.is_vector or (target == "size" and counts_adjusted)
        has_fixed_sizes = target == "position" and _setting(subject, "sizing") == "fixed"
        self.has_fixed_sizes = has_fixed_sizes and counts_adjusted

    def problem(self, scales: Floats) -> _Problem | None:
        """Return how signals at these scales differ from what they should be; None if equal."""
        bars = tuple(map(scaled_prices, self._subject.bars, scales.tolist()))
        try:
            theirs = signals_of(self._subject.on(bars))
        except Exception as error:
            message = f"{self._subject.name}: raises {error_line(error)} where prices are scaled"
            return _Problem(f"{message} by powers of two; {ADVICE}")
        ours = self._signals
        if self._has_sizes:
            ours, theirs = _without_rounding(ours), _without_rounding(theirs)
            # Sizes divided by the scale are what is expected, so they become equal here; anything
            # else remains a difference.
            theirs = self._with_expected_sizes(ours, theirs, scales)
        difference = first_difference(ours, theirs, tolerance=TOLERANCE)
        if difference is None:
            return None
        scale = float(scales[difference.symbol])
        times = f"{scale:g}" if scale > 1 else f"1/{1 / scale:g}"
        change = f"{difference.ours}, but {difference.theirs}"
        place = self._subject.place(difference.time, difference.symbol)
        return _Problem(f"{change} where its prices are {times} times as high: {ADVICE}", place)

    def _with_expected_sizes(self, ours: Signals, theirs: Signals, scales: Floats) -> Signals:
        """Return scaled signals in the money of `ours`, with its sizes where they correspond."""
        scale = scales[theirs.symbol]
        values = theirs.values.copy()
        column = SIZE if values.shape[1] > 1 else 0
        if self._subject.in_market:
            # Orders are recorded in traded shares at traded prices.
            values[:, SIZE] /= scale
        elif values.shape[1] > 1:
            values[:, PRICE] /= scale
            values[:, LIMIT] /= scale
        count = min(len(ours), len(theirs))
        scale, left, right = scale[:count], ours.values[:count, column], values[:count, column]
        # Sizes are rounded to whole shares on both sides. At a scale above 1, one share of theirs
        # is several of ours.
        slack = ROUNDED_SHARES * np.maximum(scale, 1.0) + ROUNDED_SIZE * np.abs(left)
        is_scaled = np.abs(right * scale - left) <= slack
        is_fixed = (right == left) & ~is_scaled
        self.has_fixed_sizes |= bool(is_fixed.any())
        # An order of the other side is a difference, however few its shares are.
        corresponds = (is_scaled | is_fixed) & (np.sign(right) == np.sign(left))
        values[:count, column] = np.where(corresponds, left, right * scale)
        # Rows without a counterpart are a difference anyway; in the money of `ours`, the message
        # can show them.
        values[count:, column] *= scales[theirs.symbol[count:]]
        return replace(theirs, values=values)


def _with_orders_of_any_size(bars: Bars) -> Bars:
    """Return bars at which the rules of a market limit no size, as a broker with much cash needs
    it."""
    if bars.terms is None:
        return bars
    # Largest orders and shares of the volume are limits in numbers of shares.
    return replace(bars, terms=bars.terms.having(most=np.inf, cap=np.inf))


def _setting(subject: CheckCase, name: str) -> Any:
    """Return how a vector strategy turns targets into orders; None for another strategy."""
    if not subject.is_vector:
        return None
    return subject.params.get(name, getattr(subject.strategy, name))


def _without_rounding(signals: Signals) -> Signals:
    """Leave out orders of so few shares that they can be nothing but the rounding of others."""
    if signals.values.shape[1] == 1 or not len(signals):
        return signals
    sizes = np.abs(signals.values[:, SIZE])
    rows = sizes > ROUNDED_SIZE * np.median(sizes)
    return Signals(signals.time[rows], signals.symbol[rows], signals.values[rows])


def _scales(symbols: int) -> Iterator[Floats]:
    """Yield scales, each with a power of two for every symbol."""
    draw = np.random.default_rng(symbols)
    for largest in MAX_POWERS:
        # All exponents but 0, which would change nothing. Powers of two only change the exponent of
        # a float, so that ratios of prices keep all bits.
        powers = np.delete(np.arange(-largest, largest + 1), largest)
        for _ in range(TRIALS):
            # Neighbors get distinct powers, so that they change places.
            chosen = np.resize(draw.permutation(powers), symbols)
            yield np.exp2(chosen)
