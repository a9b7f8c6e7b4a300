"""Bars with numbers of our own, and the texts that vendors' layouts make from them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from zoneinfo import ZoneInfo

__all__ = ["BARS", "DAYS", "EXPECTED", "epoch", "minutes", "table"]

UTC = dt.UTC


def _bars() -> list[tuple[float, float, float, float, int]]:
    rows = []
    close = 20.0
    for place in range(30):
        opening = close + 0.05
        close = round(20 + (place * 7 % 11) * 0.31 - (place * 5 % 13) * 0.17, 2)
        opening = round(opening, 2)
        high = round(max(opening, close) + 0.11 + place % 3 * 0.02, 2)
        low = round(min(opening, close) - 0.13 - place % 4 * 0.01, 2)
        rows.append((opening, high, low, close, 1_000 * (place + 3) + 100 * (place % 5)))
    return rows


def _days() -> list[dt.date]:
    day = dt.date(2021, 5, 17)
    days: list[dt.date] = []
    while len(days) < 30:
        if day.weekday() < 5:
            days.append(day)
        day += dt.timedelta(1)
    return days


BARS = _bars()
DAYS = _days()
EXPECTED = [(str(day), *map(float, bar)) for day, bar in zip(DAYS, BARS, strict=True)]


def table(
    rows: Iterable[Sequence[object]], header: str | None = None, mark: str = ",", end: str = "\n"
) -> str:
    """Return rows as text."""
    lines = [] if header is None else [header]
    lines += [mark.join("" if cell is None else str(cell) for cell in row) for row in rows]
    return end.join(lines) + end


def minutes(start: str, zone: str, step: int = 1) -> list[dt.datetime]:
    """Return moments in UTC, `step` minutes apart, from a local time on."""
    first = dt.datetime.fromisoformat(start).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    return [first + dt.timedelta(minutes=step * place) for place in range(len(BARS))]


def epoch(moment: dt.datetime | dt.date, unit: int = 1) -> int:
    """Return a moment, or the midnight of a day in UTC, in seconds since 1970 times `unit`."""
    if not isinstance(moment, dt.datetime):
        moment = dt.datetime.combine(moment, dt.time(), UTC)
    return round(moment.timestamp()) * unit
