"""A slow and obvious reader of CSV files of bars, and a program that compares the sources with it.

It understands what docs/data.md promises and nothing else. Where a source accepts a file, this
reader must come to the same bars; where this reader does not understand a file, the source must
reject it.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from backfleet.bars import Bars
from backfleet.plan.data import open_source
from backfleet.source import SourceSettings

__all__ = ["compare", "slow_bars"]

MISSING = {"", "NA", "N/A", "NaN", "nan", "NULL", "null", "None"}
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", re.ASCII)
INFINITE = re.compile(r"[+-]?(inf|infinity)", re.IGNORECASE)
MOMENT = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"([ T]([0-9]{2})(:?([0-9]{2})(:?([0-9]{2})(\.([0-9]{1,9}))?)?)?"
    r"(Z|[+-][0-9]{2}(:?[0-9]{2})?)?)?",
    re.ASCII,
)
NAMES = ("open", "high", "low", "close", "volume", "factor", "tradable")
CN_DAILY = {
    "date": "tradedate",
    "open": "openprice",
    "high": "highestprice",
    "low": "lowestprice",
    "close": "closeprice",
    "volume": "turnovervol",
    "factor": "accumadjfactor",
    "tradable": "isopen",
}


@dataclass
class SlowBar:
    """One row. `time` is in nanoseconds since the epoch in UTC."""

    time: int
    session: date
    open: float
    high: float
    low: float
    close: float
    volume: float
    factor: float
    tradable: bool


def slow_bars(source: str, content: bytes, options: Mapping[str, str], zone: str) -> list[SlowBar]:
    """Read a file row by row. Raises ValueError for whatever it does not understand."""
    names, rows = _cells(content, options.get("delimiter", ","))
    columns = _columns(names, CN_DAILY if source == "cn-daily" else options)
    stamps = [" ".join(filter(None, (row[at] for at in columns["time"]))) for row in rows]
    moments = [_moment(stamp, options.get("date_format")) for stamp in stamps]
    times = _times(moments, zone)
    bars = [
        _bar(row, columns, time, session) for row, (time, session) in zip(rows, times, strict=True)
    ]
    if any(after.time <= before.time for before, after in pairwise(bars)):
        raise ValueError("times do not ascend")
    return _filled(bars)


def _cells(content: bytes, delimiter: str) -> tuple[list[str], list[list[str]]]:
    text = content.decode("utf-8-sig")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=False)
    try:
        table = [[cell.strip() for cell in row] for row in reader if row]
    except csv.Error as error:
        raise ValueError(str(error)) from None
    if len(table) < 2:
        raise ValueError("no rows")
    names, *rows = table
    if any(len(row) != len(names) for row in rows):
        raise ValueError("a ragged row")
    return names, rows


def _columns(names: Sequence[str], options: Mapping[str, str]) -> dict[str, Any]:
    def find(name: str) -> int | None:
        exact = [at for at, text in enumerate(names) if text == name]
        alike = exact or [at for at, text in enumerate(names) if text.lower() == name.lower()]
        if len(alike) > 1:
            raise ValueError(f"{name} is there twice")
        return alike[0] if alike else None

    columns: dict[str, Any] = {name: find(options.get(name, name)) for name in NAMES}
    for name in ("factor", "tradable"):
        if name not in options:
            columns[name] = None
    dates = [options["date"]] if "date" in options else ["date", "datetime", "time", "timestamp"]
    days = [at for at in map(find, dates) if at is not None]
    if not days or any(columns[name] is None for name in ("open", "high", "low", "close")):
        raise ValueError("a column is missing")
    clock = find(options.get("time", "time"))
    beside = "time" in options or ("date" not in options and names[days[0]].lower() == "date")
    columns["time"] = [days[0], clock] if beside and clock not in (None, days[0]) else [days[0]]
    return columns


def _moment(text: str, date_format: str | None) -> tuple[datetime, int]:
    """Return a moment in whole seconds, with its offset if it has one, and its nanoseconds."""
    if date_format is not None:
        moment = datetime.strptime(text, date_format)
        return moment.replace(microsecond=0), moment.microsecond * 1000
    match = MOMENT.fullmatch(text)
    if match is None:
        raise ValueError(f"no moment: {text!r}")
    year, month, day, _, hour, _, minute, _, second, _, fraction, offset, _ = match.groups()
    numbers = [int(part or 0) for part in (year, month, day, hour, minute, second)]
    moment = datetime(*numbers)
    if offset:
        moment = datetime.fromisoformat(f"{moment.isoformat()}{offset}")
    return moment, int((fraction or "").ljust(9, "0"))


def _times(moments: Sequence[tuple[datetime, int]], zone: str) -> list[tuple[int, date]]:
    if len({moment.tzinfo is None for moment, _ in moments}) > 1:
        raise ValueError("some moments have an offset")
    days = all(str(moment.time()) == "00:00:00" and not rest for moment, rest in moments)
    return [_time(moment, rest, ZoneInfo(zone), days) for moment, rest in moments]


def _time(moment: datetime, rest: int, zone: ZoneInfo, days: bool) -> tuple[int, date]:
    if moment.tzinfo is not None:
        return _nanoseconds(moment) + rest, moment.astimezone(zone).date()
    first, second = (moment.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if first.utcoffset() != second.utcoffset() and not days:
        raise ValueError("an unclear local time")
    # The later of both, of a midnight that does not exist, is the first instant of the day.
    exact = max if first.astimezone(UTC).astimezone(zone) != first else min
    instant = exact(first.astimezone(UTC), second.astimezone(UTC))
    if exact is max:
        while (instant - timedelta(minutes=1)).astimezone(zone).date() == moment.date():
            instant -= timedelta(minutes=1)
    return _nanoseconds(instant) + rest, moment.date()


def _nanoseconds(moment: datetime) -> int:
    gone = moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (gone.days * 86_400 + gone.seconds) * 10**9


def _number(text: str, *, may_miss: bool, finite: bool) -> float:
    if text in MISSING and may_miss:
        return float("nan")
    if not NUMBER.fullmatch(text) and not INFINITE.fullmatch(text):
        raise ValueError(f"no number: {text!r}")
    if finite and math.isinf(float(text)):
        raise ValueError(f"not finite: {text!r}")
    return float(text)


def _bar(row: Sequence[str], columns: Mapping[str, Any], time: int, session: date) -> SlowBar:
    tradable = True
    if columns["tradable"] is not None:
        words = {"true": True, "t": True, "yes": True, "y": True, "1": True}
        words |= {"false": False, "f": False, "no": False, "n": False, "0": False}
        word = row[columns["tradable"]].lower()
        if word not in words:
            raise ValueError(f"neither true nor false: {word!r}")
        tradable = words[word]

    def number(name: str, default: float, *, may_miss: bool) -> float:
        at = columns[name]
        return default if at is None else _number(row[at], may_miss=may_miss, finite=tradable)

    names = ("open", "high", "low", "close")
    opened, high, low, close = (number(name, 0, may_miss=not tradable) for name in names)
    factor = number("factor", 1.0, may_miss=not tradable)
    if tradable and not all(value > 0 for value in (opened, high, low, close, factor)):
        raise ValueError("not positive")
    if tradable and high < low:
        raise ValueError("high is below low")
    # A volume that is not there is unknown, and not zero.
    volume = number("volume", math.nan, may_miss=True)
    return SlowBar(time, session, opened, high, low, close, volume, factor, tradable)


def _filled(bars: list[SlowBar]) -> list[SlowBar]:
    """Rows without trading take the last known close; those before any price is known go."""
    result: list[SlowBar] = []
    traded = False
    for bar in bars:
        traded = traded or bar.tradable
        sound = 0 < bar.factor < math.inf
        known = bar.tradable or (not traded and sound and 0 < bar.close < math.inf)
        if not known and not result:
            continue
        if not known and not sound:
            bar.factor = next(past.factor for past in reversed(result))
        if not bar.tradable:
            close = bar.close if known else result[-1].close
            bar.open = bar.high = bar.low = bar.close = close
            bar.volume = 0.0
        result.append(bar)
    if not result:
        raise ValueError("no row has a price")
    return result


def compare() -> None:
    """Read the file `data/600519.csv` with the source that the arguments name, and compare."""
    source, options_text, zone = sys.argv[1:]
    options = json.loads(options_text)
    settings = SourceSettings("data", zone, (), options)
    opened = open_source(source, settings)
    try:
        content = opened.read("600519")
        bars = opened.parse("600519", content)
    except BaseException as error:
        _report(error)
    try:
        slow = slow_bars(source, Path("data/600519.csv").read_bytes(), options, zone)
    except ValueError as error:
        raise AssertionError(f"read {len(bars)} bars, and the slow reader none: {error}") from None
    _compare(bars, slow)
    print(f"{len(bars)} bars")


def _report(error: BaseException) -> None:
    from backfleet.errors import DataError

    if not isinstance(error, DataError):
        raise error
    assert str(error).startswith("data/600519.csv: "), str(error)
    print(error, file=sys.stderr)
    sys.exit(2)


def _compare(bars: Bars, slow: Sequence[SlowBar]) -> None:
    fast: dict[str, Any] = {
        "time": bars.time.tolist(),
        "session": [day.item() for day in bars.session],
        **{name: getattr(bars, name).tolist() for name in NAMES},
    }
    for name, values in fast.items():
        expected = [getattr(bar, name) for bar in slow]
        equal = len(values) == len(expected) and all(
            a == b or (a != a and b != b) for a, b in zip(values, expected, strict=True)
        )
        assert equal, f"{name}: {values} are not {expected}"
    assert np.all(np.diff(bars.time) > 0)
