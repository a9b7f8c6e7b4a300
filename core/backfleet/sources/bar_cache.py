"""`BarCache`: keeps the bars that a source has parsed, and maps them into memory later."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from backfleet.bar_length import find_length, length_words, nominal_ns
from backfleet.bars import Bars, BarsWindow
from backfleet.cache import cache_folder, write_quietly
from backfleet.errors import DataError
from backfleet.source import Source
from backfleet.sources.adjustment import ADJUSTED_BY
from backfleet.sources.doubts import find_doubts, one_line
from backfleet.sources.index import Index
from backfleet.sources.pack import SCHEMA, Days, pack, unpack

__all__ = [
    "BarCache",
    "Description",
    "SymbolData",
    "describe_bars",
    "parse_bars",
    "sessions_per_year",
]

MIN_DAYS_TO_COUNT = 90
"""A window of fewer days says too little about the number of sessions per year."""

DEFAULT_SESSIONS_PER_YEAR = 252.0
SATURDAY = 5
DAYS_PER_YEAR = 365.25


@dataclass(frozen=True)
class SymbolData:
    """Facts about a symbol's bars that a plan needs.

    Attributes
    ----------
    digest
        `Bars.digest()` of the window, warm-up included.
    bars
        How many bars the window has, warm-up included.
    warmup
        How many of them lie before its start.
    length
        The length of the bars in words: `15 minutes`, `1 day`, `unknown`.
    nominal_ns
        The same in nanoseconds, a month as 30 days and a year as 365; 0 if it is unknown.
    adjustment
        `Bars.adjustment`.
    doubt
        The serious doubts about the bars of the window, in one line.
    end_known
        Whether it is known when a bar is over: its length is known, or its time is its end.
    first, last
        The first and last session, without the warm-up.
    sessions_per_year
        `sessions_per_year` of the window without the warm-up.
    ex_dates
        How many corporate actions the books meet in the window; 0 without a market.
    unexplained
        The first ex-date in it that no action explains, in ISO 8601; empty if there is none.
    """

    digest: str
    bars: int
    first: date
    last: date
    warmup: int
    sessions_per_year: float
    length: str
    nominal_ns: int
    end_known: bool
    adjustment: str = ""
    doubt: str = ""
    ex_dates: int = 0
    unexplained: str = ""


@dataclass(frozen=True)
class Description:
    """What the bars of a symbol are, and what the index keeps of their input.

    Attributes
    ----------
    input
        The digest of the input.
    fingerprint
        The fingerprint of the input, if it was read and did not change meanwhile.
    """

    data: SymbolData
    input: str
    fingerprint: str | None


@dataclass(frozen=True)
class _Input:
    """The digest of the input that had this fingerprint."""

    fingerprint: str
    digest: str


@dataclass(frozen=True)
class _Windowed:
    """Facts about the window of the bars of an input."""

    input: str
    data: SymbolData


@dataclass(frozen=True, eq=False)
class _Shelf:
    """The part of the cache for one source with its settings."""

    folder: Path
    inputs: Index[_Input]
    additions: str
    windows: dict[BarsWindow, Index[_Windowed]] = field(default_factory=dict)

    def bars(self, symbol: str, digest: str) -> str:
        # With the symbol: a source may parse equal bytes differently for two symbols, or refuse one
        # of them.
        key = hashlib.sha256(f"{digest} {symbol}".encode()).hexdigest()[:32]
        # Path takes a while to join names.
        return f"{self.folder}/{key}.npy"

    def window(self, window: BarsWindow) -> Index[_Windowed]:
        if window not in self.windows:
            key = _hash(str(window.start), str(window.end), window.warmup, self.additions)
            self.windows[window] = Index(self.folder / f"window-{key}.json", _Windowed)
        return self.windows[window]

    def save(self) -> None:
        self.inputs.save()
        for index in self.windows.values():
            index.save()


class BarCache:
    """Loads bars through a cache on disk. A cache that cannot be written only makes it slower.

    Bars are kept under the digest of their input, the source's code, its options, time zone and
    columns, and the schema of `Bars`. An index of fingerprints spares reading the input again. Used
    as a context manager, it saves its indexes at the end.

    Parameters
    ----------
    code
        The hash of the source's code.
    folder
        Where to keep them; by default `bars` in backfleet's cache.
    additions
        What a subclass adds to the cached bars. Windows of bars with other additions are indexed
        apart.
    """

    def __init__(self, code: str, folder: Path | None = None, additions: str = "") -> None:
        self._code = code
        self._additions = additions
        self._folder = cache_folder() / "bars" if folder is None else folder
        # By identity of the source, which has no equality: its settings stay the same while it
        # lives.
        self._shelves: dict[Source, _Shelf] = {}
        self._days = Days()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.save()

    def load(self, source: Source, symbol: str) -> tuple[Bars, str]:
        """All bars of a symbol, unadjusted, and the SHA-256 of the input they come from.

        Raises
        ------
        DataError
            The symbol has no input, or it is refused.
        """
        bars, digest, fingerprint = self._load(source, symbol)
        self._keep_input(source, symbol, digest, fingerprint)
        return self._completed(bars), digest

    def reload(self, source: Source, symbol: str) -> tuple[Bars, str]:
        """As `load`, from the input itself, whatever the cache holds; renews the cache.

        Raises
        ------
        DataError
            The symbol has no input, or it is refused.
        """
        content, digest, fingerprint = _read(source, symbol)
        self._keep_input(source, symbol, digest, fingerprint)
        path = self._shelf(source).bars(symbol, digest)
        return self._completed(_parsed(source, symbol, content, path)), digest

    def digest(self, source: Source, symbol: str, window: BarsWindow) -> SymbolData:
        """Return the facts about the bars of a window, without loading the bars if they are known.

        Raises
        ------
        DataError
            The symbol has no input, it is refused, or no bar lies in the window.
        """
        known = self.known(source, symbol, window)
        if known is not None:
            return known
        description = self.describe(source, symbol, window)
        self.remember(source, symbol, window, description)
        return description.data

    def describe(self, source: Source, symbol: str, window: BarsWindow) -> Description:
        """Load the bars of a window and describe them, without a change of the indexes.

        Raises
        ------
        DataError
            As `digest`.
        """
        bars, digest, fingerprint = self._load(source, symbol)
        data = describe_bars(source, self._completed(bars), window)
        return Description(data, digest, fingerprint)

    def remember(
        self, source: Source, symbol: str, window: BarsWindow, description: Description
    ) -> None:
        """Keep a description, also of another process, in the indexes."""
        digest = description.input
        self._keep_input(source, symbol, digest, description.fingerprint)
        # The full input includes facts, so that an edited fact of a symbol makes its window
        # unknown.
        windowed = _Windowed(self._full_input(symbol, digest), description.data)
        self._shelf(source).window(window).put(symbol, windowed)

    def known(self, source: Source, symbol: str, window: BarsWindow) -> SymbolData | None:
        """Return what the bars of a window are, if that is known without reading anything.

        None also if the symbol has no input.
        """
        known = self._shelf(source).window(window).get(symbol)
        if known is None:
            return None
        try:
            digest = self._known_input(source, symbol)
            is_same = digest is not None and known.input == self._full_input(symbol, digest)
        except DataError:
            # A missing input, or a symbol without facts, is reported by the call that loads bars.
            return None
        return known.data if is_same else None

    def _completed(self, bars: Bars) -> Bars:
        """Return bars of the cache with all that the job adds to them."""
        return bars

    def _full_input(self, symbol: str, digest: str) -> str:
        """Return a digest of all that the bars follow from, by the digest of their input."""
        return digest

    def save(self) -> None:
        """Write the indexes, so that the next process reads no input that it need not."""
        for shelf in self._shelves.values():
            shelf.save()

    def _shelf(self, source: Source) -> _Shelf:
        if source not in self._shelves:
            settings = source.settings
            options = source.options.model_dump(mode="json")
            columns = list(settings.columns)
            key = _hash(SCHEMA, source.name, self._code, options, settings.timezone, columns)
            path = settings.path
            # Relative to the current folder, `data` can be another place tomorrow.
            location = path if "://" in path else os.path.abspath(path)
            # The location is no part of the key: bars are found by their content, wherever the
            # files are now. Only fingerprints belong to a place.
            folder = self._folder / key
            inputs = Index(folder / f"inputs-{_hash(location)}.json", _Input)
            self._shelves[source] = _Shelf(folder, inputs, self._additions)
        return self._shelves[source]

    def _unpacked(self, source: Source, symbol: str, path: str) -> Bars | None:
        settings = source.settings
        return unpack(path, symbol, settings.columns, settings.timezone, self._days)

    def _known_input(self, source: Source, symbol: str) -> str | None:
        known = self._shelf(source).inputs.get(symbol)
        if known is None or known.fingerprint != source.fingerprint(symbol):
            return None
        return known.digest

    def _load(self, source: Source, symbol: str) -> tuple[Bars, str, str | None]:
        """Return the bars in a symbol's input, its digest, and as `_read` its fingerprint."""
        known = self._known_input(source, symbol)
        if known is not None:
            bars = self._unpacked(source, symbol, self._shelf(source).bars(symbol, known))
            if bars is not None:
                return bars, known, None
        content, digest, fingerprint = _read(source, symbol)
        path = self._shelf(source).bars(symbol, digest)
        # Most inputs are new, and to ask costs less than to fail.
        bars = self._unpacked(source, symbol, path) if os.path.exists(path) else None
        return bars or _parsed(source, symbol, content, path), digest, fingerprint

    def _keep_input(
        self, source: Source, symbol: str, digest: str, fingerprint: str | None
    ) -> None:
        if fingerprint is not None:
            self._shelf(source).inputs.put(symbol, _Input(fingerprint, digest))


