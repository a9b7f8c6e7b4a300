"""Messages about a wrong job: the key's path, the value, the reason, and the nearest right name."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable

from backfleet.errors import JobError

__all__ = ["combined_error", "invalid_value", "show", "suggestion"]

MAX_VALUE_CHARS = 60
MAX_PROBLEMS = 15
"""Problems of one job that are listed."""

MAX_LINE_CHARS = 1_000


def invalid_value(key: str, value: object, reason: str) -> JobError:
    """Return the error for a known key with a wrong value."""
    return JobError(f"{key} = {show(value)}: {reason}")


def combined_error(errors: Iterable[Exception]) -> JobError:
    """Return one error with a line for each problem, or for the first of very many."""
    lines = [_cut(str(error), MAX_LINE_CHARS) for error in errors]
    if len(lines) > MAX_PROBLEMS:
        rest = len(lines) - MAX_PROBLEMS
        lines = [*lines[:MAX_PROBLEMS], f"... and {rest:,} more problems"]
    return JobError("\n".join(lines))


def show(value: object) -> str:
    """Return a value as JSON, close to how the job file writes it, and cut if it is long."""
    # TOML has dates and times, which JSON lacks.
    text = json.dumps(value, default=str, ensure_ascii=False)
    return _cut(text, MAX_VALUE_CHARS)


def suggestion(name: str, names: Iterable[str]) -> str:
    """Return a hint to end a message with: the closest of `names`, or all of them if few."""
    known = sorted(names)
    # Compared without case, since a wrong case is a common mistake.
    by_folded = {known_name.casefold(): known_name for known_name in known}
    close = difflib.get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {by_folded[close[0]]!r}?"
    if known and len(known) <= 12:
        return f"; there {'is' if len(known) == 1 else 'are'} {', '.join(known)}"
    return ""


def _cut(text: str, max_chars: int) -> str:
    return text if len(text) <= max_chars else f"{text[: max_chars - 3]}..."
