"""Build an `Outcome` from a finished run of backtrader."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backfleet.engine import EQUITY, FILL, NOT_YET, ORDER, TRADE, Outcome, Records
from backfleet.engines.broker import not_traded
from backfleet.engines.feed import FeedColumns
from backfleet.engines.recorder import ACCOUNT, FILLS, ORDERS, Recorder

__all__ = ["build_outcome"]

Columns = Mapping[str, NDArray[np.float64]]

TRADES = ("symbol", "opened", "closed", "size", "price", "pnl", "pnl_net", "commission", "bars")
TIMES = ("time", "created", "closed", "opened")


@dataclass(frozen=True, eq=False)
class BarTimes:
    """Conversion of backtrader's times to `Bars.time`: `numbers` ascend, `time` belongs to them."""

    numbers: NDArray[np.float64]
    time: NDArray[np.int64]

    @classmethod
    def of(cls, columns: Sequence[FeedColumns]) -> BarTimes:
        numbers = np.concatenate([feed.numbers for feed in columns])
        time = np.concatenate([feed.time for feed in columns])
        if len(columns) == 1:
            return cls(numbers, time)
        # `return_index` gives the first of equal numbers, which is a symbol's before an auxiliary
        # feed's. Daily bars of one session share a number, and their `time` may differ.
        unique, first = np.unique(numbers, return_index=True)
        return cls(unique, time[first])

    def times(self, numbers: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return backtrader's numbers as int64 nanoseconds; NaN becomes NOT_YET."""
        times = np.full(len(numbers), NOT_YET, np.int64)
        known = ~np.isnan(numbers)
        # An exact match: every time of backtrader's is the number of some bar of these columns.
        times[known] = self.time[np.searchsorted(self.numbers, numbers[known])]
        return times


def build_outcome(strategy: Any, columns: Sequence[FeedColumns], traded: int) -> Outcome:
    """Return the outcome of a strategy's run.

    Parameters
    ----------
    strategy
        The strategy after the run, with a `Recorder` among its analyzers.
    columns
        The columns of its feeds: the task's symbols, then the auxiliary feeds.
    traded
        The number of the task's symbols.

    Raises
    ------
    ValueError
        If the strategy traded an auxiliary feed.
    """
    recorder = strategy.analyzers.getbyname(Recorder.NAME)
    recorder.catch_up()
    bar_times = BarTimes.of(columns)
    # A strategy of any kind may leave scalars in this attribute.
    metrics = getattr(strategy, "metrics", None)
    orders, fills = _orders(recorder), _columns(FILLS, recorder.fills)
    _check_traded(orders["symbol"], recorder, traded)
    return Outcome(
        equity=_equity(strategy, recorder.account, bar_times, columns[:traded]),
        orders=_records(ORDER, {**orders, "number": np.arange(len(orders["ref"]))}, bar_times),
        fills=_records(
            # Orders are sorted by their references, which backtrader counts up, so that a search
            # finds the row of each fill's order.
            FILL,
            {**fills, "order": orders["ref"].searchsorted(fills["ref"])},
            bar_times,
        ),
        trades=_records(TRADE, _trades(recorder), bar_times),
        metrics={} if metrics is None else metrics,
        strategy=strategy,
    )


def _columns(names: tuple[str, ...], rows: array[float]) -> Columns:
    # Views of the rows of `Recorder`, not copies
    table = np.frombuffer(rows, np.float64).reshape(-1, len(names))
    return dict(zip(names, table.T, strict=True))


def _records(
    dtype: np.dtype[Any], columns: Mapping[str, NDArray[Any]], bar_times: BarTimes
) -> Records:
    """Return columns as records, with their times in nanoseconds."""
    names = dtype.names or ()
    records = np.empty(len(columns[names[-1]]), dtype)
    for name in names:
        values = columns[name]
        records[name] = bar_times.times(values) if name in TIMES else values
    return records


def _orders(recorder: Recorder) -> Columns:
    """Return the orders in the order of their creation, in their final state."""
    columns = _columns(ORDERS, recorder.orders)
    rows = np.argsort(columns["ref"], kind="stable")
    return {name: values[rows] for name, values in columns.items()}


def _trades(recorder: Recorder) -> Columns:
    """Return the trades in the order in which they were opened."""
    rows = array("d")
    # A reference is given when a trade begins, which makes it the order in which they were opened.
    for symbol, trade, size in sorted(recorder.trades(), key=lambda item: item[1].ref):
        closed = trade.isclosed
        # While a trade is open, backtrader's barlen is that of its last fill.
        bars = trade.barlen if closed else len(trade.data) - trade.baropen
        done = trade.dtclose if closed else np.nan
        sums = (trade.price, trade.pnl, trade.pnlcomm, trade.commission)
        rows.extend((symbol, trade.dtopen, done, size, *sums, bars))
    return _columns(TRADES, rows)


def _check_traded(symbols: NDArray[np.float64], recorder: Recorder, traded: int) -> None:
    # Auxiliary feeds are numbered behind the symbols.
    wrong = symbols[symbols >= traded]
    if len(wrong):
        raise not_traded(recorder.name_of(int(wrong[0])))


def _equity(
    strategy: Any, account: array[float], bar_times: BarTimes, traded: Sequence[FeedColumns]
) -> Records:
    columns = _columns(ACCOUNT, account)
    moments = np.array(strategy.lines.datetime.array[: len(columns["value"])])
    equity = _records(EQUITY, {**columns, "time": moments}, bar_times)
    # Without the warm-up
    counts = equity["time"] >= min(feed.start for feed in traded)
    if len(traded) < len(strategy.datas):
        # An auxiliary feed may have bars at which no symbol has one.
        counts &= np.isin(equity["time"], np.concatenate([feed.time for feed in traded]))
    return equity[counts]
