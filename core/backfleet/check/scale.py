"""Does a signal depend on the level of adjusted prices?

Adjusted prices are in the money of the last bar, so their level tells of splits and dividends to
come: of two shares at the same price, the one that will split looks cheaper. What is computed from
returns, or from ratios of a symbol's own prices, does not change with the level.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from backfleet.bars import Bars
from backfleet.check.other_bars import scaled_prices
from backfleet.check.result import CheckResult, Place, Status
from backfleet.check.signals import Signals, first_difference, signals_of
from backfleet.check.subject import Subject
from backfleet.engine import BrokerSettings
from backfleet.errors import error_line

__all__ = ["check_scale"]

CHECK = "scale"
ADVICE = (
    "it depends on the level of adjusted prices, which later splits and dividends change. Use "
    "returns or ratios of prices, or for a level raw prices: bars.raw.close"
)
LARGEST_POWERS = (2, 10)
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


def check_scale(subjects: Sequence[Subject]) -> CheckResult:
    """With the prices of each symbol multiplied by its own power of two, targets stay the same, and
    orders keep their times and sides while their sizes are divided by it."""
    fixed: list[str] = []
    for subject in subjects:
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
    place: Place | None = None


class _Trials:
    """The signals of one subject, compared with those at other scales.

    Attributes
    ----------
    has_fixed_sizes
        Whether sizes did not follow the scale in a trial.
    """

    def __init__(self, subject: Subject) -> None:
        self._subject = replace(subject, broker=RICH)
        self._signals = signals_of(self._subject)
        self._has_sizes = not subject.is_vector or subject.strategy_value("target") == "size"
        self.has_fixed_sizes = (
            subject.is_vector
            and subject.strategy_value("target") == "position"
            and subject.strategy_value("sizing") == "fixed"
        )

    def problem(self, scales: Floats) -> _Problem | None:
        """Return how signals at these scales differ from what they should be, if they do."""
        bars = tuple(map(scaled_prices, self._subject.bars, scales.tolist()))
        try:
            theirs = signals_of(self._subject.on(bars))
        except Exception as error:
            return _Problem(f"raises {error_line(error)} where {_words(scales, 0)}; {ADVICE}")
        ours = self._signals
        if self._has_sizes:
            ours, theirs = _comparable(ours), _comparable(theirs)
            ours, theirs = self._without_sizes(ours, theirs, scales)
        found = first_difference(ours, theirs, tolerance=TOLERANCE)
        if found is None:
            return None
        where = _words(scales, found.symbol)
        place = self._subject.place(found.time, found.symbol)
        return _Problem(f"{found.ours}, but {found.theirs} where {where}: {ADVICE}", place)

    def _without_sizes(
        self, ours: Signals, theirs: Signals, scales: Floats
    ) -> tuple[Signals, Signals]:
        """Return signals whose sizes are equal wherever they may be."""
        count = min(len(ours), len(theirs))
        is_same = (ours.time[:count] == theirs.time[:count]) & (
            ours.symbol[:count] == theirs.symbol[:count]
        )
        scale = np.where(is_same, scales[ours.symbol[:count]], 1.0)
        column = 0 if ours.values.shape[1] == 1 else SIZE
        left, right = ours.values[:count, column], theirs.values[:count, column]
        slack = ROUNDED_SHARES * np.maximum(scale, 1.0) + ROUNDED_SIZE * np.abs(left)
        is_scaled = np.abs(right * scale - left) <= slack
        is_fixed = (left == right) & ~is_scaled
        self.has_fixed_sizes |= bool(is_fixed.any())
        is_sound = is_same & (is_scaled | is_fixed) & (np.sign(left) == np.sign(right))
        values = theirs.values.copy()
        values[:count, column] = np.where(is_sound, left, right)
        if values.shape[1] > 1:
            values[:count, PRICE] /= scale
            values[:count, LIMIT] /= scale
            is_market = np.isnan(ours.values[:count, LIMIT]) & (ours.values[:count, 0] == 0)
            values[:count, PRICE] = np.where(
                is_market & is_sound, ours.values[:count, PRICE], values[:count, PRICE]
            )
        return ours, replace(theirs, values=values)


def _comparable(signals: Signals) -> Signals:
    """Leave out orders of so few shares that they can be nothing but the rounding of others."""
    if signals.values.shape[1] == 1 or not len(signals):
        return signals
    sizes = np.abs(signals.values[:, SIZE])
    return signals.of(sizes > ROUNDED_SIZE * np.median(sizes))


def _scales(symbols: int) -> Iterator[Floats]:
    """Yield scales, each with a power of two for every symbol."""
    draw = np.random.default_rng(symbols)
    for largest in LARGEST_POWERS:
        powers = np.delete(np.arange(-largest, largest + 1), largest)
        for _ in range(TRIALS):
            # Neighbors get distinct powers, so that they change places.
            chosen = np.resize(draw.permutation(powers), symbols)
            yield np.exp2(chosen)


def _words(scales: Floats, symbol: int) -> str:
    scale = float(scales[symbol])
    times = f"{scale:g}" if scale > 1 else f"1/{1 / scale:g}"
    return f"its prices are {times} times as high"
