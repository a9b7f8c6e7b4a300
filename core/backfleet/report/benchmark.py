"""The benchmark of a task's account: its own symbols, or another one, bought and held."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from backfleet.bars import Bars, BarsWindow
from backfleet.errors import DataError
from backfleet.job import BUY_AND_HOLD
from backfleet.plan.data import open_bar_cache, planned_source
from backfleet.report.task_account import TaskAccount
from backfleet.report.task_prices import TaskPrices, price_frame, reason_of
from backfleet.runs.run import Run
from backfleet.sources.adjustment import ALREADY_ADJUSTED

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Benchmark", "task_benchmark"]

DAY_FORMAT = "%Y-%m-%d"


@dataclass(frozen=True, eq=False)
class Benchmark:
    """The account beside which a task's account is drawn.

    Attributes
    ----------
    symbol
        None where it is the task's own symbols.
    value
        An account that starts with the task's cash, indexed as the task's; None where it cannot be
        had.
    missing
        Why it cannot be had.
    lacking
        Which part of the task's time it has no bars for, in sentences.
    kind
        In a market, whether dividends are in its prices: an account receives them, and no rule
        applies to a benchmark.
    """

    symbol: str | None
    value: pd.Series | None
    missing: str = ""
    lacking: str = ""
    kind: str = ""

    @property
    def label(self) -> str:
        """The name in legends and key figures."""
        if self.symbol is None:
            return "buy and hold"
        kind = f" ({self.kind})" if self.kind else ""
        return f"{self.symbol} bought and held{kind}"


def task_benchmark(
    run: Run, account: TaskAccount, prices: TaskPrices, asked: str | None = None
) -> Benchmark:
    """Return the job's benchmark of a task, or the one `asked` for: a symbol, or `buy-and-hold`.

    If the one that was asked for cannot be read, raises DataError or whatever its source raises. If
    the job's cannot be read, the benchmark says why in `missing`.
    """
    symbol = run.manifest.benchmark if asked is None else asked
    if symbol in (None, BUY_AND_HOLD):
        return Benchmark(None, _own_symbols(prices, account))
    try:
        return _other_symbol(run, symbol, account)
    except Exception as error:
        # A source that is a plugin may raise anything; the rest of the report stands without it.
        if asked is not None:
            raise
        return Benchmark(symbol, None, reason_of(error))


def _own_symbols(prices: TaskPrices, account: TaskAccount) -> pd.Series | None:
    """Return the value of all symbols, bought for equal parts of the cash without costs.

    Each is bought at its first close, and its part is cash until then. None without prices.
    """
    closes = [frame["close"] for frame in prices.frames.values() if len(frame)]
    if not closes:
        return None
    growth = [_growth(close, account) for close in closes]
    # The start value of `sum` would be a plain 0, so it is the first series.
    total: pd.Series = sum(growth[1:], growth[0]) * (account.cash / len(growth))
    return total


def _other_symbol(run: Run, symbol: str, account: TaskAccount) -> Benchmark:
    bars = _bars(run, symbol)
    closes = _closes(bars, account)
    if closes.empty:
        raise DataError(f"{symbol} has no bar that could be traded")
    # Daily bars have midnight as their time. A comparison with the midnight of the account's last
    # bar counts the whole session.
    first, last = account.times[0], account.times[-1]
    if closes.index[0] > last or closes.index[-1] < first.normalize():
        raise DataError(
            f"{symbol} has no bars from {first:{DAY_FORMAT}} to {last:{DAY_FORMAT}}; "
            f"its bars go from {closes.index[0]:{DAY_FORMAT}} to {closes.index[-1]:{DAY_FORMAT}}"
        )
    lacking = []
    if closes.index[0] > first:
        lacking.append(
            f"It has no bars before {closes.index[0]:{DAY_FORMAT}}, and is cash until then."
        )
    if closes.index[-1] < last.normalize():
        lacking.append(
            f"It has no bars after {closes.index[-1]:{DAY_FORMAT}}, and stays as it was then."
        )
    value = _growth(closes, account) * account.cash
    kind = "" if run.manifest.identity.market is None else _kind(bars)
    return Benchmark(symbol, value, lacking=" ".join(lacking), kind=kind)


def _kind(bars: Bars) -> str:
    has_dividends = bars.adjustment == ALREADY_ADJUSTED or bool((bars.factor != 1.0).any())
    return "total return" if has_dividends else "price return"


def _bars(run: Run, symbol: str) -> Bars:
    """Read all bars of a symbol, adjusted, from the location of the run's data."""
    # The further columns are the strategy's, and a benchmark may lack them.
    data = replace(run.manifest.identity.data, columns=())
    source = planned_source(data, run.task_context().data_path)
    with open_bar_cache(data.source.name) as bar_cache:
        # The window of all bars, adjusted to the last one.
        return bar_cache.load(source, symbol)[0].window(BarsWindow())


def _closes(bars: Bars, account: TaskAccount) -> pd.Series:
    """Return closes, indexed by the time at which a task with this account first knows them."""
    import pandas as pd

    close: pd.Series = price_frame(bars)["close"]
    # A daily account: the session's close is known at its bar, whenever in the day that was.
    if (account.times == account.times.normalize()).all():
        close = close.set_axis(pd.DatetimeIndex(close.index).normalize())
    elif bars.is_daily:
        # A daily bar has its session's midnight, and its close is known when the session is over.
        close = close.shift(freq="D")
    # A time may come up twice: where clocks are set back, and where a session has many bars.
    last: pd.Series = close.groupby(level=0).last()
    return last


def _growth(close: pd.Series, account: TaskAccount) -> pd.Series:
    """Return the last known close at each of the account's bars, divided by the first of them; 1
    until there is one."""
    # The first known close also stands for the time before it, in which growth is therefore 1.
    known = close.reindex(account.times, method="ffill").bfill()
    growth: pd.Series = known / known.iloc[0]
    return growth
