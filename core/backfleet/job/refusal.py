"""How a job is refused: the key's path, the value, what is wrong, and the nearest right name."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable

from backfleet.errors import JobError

__all__ = ["all_refusals", "nearest", "refusal", "show"]

LONGEST_VALUE = 60
MAX_PROBLEMS = 15
"""Problems of one job that are listed."""

MAX_LINE_CHARS = 1_000


def refusal(key: str, value: object, reason: str) -> JobError:
    """The error for a key that is right with a value that is not."""
    return JobError(f"{key} = {show(value)}: {reason}")


def all_refusals(errors: Iterable[Exception]) -> JobError:
    """Return one error with a line for each problem, or for the first of very many."""
    lines = [_cut(str(error), MAX_LINE_CHARS) for error in errors]
    if len(lines) > MAX_PROBLEMS:
        rest = len(lines) - MAX_PROBLEMS
        lines = [*lines[:MAX_PROBLEMS], f"... and {rest:,} more problems"]
    return JobError("\n".join(lines))


def show(value: object) -> str:
    """A value as JSON, close to how the job file writes it, and cut where it is long."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    return _cut(text, LONGEST_VALUE)


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


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."
