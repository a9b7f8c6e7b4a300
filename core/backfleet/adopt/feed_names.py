"""The feeds of a script that a job can trade, and the names that the job gives to all feeds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from backfleet.adopt.observation import ObservedFeed
from backfleet.sources.files import SYMBOL

__all__ = ["feed_names", "symbol_places"]

SPAN_NAMES = {"1d": "daily", "1w": "weekly", "1mo": "monthly", "3mo": "quarterly", "1y": "yearly"}


def symbol_places(feeds: Sequence[ObservedFeed]) -> list[int]:
    """Return the positions of the feeds that a job can trade.

    These are the first one, and all if the strategy trades several, but none that is resampled from
    another one.
    """
    plain = [place for place, feed in enumerate(feeds) if feed.resampled is None]
    # Only resampled feeds: a job needs some symbol, and takes the first one.
    first, *others = plain or [0]
    return [first, *others] if any(feeds[place].is_traded for place in others) else [first]


def feed_names(feeds: Sequence[ObservedFeed], symbols: Sequence[int]) -> list[str]:
    """Return a name for each feed: its own if possible.

    Of several symbols, each has resampled feeds of its own, whose names begin with the symbol's.
    """
    names = [_clean(feed.name) or _usual_name(place, feed) for place, feed in enumerate(feeds)]
    # Compared without case, since the names become files. The places make them distinct.
    if len({name.casefold() for name in names}) < len(names):
        width = len(str(len(names)))
        names = [f"{place:0{width}}-{name}" for place, name in enumerate(names)]
    if len(symbols) > 1:
        for place, feed in enumerate(feeds):
            if feed.resampled and feed.origin is not None and feed.origin in symbols:
                names[place] = f"{names[feed.origin]}.{_span_name(feed.resampled)}"
    return names


def _usual_name(place: int, feed: ObservedFeed) -> str:
    return _span_name(feed.resampled) if feed.resampled else f"DATA{place or ''}"


def _span_name(span: str) -> str:
    return SPAN_NAMES.get(span, span)


def _clean(name: str) -> str:
    """A feed's name as a symbol that can also name an auxiliary feed; of a path, the file's."""
    stem = Path(name).name if "/" in name or "\\" in name else name
    # Symbols such as ^GSPC and EURUSD=X keep their marks.
    text = re.sub(r"[^\w.^=-]+", "-", stem, flags=re.ASCII).strip("-.")[:60]
    return text if SYMBOL.fullmatch(text) else ""
