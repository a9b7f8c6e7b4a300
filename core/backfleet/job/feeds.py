"""`data.feeds`: the feeds of one strategy, by their names and in their order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["symbols_of_feeds"]

# Keys that would leave out a feed, which the strategy counts on by its position.
EXCLUDED = ("exclude", "on_bad_symbol")


def symbols_of_feeds(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the symbols and the universe of a data section with feeds; nothing if a feed has no
    name, which the check of the list reports.

    Raises ValueError if a key contradicts the feeds, or if an auxiliary feed is not among them.
    """
    # Each name once, in order; a name that is listed twice is reported by the check of the list.
    feeds = list(dict.fromkeys(name for name in data["feeds"] if name and isinstance(name, str)))
    if not feeds:
        return {}
    auxiliary = data.get("auxiliary")
    tables = auxiliary if isinstance(auxiliary, Mapping) else {}
    # `SYMBOL.NAME` is a symbol's resampled feed only if both parts are known: symbols such as BRK.B
    # have dots of their own.
    resampled = [name for name, table in tables.items() if _is_resampled(table)]
    plain = [name for name in feeds if name not in tables]
    parts = [name.rpartition(".") for name in plain]
    symbols = [
        name
        for name, (symbol, _, own) in zip(plain, parts, strict=True)
        if not (own in resampled and symbol in plain)
    ]
    if not symbols:
        raise ValueError("feeds must have a symbol, which is no auxiliary feed")
    _check_keys(data, symbols)
    for name in tables:
        names = _names(name, name in resampled, symbols)
        # An auxiliary feed of another symbol is one feed; of a resampled one, some symbol's is
        # enough.
        if not {*names} & {*feeds}:
            forms = " or ".join(f'"{form}"' for form in names)
            raise ValueError(f"feeds does not have the auxiliary feed {name!r}; add {forms}")
    return {"symbols": tuple(symbols), "universe": "portfolio"}


def _is_resampled(table: object) -> bool:
    if isinstance(table, Mapping):
        return table.get("resample") is not None
    return getattr(table, "resample", None) is not None


def _names(name: str, is_resampled: bool, symbols: Sequence[str]) -> list[str]:
    """The names under which a strategy has an auxiliary feed: of several symbols, each has its own
    resampled one."""
    if not is_resampled or len(symbols) == 1:
        return [name]
    return [f"{symbol}.{name}" for symbol in symbols]


def _check_keys(data: Mapping[str, Any], symbols: Sequence[str]) -> None:
    given = data.get("symbols", tuple(symbols))
    named = (given,) if isinstance(given, str) else given
    # Equal symbols pass, because a validated job that is written out again has both keys.
    # The types are not checked yet, so elements may be anything, and need not be hashable.
    if not isinstance(named, (list, tuple)) or {*map(str, named)} != {*symbols}:
        raise ValueError("has both feeds and symbols; feeds names the symbols, so remove symbols")
    if data.get("universe", "portfolio") != "portfolio":
        raise ValueError(
            "has feeds, which belong to one task; remove feeds to have a task for each symbol, "
            "or remove universe"
        )
    for key in EXCLUDED:
        # The defaults pass for the same reason.
        if data.get(key) not in (None, (), [], "refuse"):
            raise ValueError(f"has feeds, whose symbols are all needed; remove {key}")
