"""Made-up daily bars, the same every time: trends, gaps, halts, limit days, splits."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from backfleet.bars import Bars, Prices

__all__ = ["MARKETS", "synthetic_bars"]

Floats = NDArray[np.float64]

FIRST = np.datetime64("2018-01-01", "D")
"""A Monday."""

BARS = 500
NOISE = 0.01
"""Standard deviation of the returns."""

MAX_MOVE = 0.1
"""The most that a price may move in a session, in the market `limits`."""


def synthetic_bars(market: str = "rising", bars: int = BARS, symbol: str | None = None) -> Bars:
    """Return daily bars of a market, on weekdays from 2018-01-01 on, in whole cents.

    Parameters
    ----------
    market
        One of `MARKETS`. "rising", "falling": a trend, with noise. "sideways": it comes back to
        where it was. "choppy": a random walk. "gaps": some opens lie 8 % off the close before.
        "halts": some bars, also several in a row, are not tradable. "limits": on some days all
        trades are at the price limit, 10 % off the close before. "splits": traded prices fall to a
        half or a tenth overnight, and `factor` makes up for it.
    bars
        How many, 20 at least.
    symbol
        The market's name where it is None.

    Raises
    ------
    ValueError
        If there is no such market, or too few bars are asked for.
    """
    if market not in _BUILDERS:
        raise ValueError(f"no market is named {market!r}; there are {', '.join(_BUILDERS)}")
    if bars < 20:
        raise ValueError(f"bars = {bars}: at least 20 are needed")
    # The seed: each market has numbers of its own, the same in every process.
    number = list(_BUILDERS).index(market)
    return _BUILDERS[market](symbol or market, np.random.default_rng(number), bars)


def _trend(drift: float) -> Callable[[str, np.random.Generator, int], Bars]:
    def build(symbol: str, draw: np.random.Generator, bars: int) -> Bars:
        return _daily(symbol, draw, drift + NOISE * draw.standard_normal(bars))

    return build


def _sideways(symbol: str, draw: np.random.Generator, bars: int) -> Bars:
    # Changes of a sine sum up to the sine, which stays between -1 and 1.
    swing = 0.1 * np.diff(np.sin(np.arange(bars + 1) / 12.0))
    return _daily(symbol, draw, swing + NOISE / 4 * draw.standard_normal(bars))


def _gaps(symbol: str, draw: np.random.Generator, bars: int) -> Bars:
    overnight = np.zeros(bars)
    # Up and down in turns, so that gaps make no trend.
    overnight[10::25] = 0.08 * (-1.0) ** np.arange(len(overnight[10::25]))
    return _daily(symbol, draw, NOISE * draw.standard_normal(bars), overnight)


def _halts(symbol: str, draw: np.random.Generator, bars: int) -> Bars:
    tradable = np.ones(bars, np.bool_)
    # Single bars, and below a twentieth of all bars in a row.
    tradable[7::40] = False
    tradable[bars // 2 : bars // 2 + bars // 20] = False
    # A halted price does not move.
    returns = np.where(tradable, NOISE * draw.standard_normal(bars), 0.0)
    return _daily(symbol, draw, returns, tradable=tradable)


def _limits(symbol: str, draw: np.random.Generator, bars: int) -> Bars:
    """Return bars of which some are at the limit all day, with one price for all four."""
    returns = NOISE * draw.standard_normal(bars)
    overnight = np.zeros(bars)
    overnight[12::30] = MAX_MOVE * (-1.0) ** np.arange(len(overnight[12::30]))
    # The limit is reached at the open, and the price stays there.
    returns[overnight != 0.0] = 0.0
    made = _daily(symbol, draw, returns, overnight)
    close = made.raw.close
    at_limit = overnight != 0.0
    high, low = (np.where(at_limit, close, prices) for prices in (made.raw.high, made.raw.low))
    opened = np.where(at_limit, close, made.raw.open)
    return _bars(symbol, Prices(opened, high, low, close), made.volume)


def _splits(symbol: str, draw: np.random.Generator, bars: int) -> Bars:
    made = _trend(0.001)(symbol, draw, bars)
    factor = np.ones(bars)
    # A split in two and one in ten. Adjusted prices go on without a step.
    factor[bars // 3 :] *= 2.0
    factor[bars * 2 // 3 :] *= 10.0
    prices = (made.open, made.high, made.low, made.close)
    # Higher prices to begin with: after a division by 20, cents would leave too few digits.
    raw = Prices(*(np.round(20.0 * column / factor, 2) for column in prices))
    adjusted = raw.adjusted(factor)
    return _bars(symbol, raw, made.volume * factor, factor=factor, prices=adjusted)


_BUILDERS: Mapping[str, Callable[[str, np.random.Generator, int], Bars]] = {
    "rising": _trend(0.002),
    "falling": _trend(-0.002),
    "sideways": _sideways,
    "choppy": _trend(0.0),
    "gaps": _gaps,
    "halts": _halts,
    "limits": _limits,
    "splits": _splits,
}

MARKETS = tuple(_BUILDERS)
"""The markets there are."""


def _daily(
    symbol: str,
    draw: np.random.Generator,
    returns: Floats,
    overnight: Floats | None = None,
    tradable: NDArray[np.bool_] | None = None,
) -> Bars:
    """Return bars from returns from open to close and from the close before to the open, as
    fractions."""
    jumps = np.zeros(len(returns)) if overnight is None else overnight
    # The close of each bar over the first price: overnight to the open, then to the close.
    path = np.cumprod((1.0 + returns) * (1.0 + jumps))
    close = np.round(50.0 * path, 2)
    opened = np.round(50.0 * path / (1.0 + returns), 2)
    reach = np.abs(NOISE / 2 * draw.standard_normal((2, len(returns))))
    # Never below open and close, so that every bar is possible.
    high = np.round(np.maximum(opened, close) * (1.0 + reach[0]), 2)
    low = np.round(np.minimum(opened, close) * (1.0 - reach[1]), 2)
    volume = np.round(draw.uniform(1e5, 1e6, len(returns)))
    if tradable is not None:
        volume[~tradable] = 0.0
    return _bars(symbol, Prices(opened, high, low, close), volume, tradable=tradable)


def _bars(
    symbol: str,
    raw: Prices,
    volume: Floats,
    *,
    factor: Floats | None = None,
    prices: Prices | None = None,
    tradable: NDArray[np.bool_] | None = None,
) -> Bars:
    count = len(volume)
    # Weekdays only.
    session = np.busday_offset(FIRST, np.arange(count))
    return Bars(
        symbol=symbol,
        time=session.astype("M8[ns]").view(np.int64),
        session=session,
        prices=raw if prices is None else prices,
        raw=raw,
        volume=volume,
        factor=np.ones(count) if factor is None else factor,
        tradable=np.ones(count, np.bool_) if tradable is None else tradable,
    )
