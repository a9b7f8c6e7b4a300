"""How a job is refused: the key's path, the value, what is wrong, and the nearest right name."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable

from backfleet.errors import JobError

__all__ = ["all_refusals", "nearest", "refusal", "show"]

LONGEST_VALUE = 60


def refusal(key: str, value: object, reason: str) -> JobError:
    """The error for a key that is right with a value that is not."""
    return JobError(f"{key} = {show(value)}: {reason}")


def all_refusals(errors: Iterable[Exception]) -> JobError:
    """One error with a line for each problem."""
    return JobError("\n".join(str(error) for error in errors))


def show(value: object) -> str:
    """A value as JSON, close to how the job file writes it, and cut where it is long."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 3]}..."


def nearest(name: str, names: Iterable[str]) -> str:
    """A hint to end a message with: the closest of `names`, or else all of them if they are few."""
    known = sorted(names)
    by_folded = {each.casefold(): each for each in known}
    close = difflib.get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {by_folded[close[0]]!r}?"
    if known and len(known) <= 12:
        return f"; there are {', '.join(known)}"
    return ""
