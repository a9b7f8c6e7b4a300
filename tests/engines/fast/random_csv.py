"""Random CSV feeds, most of them sound and all of them odd in some way at times."""

# mypy: allow-subclassing-any

from __future__ import annotations

import datetime
import io
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from backfleet.engines.bt import bt

__all__ = ["CsvCase", "random_case"]

KINDS = ("generic", "generic", "generic", "own line", "mt4", "sierra", "yahoo", "yahoo", "own")
DAY_FORMATS = ("%Y-%m-%d", "%Y%m%d", "%d.%m.%Y", "%m/%d/%Y", "%d-%b-%Y", "%Y-%m-%d %H:%M:%S")
ODD_NUMBERS = ("", " ", "nan", "-inf", "1_0", " 7.5 ", "x", "null", "1e400", "0", "-0.0", "٣")
ODD_DATES = ("", "null", "2020-02-30", "2020-13-01", "٢٠٢٠-01-01", "2020-1-2", "20200101x")


class WithRatio(bt.feeds.GenericCSVData):
    lines = ("ratio",)
    params = (("ratio", 7),)


@dataclass(frozen=True)
class CsvCase:
    """A file and the feed that reads it.

    Attributes
    ----------
    text
        The file's content.
    newline
        How the script opens the file; "path" leaves that to backtrader, "memory" is a `StringIO`.
    """

    feed_class: Any
    options: dict[str, Any]
    text: str
    newline: str | None

    def feed(self, path: Path) -> Any:
        """Make the feed, with the content in a file at `path`."""
        if self.newline == "memory":
            return self.feed_class(dataname=io.StringIO(self.text), name="x", **self.options)
        path.write_text(self.text, newline="")
        if self.newline == "path":
            return self.feed_class(dataname=str(path), **self.options)
        file = path.open(newline=self.newline)
        return self.feed_class(dataname=file, name="x", **self.options)


def random_case(random: Random) -> CsvCase:
    kind = random.choice(KINDS)
    build = {"yahoo": _yahoo, "own": _own}.get(kind, _generic)
    options: dict[str, Any] = _window(random)
    separator = random.choices((",", ";", "\t", "::", "aa"), (12, 3, 3, 1, 1))[0]
    cls, more, rows = build(random, kind)
    options |= more
    if separator != "," and random.random() < 0.95:
        options["separator"] = separator
    rows = _disturbed(random, rows)
    header = random.random() < 0.8
    if header:
        rows.insert(0, ["some", "header"])
    if header != (random.random() < 0.03):
        options["headers"] = header
    else:
        options["headers"] = not header
    text = "\n".join(separator.join(row) for row in rows)
    text += random.choices(("\n", "", "\n\n"), (16, 4, 1))[0]
    if random.random() < 0.15:
        text = text.replace("\n", random.choice(("\r\n", "\r")))
    newline = random.choice(("path", "path", "path", "memory", None, ""))
    return CsvCase(cls, options, text, newline)


def _window(random: Random) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for name in ("fromdate", "todate"):
        if random.random() < 0.35:
            moment = datetime.datetime(2020, 1, 1) + datetime.timedelta(hours=random.randrange(900))
            options[name] = moment.date() if random.random() < 0.5 else moment
    if random.random() < 0.2:
        options["sessionend"] = random.choice(
            (datetime.time(16), datetime.time(0), datetime.datetime(2020, 1, 1, 17, 30, 15, 7))
        )
    if random.random() < 0.2:
        options["timeframe"] = random.choice((bt.TimeFrame.Minutes, bt.TimeFrame.Weeks))
    return options


def _moments(random: Random) -> list[datetime.datetime]:
    step = random.choice((60, 3600, 86400, 86400, 86400))
    moment = datetime.datetime(2020, 1, 1, random.choice((0, 0, 9)))
    moments = []
    for _ in range(random.choice((0, 1, 3, 5, 12, 20, 30))):
        moments.append(moment)
        moment += datetime.timedelta(seconds=step * random.choice((1, 1, 1, 3)))
    if random.random() < 0.1:
        moments.reverse()
    elif random.random() < 0.1:
        random.shuffle(moments)
    return moments


def _price(random: Random) -> str:
    digits = random.choice((0, 1, 2, 2, 3, 6, 17))
    return f"{random.choice((1, 10, 100, 0.001)) * random.random() + 1:.{digits}f}"


def _prices(random: Random, count: int) -> list[str]:
    return [_price(random) for _ in range(count)]


