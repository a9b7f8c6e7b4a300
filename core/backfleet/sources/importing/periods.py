"""Files whose names differ in a period: pieces of one symbol, or futures contracts."""

from __future__ import annotations

import re

from backfleet.bar_length import DAY_NS
from backfleet.sources.importing.dates import find_forms, read_dates
from backfleet.sources.importing.form import Form
from backfleet.sources.importing.frame import Frame
from backfleet.sources.importing.parts import Part
from backfleet.sources.importing.symbols import PERIOD

__all__ = ["join_periods"]


def join_periods(named: dict[str, list[Part]], form: Form) -> dict[str, list[Part]]:
    """Join files whose names differ in a year, month or day that all of their rows lie in.

    Futures contracts, whose names end in a month too, have rows of other months and stay apart.
    """
    # The names without their periods, each with the names of its files and their periods.
    groups: dict[str, list[tuple[str, str]]] = {}
    for name, parts in named.items():
        match = PERIOD.match(name)
        # A symbol that has several files already is not a period of another one.
        if match and len(parts) == 1:
            groups.setdefault(match["symbol"], []).append((name, match["period"]))
    joined = dict(named)
    # A form keeps the samples of its first files only, in their order. The others are read again:
    # one contract among them is enough to keep all files of a group apart.
    samples = {id(part): frame for part, frame in zip(form.parts, form.samples, strict=False)}
    for symbol, members in groups.items():
        if len(members) < 2:
            continue
        parts = [named[name][0] for name, _ in members]
        frames = (samples.get(id(part)) or part.sample() for part in parts)
        if all(_within(period, frame) for (_, period), frame in zip(members, frames, strict=True)):
            for name, _ in members:
                del joined[name]
            joined.setdefault(symbol, []).extend(parts)
    return joined


def _within(period: str, frame: Frame) -> bool:
    """Whether the dates of a file lie in the period that its name has."""
    digits = re.sub(r"\D", "", period)
    for column in frame.columns:
        forms = find_forms(column)
        if len(forms) >= 1:
            days = (read_dates(column, forms[0]).wall // DAY_NS).astype("M8[D]")
            length = {4: 4, 6: 7, 8: 10}.get(len(digits), 4)
            # `202401` becomes `2024-01`, with which all days of that month begin in ISO 8601.
            prefix = "-".join(filter(None, (digits[:4], digits[4:6], digits[6:8])))
            return all(str(day)[:length] == prefix for day in (days[0], days[-1]))
    return False