def _read(source: Source, symbol: str) -> tuple[bytes, str, str | None]:
    """Return a symbol's input, its digest, and its fingerprint if it did not change meanwhile."""
    before = source.fingerprint(symbol)
    content = source.read(symbol)
    digest = hashlib.sha256(content).hexdigest()
    # An input that changed while it was read has a fingerprint of neither content.
    is_same = before is not None and source.fingerprint(symbol) == before
    return content, digest, before if is_same else None


def _parsed(source: Source, symbol: str, content: bytes, path: str) -> Bars:
    bars = parse_bars(source, symbol, content)
    # Bars that are parsed are returned even if the disk is full.
    write_quietly(path, *pack(bars))
    return bars


def parse_bars(source: Source, symbol: str, content: bytes) -> Bars:
    """Return all bars in `content`, with their length. Raises DataError."""
    bars = source.parse(symbol, content)
    if not np.isnat(bars.length):
        return bars
    # A source of a plugin may leave the length open. It is found before the bars are cached.
    return replace(bars, length=find_length(bars.time, bars.session, bars.timezone))


def describe_bars(source: Source, bars: Bars, window: BarsWindow) -> SymbolData:
    """Return what the bars of a window are. Raises DataError if it has none."""
    used = bars.window(window)
    if not len(used):
        raise DataError(
            f"{source.describe(bars.symbol)}: {bars.symbol} has no bars {_range(window)}; "
            f"its sessions go from {bars.session[0]} to {bars.session[-1]}"
        )
    # The warm-up belongs to the digest, since indicators see it, but not to the span that is
    # reported.
    sessions = used.session[used.warmup :]
    return SymbolData(
        digest=used.digest(),
        bars=len(used),
        first=sessions[0].item(),
        last=sessions[-1].item(),
        warmup=used.warmup,
        length=length_words(used.length),
        nominal_ns=nominal_ns(used.length),
        adjustment=_adjustment(used),
        doubt=one_line(find_doubts(used)),
        end_known=used.stamp == "close" or not np.isnat(used.length),
        sessions_per_year=sessions_per_year(sessions),
        ex_dates=0 if used.events is None else len(used.events),
        unexplained="" if used.events is None else str(used.events.first_unexplained or ""),
    )


