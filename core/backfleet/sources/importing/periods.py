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
    groups: dict[str, list[tuple[str, Part]]] = {}
    for name, parts in named.items():
        match = PERIOD.match(name)
        if match and len(parts) == 1:
            groups.setdefault(match["symbol"], []).append((match["period"], parts[0]))
    joined = dict(named)
    samples = {id(part): frame for part, frame in zip(form.parts, form.samples, strict=False)}
    for symbol, members in groups.items():
        sampled = [(period, samples[id(part)]) for period, part in members if id(part) in samples]
        if len(members) < 2 or not all(_within(period, frame) for period, frame in sampled):
            continue
        for period, part in members:
            name = next(n for n, parts in named.items() if parts == [part])
            del period
            joined.pop(name, None)
            joined.setdefault(symbol, []).append(part)
    return joined


def _within(period: str, frame: Frame) -> bool:
    """Whether the dates of a file lie in the period that its name has."""
    digits = re.sub(r"\D", "", period)
    for column in frame.columns:
        forms = find_forms(column)
        if len(forms) >= 1:
            days = (read_dates(column, forms[0]).wall // DAY_NS).astype("M8[D]")
            length = {4: 4, 6: 7, 8: 10}.get(len(digits), 4)
            prefix = "-".join(filter(None, (digits[:4], digits[4:6], digits[6:8])))
            return all(str(day)[:length] == prefix for day in (days[0], days[-1]))
    return False
