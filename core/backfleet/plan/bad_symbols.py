"""One error about all symbols of a job that cannot be used."""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter

from backfleet.console import count_of
from backfleet.errors import DataError, DayNotCovered, MarketError

__all__ = ["bad_symbols_error"]

MAX_REASONS = 10
"""Reasons that an error names."""


def bad_symbols_error(path: str, bad: Mapping[str, DataError], good: int) -> DataError:
    """Return one error about all bad symbols of a folder, with each reason once; the number of
    good symbols beside them is `good`."""
    reasons = _reasons(bad)
    # With nothing to leave out, advice to leave symbols out would not help.
    if len(reasons) == 1 and not good:
        error = next(iter(bad.values()))
        return MarketError(reasons[0]) if isinstance(error, DayNotCovered) else error
    lines = reasons[:MAX_REASONS]
    if len(reasons) > MAX_REASONS:
        lines.append(f"... and {len(reasons) - MAX_REASONS:,} more")
    total = len(bad) + good
    # The files are not at fault if it is the rules of the market that do not cover them.
    only_market = all(isinstance(error, MarketError) for error in bad.values())
    first = "Name" if only_market else "Correct the files or the keys of [data], name"
    lines.append(
        f"{len(bad):,} of {total:,} symbols of {path} cannot be used. {first} the symbols "
        'in data.exclude, or set data.on_bad_symbol = "skip"'
    )
    return DataError("\n".join(lines))


def _reasons(bad: Mapping[str, DataError]) -> list[str]:
    """Return each reason once. Symbols with days that the same rule does not cover share one, which
    names the symbol with the day farthest away."""
    kinds: dict[str, list[DataError]] = {}
    for name, error in bad.items():
        text = str(error)
        if isinstance(error, DayNotCovered):
            text = text.removeprefix(name).replace(str(error.day), "")
        kinds.setdefault(text, []).append(error)
    reasons = []
    for errors in kinds.values():
        days = [error for error in errors if isinstance(error, DayNotCovered) and error.day]
        if not days:
            reasons.append(str(errors[0]))
            continue
        farthest = (min if days[0].first else max)(days, key=attrgetter("day"))
        others = count_of(len(days) - 1, "other symbol")
        reasons.append(
            f"{farthest}. The same holds for {others}" if len(days) > 1 else str(farthest)
        )
    return reasons