def _adjustment(used: Bars) -> str:
    """Return how prices are adjusted, in words, and whether that changes any of them."""
    # An import writes a factor in any case, also if it knows none or the vendor has adjusted.
    if used.adjustment.startswith(ADJUSTED_BY) and (used.factor == used.factor[0]).all():
        return f"as in the file: {used.adjustment}, which is the same for all bars"
    return used.adjustment


def _range(window: BarsWindow) -> str:
    parts = (("from", window.start), ("to", window.end))
    return " ".join(f"{word} {day}" for word, day in parts if day is not None)


def sessions_per_year(sessions: NDArray[np.datetime64]) -> float:
    """Return how many sessions a year has, from the sessions of some bars, ascending.

    Over a long span this is (sessions - 1) / years. In a short one, holidays and a missing session
    count too much, so it follows from the median distance of two sessions; days of which none is a
    Saturday or Sunday have 252.
    """
    is_new = sessions[1:] != sessions[:-1]
    count = 1 + int(np.count_nonzero(is_new))
    days = int((sessions[-1] - sessions[0]).astype(np.int64))
    if days >= MIN_DAYS_TO_COUNT:
        return round((count - 1) / (days / DAYS_PER_YEAR), 6)
    if count < 2:
        return DEFAULT_SESSIONS_PER_YEAR
    different = sessions[np.concatenate(([True], is_new))]
    # The median ignores holidays: daily bars of a few weeks have mostly distances of one day.
    distance = float(np.median(np.diff(different).astype(np.int64)))
    if distance == 1.0 and not _has_weekends(different):
        return DEFAULT_SESSIONS_PER_YEAR
    return round(DAYS_PER_YEAR / distance, 6)


def _has_weekends(sessions: NDArray[np.datetime64]) -> bool:
    # 1970-01-01 was a Thursday.
    weekdays = (sessions.astype("datetime64[D]").astype(np.int64) + 3) % 7
    return bool((weekdays >= SATURDAY).any())


def _hash(*facts: object) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]
