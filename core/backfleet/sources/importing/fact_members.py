"""Members of an index, from a vendor's snapshots of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date

from backfleet.facts import INDEX
from backfleet.sources.importing.notes import Notes

__all__ = ["member_spans"]

Snapshots = Mapping[str, Mapping[date, set[str]]]
"""The symbols in each index on each day that has a snapshot."""


def member_spans(
    snapshots: Snapshots, notes: Notes
) -> Iterator[tuple[str, str, date, date | None]]:
    """Yield symbol, state, first day and the day after the last one, for each span of a member.

    A change counts from the snapshot on that shows it first, so that it is never seen early. The
    members of the last snapshot still are.
    """
    for index in sorted(snapshots):
        days = sorted(snapshots[index])
        since: dict[str, date] = {}
        for day in days:
            members = snapshots[index][day]
            # Who is missing in a snapshot left on its day, the earliest on which anybody could see
            # it.
            for symbol in sorted(since.keys() - members):
                yield symbol, INDEX + index, since.pop(symbol), day
            since |= dict.fromkeys(members - since.keys(), day)
        for symbol in sorted(since):
            yield symbol, INDEX + index, since[symbol], None
        notes.tell(
            f"members of {index}: {len(days):,} snapshots from {days[0]} to {days[-1]}, and none "
            "known before; a change counts from the snapshot on that shows it"
        )
