"""Faults of the files of a source, all of them, and doubts about the bars that can be read."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from backfleet.bars import Bars
from backfleet.errors import DataError
from backfleet.source import Source
from backfleet.sources.doubts import find_doubts
from backfleet.sources.session_doubts import longest_pause
from backfleet.sources.traded_bars import TradedBars

__all__ = ["Checked", "Fault", "check_symbol", "find_gaps"]

MAX_LISTED = 20
"""Bad rows of one file after which the rest is not looked at."""

MIN_BARS = 5
MIN_SYMBOLS = 3
"""Symbols from which on their sessions are taken for the market's."""

ROW = re.compile(r"row ([0-9]+): ")
ENDLESS = "unsorted: "
"""Of a fault after which every further row may seem wrong."""

Days = NDArray[np.int32]


@dataclass(frozen=True)
class Fault:
    """Something wrong in a file.

    Attributes
    ----------
    file
        Its path or URL.
    row
        Counted as the file shows it, from 1; None where the whole file is meant.
    problem
        What is wrong.
    level
        A `fault` is refused by a run or is wrong for sure, a `doubt` may be wrong, and a `note` is
        usual in sound files.
    """

    file: str
    symbol: str
    row: int | None
    problem: str
    level: Literal["fault", "doubt", "note"] = "fault"


@dataclass(frozen=True, eq=False)
class Checked:
    """A symbol's file, looked through.

    Attributes
    ----------
    faults
        Rows that the source refuses, and doubts about the others.
    sessions
        Of the bars that it takes, in days; None if there are none, or if they are not daily.
    pause
        The most days between two sessions that are no gap.
    read_rows
        The row of each bar, as the file shows it, if rows were left out; else None.
    """

    symbol: str
    file: str
    bars: int
    faults: Sequence[Fault]
    sessions: Days | None = None
    pause: int = 0
    read_rows: Sequence[int] | None = None

    def sharing(self, known: dict[bytes, Days]) -> Checked:
        """Return the same with an array of sessions that equal ones share: most are equal."""
        if self.sessions is None:
            return self
        key = hashlib.sha256(self.sessions.tobytes()).digest()
        return replace(self, sessions=known.setdefault(key, self.sessions))


@dataclass(frozen=True, eq=False)
class _Rows:
    """The rows of a symbol's bars, as the file shows them."""

    source: Source
    checked: Checked

    @cached_property
    def _all(self) -> Sequence[int] | None:
        """The row of each bar; None if that cannot be told.

        The file is read again, because the rows of many large files need much memory.
        """
        if self.checked.read_rows is not None:
            return self.checked.read_rows
        try:
            content = self.source.read(self.checked.symbol)
        except DataError:
            return None
        return _rows(self.source, content, self.checked.bars)

    def of(self, bar: int) -> int | None:
        """Return the row of a bar."""
        return None if self._all is None else self._all[bar]


def check_symbol(source: Source, symbol: str) -> Checked:
    """Look through a symbol's input.

    In text files a row that is refused is taken out and the rest is looked at again; of other files
    only the first fault can be told.
    """
    origin = source.describe(symbol)
    faults: list[Fault] = []
    bars = None
    try:
        content = source.read(symbol)
    except DataError as error:
        return Checked(symbol, origin, 0, [_fault(origin, symbol, error)])
    # Each round parses the whole rest again: sources stop at the first fault and cannot continue
    # behind it.
    while bars is None and len(faults) < MAX_LISTED:
        try:
            bars = source.parse(symbol, content)
        except DataError as error:
            # A file is not at fault for having no rows after all have been taken out.
            if faults and not _lines(source, content):
                break
            faults.append(_fault(origin, symbol, error))
            # In an unsorted file every later row may be out of order, and removing one row at a
            # time never ends.
            rest = None if ENDLESS in faults[-1].problem else _without(content, faults)
            if rest is None:
                break
            content = rest
    if bars is None:
        return Checked(symbol, origin, 0, faults)
    # Days as int32: the sessions of all symbols are kept until the gaps are known.
    traded = TradedBars.of(bars)
    # Weeks and months lack most sessions, and have no gaps. A few bars do not show what they are.
    is_daily = bars.is_daily and (traded.is_daily or len(bars) < MIN_BARS)
    sessions = bars.session.astype(np.int64).astype(np.int32) if is_daily else None
    rows = _rows(source, content, len(bars)) if faults else None
    pause = longest_pause(traded)
    sound = Checked(symbol, origin, len(bars), [], sessions, pause, rows)
    numbers = _Rows(source, sound)
    more = [*_double_sessions(numbers, bars), *_doubts(numbers, bars)]
    return replace(sound, faults=[*faults, *more])


def _doubts(rows: _Rows, bars: Bars) -> Iterator[Fault]:
    checked = rows.checked
    for doubt in find_doubts(bars):
        # `find_gaps` has them, with the sessions of the other symbols.
        if doubt.kind != "gap":
            level: Literal["doubt", "note"] = "doubt" if doubt.is_serious else "note"
            # Finding a row reads the file again, and notes are too many for that.
            row = rows.of(doubt.bar) if doubt.is_serious else None
            yield Fault(checked.file, checked.symbol, row, doubt.text, level)


