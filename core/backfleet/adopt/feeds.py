"""The feeds of a run, as the strategy saw them: their lines go into files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backfleet.adopt.observation import CsvFeed, ObservedFeed, Statement, feed_file
from backfleet.adopt.python_code import PythonCode
from backfleet.engines.bt import bt

__all__ = ["LINES", "Feeds", "observed_feeds"]

LINES = ("open", "high", "low", "close", "volume", "openinterest", "datetime")
"""The lines of every feed."""
EPOCH = datetime(1970, 1, 1)
SPANS = {
    (bt.TimeFrame.Days, 1): "1d",
    (bt.TimeFrame.Weeks, 1): "1w",
    (bt.TimeFrame.Months, 1): "1mo",
    (bt.TimeFrame.Months, 3): "3mo",
    (bt.TimeFrame.Years, 1): "1y",
}
MINUTES_PER_DAY = 1440


@dataclass(frozen=True)
class Feeds:
    """The feeds of a run, statements for the strategy, notes, and why a job cannot have them."""

    feeds: tuple[ObservedFeed, ...]
    statements: tuple[Statement, ...]
    notes: tuple[str, ...]
    refusals: tuple[str, ...]


def observed_feeds(cerebro: Any, folder: Path, run: int) -> Feeds:
    """Write the lines of a run's feeds into files after its first pass, and describe the feeds."""
    traded = {id(data) for data in _traded(cerebro)}
    feeds, notes, refusals = [], [], []
    for position, feed in enumerate(cerebro.datas):
        label = feed._name or f"feed {position}"
        is_traded = id(feed) in traded
        refusals += _refusals(feed, label, is_traded)
        # backtrader converts a time when it is shown, and a job shows it without a conversion.
        if feed._tz is not None:
            notes.append(f"{label} has a time zone; in a job, the strategy sees its times in UTC")
        # After the pass, since a feed that is not preloaded has its bars only then.
        lines = _lines_of(feed)
        # numpy's types take an array of any name for its option `allow_pickle`.
        np.savez(folder / feed_file(run, position), **lines)  # type: ignore[arg-type]
        feeds.append(
            ObservedFeed(
                name=str(feed._name or ""),
                kind=type(feed).__name__,
                bars=len(lines["moment"]),
                extra=tuple(name for name in feed.getlinealiases() if name not in LINES),
                is_traded=is_traded,
                csv=_csv_of(feed),
                resampled=_span_of(feed) if _is_longer(feed) else None,
                origin=_position(cerebro.datas, feed.data) if _is_longer(feed) else None,
            )
        )
    statements = tuple(_compensations(cerebro.datas))
    return Feeds(tuple(feeds), statements, tuple(notes), tuple(refusals))


def _compensations(feeds: Sequence[Any]) -> Iterator[Statement]:
    """The statements that let trades of a feed change the position of another one."""
    for place, feed in enumerate(feeds):
        other = _position(feeds, feed._compensate)
        # None if the feed compensates no other one.
        if other is not None:
            code = PythonCode(f"self.datas[{place}].compensate(self.datas[{other}])")
            yield Statement("start", code, f"the compensation of feed {other} by feed {place}")


def _traded(cerebro: Any) -> Iterator[Any]:
    """The feeds that strategies have traded. A broker that does not check the cash at submission
    keeps no list of its orders."""
    broker = cerebro.broker
    # Orders that never filled count, too: the job must be able to place them.
    yield from (order.data for order in (*broker.orders, *broker.pending))
    for strategy in cerebro.runningstrats:
        # The keys are feeds; this also finds those whose orders the broker has forgotten.
        yield from strategy._trades