def _generic(random: Random, kind: str) -> tuple[Any, dict[str, Any], list[list[str]]]:
    moments = _moments(random)
    if kind == "mt4":
        rows = [[f"{m:%Y.%m.%d}", f"{m:%H:%M}", *_prices(random, 5)] for m in moments]
        return bt.feeds.MT4CSVData, {}, rows
    if kind == "sierra":
        return (
            bt.feeds.SierraChartCSVData,
            {},
            [[f"{m:%Y/%m/%d}", *_prices(random, 6)] for m in moments],
        )
    cls = WithRatio if kind == "own line" else bt.feeds.GenericCSVData
    columns = 7 if kind == "own line" else 6
    options: dict[str, Any] = {}
    way = random.randrange(6)
    if way == 0:
        options |= {"dtformat": 1}
        dates = [[str(int(m.replace(tzinfo=datetime.UTC).timestamp()))] for m in moments]
    elif way == 1:
        options |= {"dtformat": 2}
        dates = [[f"{m.replace(tzinfo=datetime.UTC).timestamp() + 0.1234567}"] for m in moments]
    elif way == 2:
        options |= {"dtformat": lambda text: datetime.datetime.fromisoformat(text)}
        dates = [[m.isoformat()] for m in moments]
    else:
        date_format = random.choice(DAY_FORMATS)
        options |= {"dtformat": date_format}
        dates = [[m.strftime(date_format)] for m in moments]
        if random.random() < 0.3:
            dates = [[text[0].replace("/0", "/").lstrip("0")] for text in dates]
    rows = [[*date, *_prices(random, columns)] for (date,) in zip(dates, strict=True)]
    if random.random() < 0.3 and way > 2:
        time_format = random.choice(("%H:%M", "%H:%M:%S", "%H%M", "%I:%M %p"))
        options |= {"time": len(rows[0]) if rows else 7, "tmformat": time_format}
        rows = [[*row, m.strftime(time_format)] for row, m in zip(rows, moments, strict=True)]
    if random.random() < 0.5:
        options["openinterest"] = random.choice((-1, None, 6, 5))
    if random.random() < 0.2:
        options["nullvalue"] = random.choice((0.0, float("nan"), "7.5", "x"))
    if random.random() < 0.1:
        options |= {"high": random.choice((-1, 3, 11, None)), "volume": -1}
    if random.random() < 0.05:
        options["tz"] = datetime.UTC
    if random.random() < 0.05:
        options["tzinput"] = datetime.UTC
    return cls, options, rows


def _yahoo(random: Random, kind: str) -> tuple[Any, dict[str, Any], list[list[str]]]:
    rows = []
    for moment in _moments(random):
        row = [f"{moment:%Y-%m-%d}", *_prices(random, 5), str(random.randrange(10**6))]
        if random.random() < 0.05:
            row[random.randrange(7)] = "null"
        rows.append(row)
    names = ("reverse", "adjclose", "adjvolume", "round", "swapcloses")
    options: dict[str, Any] = {name: random.random() < 0.5 for name in names}
    options["reverse"] = random.random() < 0.15
    if random.random() < 0.5:
        options["decimals"] = random.choice((0, 1, 2, 3, 5, -1, None))
    if random.random() < 0.3:
        options["roundvolume"] = random.choice((0, 2, None, True))
    if random.random() < 0.1:
        rows = [row[:6] for row in rows]
    return bt.feeds.YahooFinanceCSVData, options, rows


def _own(random: Random, kind: str) -> tuple[Any, dict[str, Any], list[list[str]]]:
    moments = _moments(random)
    with_time = random.random() < 0.5
    rows = []
    for moment in moments:
        times = [f"{moment:%H:%M:%S}"] if with_time else []
        rows.append([f"{moment:%Y-%m-%d}", *times, *_prices(random, 6)])
    if random.random() < 0.1:
        rows = [[*row, "more"] for row in rows]
    return bt.feeds.BacktraderCSVData, {}, rows


def _disturbed(random: Random, rows: list[list[str]]) -> list[list[str]]:
    """Spoil single values and rows of a third of the files."""
    if not rows or random.random() > 0.3:
        return rows
    row = random.choice(rows)
    way = random.randrange(6)
    if way == 0:
        row[random.randrange(len(row))] = random.choice(ODD_NUMBERS)
    elif way == 1:
        row[0] = random.choice(ODD_DATES)
    elif way == 2:
        del row[random.randrange(len(row))]
    elif way == 3:
        row.append("")
    elif way == 4:
        rows.insert(random.randrange(len(rows)), [""])
    else:
        for fields in rows:
            fields[-1] = random.choice(("", fields[-1]))
    return rows
