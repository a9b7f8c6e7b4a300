"""`TradedBars`: the tradable bars of a symbol, as the checks of doubts read them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backfleet.bars import Bars, Prices
from backfleet.sources.blocks import blocks

__all__ = ["Runs", "TradedBars", "runs_of"]

Floats = NDArray[np.float64]

CHINA_ZONES = ("Asia/Shanghai", "Asia/Chongqing", "Asia/Harbin", "PRC")
CHINA_SYMBOL = re.compile(r"(?i)(sh|sz|bj)?[.#_]?[0-9]{6}([.](sh|sz|bj|ss|xshg|xshe|xbse))?")
"""Codes of Chinese stocks. Their prices cannot move by more than a limit on one day."""

MAX_WEEKEND_SHARE, EVERY_DAY_SHARE = 0.10, 0.25
"""Share of Saturdays and Sundays below which a market has five days, and from which seven."""


@dataclass(frozen=True, eq=False)
class TradedBars:
    """The tradable bars of a symbol; every array has one element per bar.

    Attributes
    ----------
    raw
        Prices as the file has them.
    factor
        The cumulative adjustment factor.
    """

    symbol: str
    timezone: str
    time: NDArray[np.int64]
    session: NDArray[np.datetime64]
    raw: Prices
    volume: Floats
    factor: Floats
    has_one_per_session: bool

    @classmethod
    def of(cls, bars: Bars) -> TradedBars:
        # A slice gives views. Nearly all symbols trade in all bars, and a mask would copy six
        # columns.
        keep: Any = slice(None) if bars.all_tradable else bars.tradable
        session = bars.session[keep]
        return cls(
            symbol=bars.symbol,
            timezone=bars.timezone,
            time=bars.time[keep],
            session=session,
            raw=bars.raw if bars.all_tradable else bars.raw[keep],
            volume=bars.volume[keep],
            factor=bars.factor[keep],
            has_one_per_session=_has_one_per_session(session),
        )

    def __len__(self) -> int:
        return len(self.time)

    @cached_property
    def is_daily(self) -> bool:
        """Whether these are days, and no weeks or months."""
        if not self.has_one_per_session:
            return False
        # Weeks and months have pauses of 7 days and more. Days have one of 3 per week, longer ones
        # only at holidays.
        return 2 * int(np.count_nonzero(self.pauses > 4)) <= len(self.pauses)

    @cached_property
    def is_five_day(self) -> bool:
        """Whether the market rests at weekends."""
        return self.weekend_share < MAX_WEEKEND_SHARE

    @cached_property
    def is_every_day(self) -> bool:
        """Whether the market never rests."""
        return self.weekend_share >= EVERY_DAY_SHARE

    @cached_property
    def weekend_share(self) -> float:
        """Share of Saturdays and Sundays."""
        # numpy's business days are Monday to Friday. It knows no holidays, which are of no interest
        # here.
        return int(np.count_nonzero(~np.is_busday(self.session))) / len(self)

    @cached_property
    def weekday(self) -> NDArray[np.int64]:
        """0 is Monday."""
        # 1970-01-01, day 0, was a Thursday.
        return (self.session.view(np.int64) + 3) % 7

    @cached_property
    def pauses(self) -> NDArray[np.int64]:
        """Days from each session to the next one."""
        days = self.session.view(np.int64)
        return days[1:] - days[:-1]

    @cached_property
    def ratio(self) -> Floats:
        """Adjusted close over the one before; 1 for the first bar."""
        return np.concatenate(([1.0], self._steps(slice(0, len(self)))))

    @cached_property
    def ratio_range(self) -> tuple[float, float]:
        """The least and the greatest `ratio`; NaN if one is NaN."""
        # A block needs the close after it, too.
        parts = [slice(part.start, part.stop + 1) for part in blocks(len(self) - 1)]
        # The last elements stay 1, which is the ratio of the first bar.
        least, most = np.ones(len(parts) + 1), np.ones(len(parts) + 1)
        for at, part in enumerate(parts):
            steps = self._steps(part)
            least[at], most[at] = steps.min(), steps.max()
        return float(least.min()), float(most.max())

    def _steps(self, part: slice) -> Floats:
        # Not divided by the last factor: it cancels out in the ratio.
        adjusted = self.raw.close[part] * self.factor[part]
        return adjusted[1:] / adjusted[:-1]

    @cached_property
    def is_in_range(self) -> bool:
        """Whether each open and close is between low and high."""
        return self._facts[0]

    @cached_property
    def largest_spike(self) -> float:
        """The largest ratio of a high to the higher one of open and close, or of the lower one to
        the low."""
        return self._facts[1]

    @cached_property
    def _facts(self) -> tuple[bool, float]:
        is_in_range, largest = True, 0.0
        for part in blocks(len(self)):
            raw = self.raw[part]
            top, bottom = np.maximum(raw.open, raw.close), np.minimum(raw.open, raw.close)
            is_in_range &= bool(np.all(top <= raw.high) and np.all(bottom >= raw.low))
            # A NaN fails the comparison within `max`, so that it never becomes the largest.
            largest = max(largest, (raw.high / top).max(), (bottom / raw.low).max())
        return is_in_range, float(largest)

    @cached_property
    def has_volume(self) -> bool:
        """Whether every bar has a positive volume."""
        # A NaN is the minimum of its array, and fails the comparison.
        return bool(self.volume.min() > 0)

    @cached_property
    def is_china(self) -> bool:
        """Whether these are daily bars of a stock in Shanghai, Shenzhen or Beijing."""
        is_stock = bool(CHINA_SYMBOL.fullmatch(self.symbol))
        return self.is_daily and self.timezone in CHINA_ZONES and is_stock

    @cached_property
    def same_as_before(self) -> NDArray[np.bool_]:
        """Whether a bar has the same four prices as the one before; false for the first."""
        same = np.zeros(len(self), np.bool_)
        columns = (self.raw.open, self.raw.high, self.raw.low, self.raw.close)
        same[1:] = np.logical_and.reduce([values[1:] == values[:-1] for values in columns])
        return same

    def day(self, bar: int) -> str:
        """Return the bar's session, with the time if there are several bars per session."""
        if self.has_one_per_session:
            return str(self.session[bar])
        return f"{str(self.time[bar].astype('datetime64[ns]'))[:16]}Z"


@dataclass(frozen=True)
class Runs:
    """The runs of successive bars for which something holds: first positions and lengths."""

    first: NDArray[np.intp]
    length: NDArray[np.intp]

    def longest(self) -> tuple[int, int]:
        """Return the first position and the length of the longest run."""
        run = int(np.argmax(self.length))
        return int(self.first[run]), int(self.length[run])


def runs_of(mask: NDArray[np.bool_], minimum: int) -> Runs | None:
    """Return the runs of true elements with at least `minimum` of them; None without any."""
    if np.count_nonzero(mask) < minimum:
        return None
    # The positions at which the mask changes: a first one, the one after its last, and so on in
    # turn. False beside both ends closes the runs there.
    edges = np.flatnonzero(np.diff(mask, prepend=False, append=False))
    first, after = edges[::2], edges[1::2]
    keep = after - first >= minimum
    return Runs(first[keep], (after - first)[keep]) if keep.any() else None


def _has_one_per_session(session: NDArray[np.datetime64]) -> bool:
    """Whether nearly all sessions have one bar."""
    # One bar in a hundred may be a second one, as a row that a vendor wrote twice.
    return int(np.count_nonzero(session[1:] == session[:-1])) <= 0.01 * len(session)