def _lines_of(feed: Any) -> dict[str, NDArray[Any]]:
    # The arrays can be longer than the bars, by what `lookahead` reserves.
    count = feed.buflen()
    lines = {
        name: np.array(getattr(feed.lines, name).array[:count], np.float64)
        for name in feed.getlinealiases()
    }
    moments = map(_moment, lines.pop("datetime"))
    # Integer arithmetic: a timestamp as a float has too few digits for microseconds.
    micros = [(moment - EPOCH) // datetime.resolution for moment in moments]
    return {**lines, "moment": np.array(micros, np.int64)}


def _moment(number: float) -> datetime:
    """The time of a number of backtrader's; `num2date` can be a microsecond beside it."""
    moment: datetime = bt.num2date(number)
    beside = (moment, moment + datetime.resolution, moment - datetime.resolution)
    return next((near for near in beside if bt.date2num(near) == number), moment)


def _refusals(feed: Any, label: str, is_traded: bool) -> list[str]:
    reasons = []
    if feed.replaying:
        reasons.append(
            f"{label} is replayed, and a job has no replay. Resample it with cerebro.resampledata"
        )
    elif _is_longer(feed) and is_traded:
        reasons.append(
            f"the strategy trades {label}, whose bars are resampled from another feed's; in a job, "
            "it can only look at them. Trade the other feed"
        )
    if feed.islive():
        reasons.append(f"{label} is a live feed")
    if not feed.buflen():
        reasons.append(f"{label} has no bars")
    return reasons


def _is_longer(feed: Any) -> bool:
    """Whether the bars of a feed are resampled from those of another one."""
    # A feed that is resampled itself, without a clone, is an ordinary feed with longer bars.
    return bool(feed.resampling and feed._clone)


def _position(feeds: Sequence[Any], feed: Any) -> int | None:
    return next((place for place, other in enumerate(feeds) if other is feed), None)


def _span_of(feed: Any) -> str:
    """The span of a resampled feed as a job writes it; empty if a job has no such span."""
    minutes = feed._compression
    is_intraday = feed._timeframe == bt.TimeFrame.Minutes and minutes < MINUTES_PER_DAY
    if is_intraday and MINUTES_PER_DAY % minutes == 0:
        return f"{minutes // 60}h" if minutes % 60 == 0 else f"{minutes}min"
    return SPANS.get((feed._timeframe, feed._compression), "")


def _csv_of(feed: Any) -> CsvFeed | None:
    """The file of a CSV feed that has a header and no filters; None for all else."""
    plain = isinstance(feed, bt.feed.CSVDataBase) and isinstance(feed.p.dataname, (str, Path))
    # Filters and resampling change the bars, so the file does not hold what the strategy saw.
    if not plain or feed._filters or feed.resampling or not feed.p.headers:
        return None
    columns = _columns_of(feed)
    if columns is None:
        return None
    date_format = _date_format(feed)
    return CsvFeed(str(Path(feed.p.dataname).absolute()), feed.p.separator, date_format, columns)


def _columns_of(feed: Any) -> dict[str, int] | None:
    prices = ("open", "high", "low", "close")
    if isinstance(feed, bt.feeds.GenericCSVData):
        if not isinstance(feed.p.dtformat, str):
            return None
        aliases = [name for name in feed.getlinealiases() if name != "datetime"]
        given = {name: getattr(feed.p, name) for name in aliases}
        given = {**given, "date": feed.p.datetime, "time": feed.p.time}
        # -1 or None stands for a column that is not there.
        columns = {name: int(i) for name, i in given.items() if i is not None and i >= 0}
        return columns if {"date", *prices} <= columns.keys() else None
    if isinstance(feed, bt.feeds.YahooFinanceCSVData):
        return {
            "date": 0,
            **{name: i for i, name in enumerate(prices, 1)},
            "adjclose": 5,
            "volume": 6,
        }
    if isinstance(feed, bt.feeds.BacktraderCSVData):
        names = (*prices, "volume")
        return {"date": 0, **{name: i for i, name in enumerate(names, 1)}}
    return None


def _date_format(feed: Any) -> str | None:
    if not isinstance(feed, bt.feeds.GenericCSVData):
        return None
    with_time = feed.p.time is not None and feed.p.time >= 0
    text: str = feed.p.dtformat + (f" {feed.p.tmformat}" if with_time else "")
    # The source `csv` reads these without being told.
    return None if text in ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S") else text