def find_gaps(source: Source, checked: Iterable[Checked]) -> Iterator[Fault]:
    """Sessions that a symbol lacks between its first and its last.

    A session is one that more than half of the symbols have of those that are listed then. With
    too few symbols to tell, a long pause is a gap, which is only a note.
    """
    daily = [file for file in checked if file.sessions is not None]
    market = _market(daily)
    for file in daily:
        assert file.sessions is not None
        pauses = np.diff(file.sessions)
        # Both arrays have one element per pair of neighboring sessions.
        missed = _missed(file.sessions, market)
        wrong = (missed > 0) if market is not None else pauses > file.pause
        for at in map(int, np.flatnonzero(wrong)):
            yield _gap(_Rows(source, file), at + 1, int(missed[at]))


def _fault(origin: str, symbol: str, error: DataError) -> Fault:
    text = str(error).removeprefix(f"{origin}: ")
    row = ROW.match(text)
    if row is None:
        return Fault(origin, symbol, None, text)
    return Fault(origin, symbol, int(row[1]), text[row.end() :])


def _without(content: bytes, faults: Sequence[Fault]) -> bytes | None:
    """A text file with the last fault's row left blank, so that the others keep their numbers."""
    row = faults[-1].row
    lines = content.split(b"\n")
    # A row that is refused though it is blank already, as within quotes, would be reported forever.
    # Row 1 names the columns, and a file without them has no readable rest.
    was_reported = any(fault.row == row for fault in faults[:-1])
    if row is None or row < 2 or row > len(lines) or was_reported or b"\0" in content:
        return None
    lines[row - 1] = b""
    return b"\n".join(lines)


def _double_sessions(rows: _Rows, bars: Bars) -> Iterator[Fault]:
    """Second bars of a session where most sessions have one: a daily file, and not quite."""
    days, count = np.unique(bars.session, return_counts=True)
    # Most sessions have several bars: an intraday file.
    if np.count_nonzero(count == 1) * 2 <= len(days):
        return
    for at in map(int, np.flatnonzero(bars.session[1:] == bars.session[:-1])):
        problem = f"session {bars.session[at]} occurs twice, and most sessions have one bar"
        yield Fault(rows.checked.file, bars.symbol, rows.of(at + 1), problem)


def _rows(source: Source, content: bytes, bars: int) -> Sequence[int] | None:
    """The row of each bar: sources leave out rows at the beginning only."""
    lines = _lines(source, content)
    # Counted from the end, since bars can lack the first rows: those of suspensions before any
    # price.
    return None if lines is None or len(lines) < bars else lines[len(lines) - bars :]


def _lines(source: Source, content: bytes) -> Sequence[int] | None:
    from backfleet.sources.csv_file import row_lines
    from backfleet.sources.parquet_file import MAGIC, open_parquet

    if content.startswith(MAGIC):
        return range(1, open_parquet("", content).file.metadata.num_rows + 1)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    return row_lines(text, getattr(source.options, "delimiter", ","))[1:]


def _market(daily: Sequence[Checked]) -> Days | None:
    """The sessions that most of the symbols listed then have; None with too few symbols."""
    if len(daily) < MIN_SYMBOLS:
        return None
    all_sessions = [_days(file) for file in daily]
    # Sorted on their own: how many symbols were listed by a day, and how many were gone, are
    # positions in these arrays.
    firsts = np.sort([sessions[0] for sessions in all_sessions])
    lasts = np.sort([sessions[-1] for sessions in all_sessions])
    # One counter per calendar day between the first and the last session of all symbols.
    counts = np.zeros(lasts[-1] - firsts[0] + 1, np.int32)
    for sessions in all_sessions:
        # Daily bars have distinct sessions, so that no index is there twice, which `+=` would count
        # once.
        counts[sessions - firsts[0]] += 1
    days = np.flatnonzero(counts).astype(np.int32)
    count = counts[days]
    days += firsts[0]
    # Symbols whose first session is not later than a day, less those whose last one is earlier.
    listed = np.searchsorted(firsts, days, "right") - np.searchsorted(lasts, days, "left")
    # Too few listed symbols tell nothing about the market, which holds for the first years of a
    # long history.
    kept: Days = days[(count * 2 > listed) & (listed >= MIN_SYMBOLS)]
    return kept


def _days(file: Checked) -> Any:
    assert file.sessions is not None
    return file.sessions


def _missed(sessions: Days, market: Days | None) -> NDArray[np.int64]:
    """Return the number of the market's sessions between each two of a symbol's."""
    if market is None:
        return np.zeros(len(sessions) - 1, dtype=np.int64)
    # The market's sessions that lie strictly between two sessions of the symbol.
    after = np.searchsorted(market, sessions[:-1], "right")
    before = np.searchsorted(market, sessions[1:], "left")
    return (before - after).astype(np.int64)


def _gap(rows: _Rows, at: int, missed: int) -> Fault:
    file = rows.checked
    last, following = (_days(file)[place] for place in (at - 1, at))
    words = "session" if missed == 1 else "sessions"
    lacking = f"{missed} {words} that other symbols have" if missed else ""
    lacking = lacking or f"{following - last - 1} days"
    days = [np.datetime64(int(day), "D") for day in (last, following)]
    problem = f"a gap: after {days[0]} comes {days[1]}, without {lacking}"
    return Fault(file.file, file.symbol, rows.of(at), problem, "fault" if missed else "note")
