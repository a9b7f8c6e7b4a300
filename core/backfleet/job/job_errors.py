"""Messages about a wrong job: the key's path, the value, the reason, and the nearest right name."""

from __future__ import annotations

import difflib
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from backfleet.errors import JobError, cut_text

__all__ = ["closest", "combined_error", "invalid_value", "plain_reason", "show", "suggestion"]

MAX_VALUE_CHARS = 60
MAX_PROBLEMS = 15
"""Problems of one job that are listed."""

MAX_LINE_CHARS = 1_000

PLAIN_WORDS = {
    "bool_type": "must be true or false",
    "dict_type": "must be a table",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "mapping_type": "must be a table",
    "model_type": "must be a table",
    "string_too_short": "must not be empty",
    "string_type": "must be text in quotes",
    "tuple_type": "must be a list",
}
"""Reason for a type of pydantic's problems."""


def invalid_value(key: str, value: object, reason: str) -> JobError:
    """Return the error for a known key with a wrong value."""
    return JobError(f"{key} = {show(value)}: {reason}")


def combined_error(errors: Iterable[Exception]) -> JobError:
    """Return one error with a line for each problem, or for the first of very many."""
    lines = [cut_text(str(error), MAX_LINE_CHARS) for error in errors]
    if len(lines) > MAX_PROBLEMS:
        rest = len(lines) - MAX_PROBLEMS
        lines = [*lines[:MAX_PROBLEMS], f"... and {rest:,} more problems"]
    return JobError("\n".join(lines))


def show(value: object) -> str:
    """Return a value as JSON, close to how the job file writes it, and cut if it is long."""
    # TOML has dates and times, which JSON lacks.
    text = json.dumps(value, default=str, ensure_ascii=False)
    return cut_text(text, MAX_VALUE_CHARS)


def plain_reason(problem: Mapping[str, Any]) -> str:
    """Return why pydantic refused a value, in the words of job files and settings."""
    plain = PLAIN_WORDS.get(problem["type"])
    if plain is not None:
        return plain
    context = problem.get("ctx", {})
    # One of our rules raised it, and its text is the reason.
    if isinstance(context.get("error"), ValueError):
        return str(context["error"])
    reason = re.sub(r"^(Input|String) should", "must", problem["msg"])
    if problem["type"] == "literal_error" and isinstance(problem["input"], str):
        # pydantic gives the options only as text: "'a', 'b' or 'c'".
        options = context["expected"].replace(" or ", ", ").replace("'", "").split(", ")
        close = closest(problem["input"], options)
        reason += f"; did you mean {close!r}?" if close else ""
    return reason


def suggestion(name: str, names: Iterable[str]) -> str:
    """Return a hint to end a message with: the closest of `names`, or all of them if few."""
    known = sorted(names)
    close = closest(name, known)
    if close:
        return f"; did you mean {close!r}?{_look_alike(name)}"
    if known and len(known) <= 12:
        return f"; there {'is' if len(known) == 1 else 'are'} {', '.join(known)}"
    return ""


def _look_alike(name: str) -> str:
    """Name a letter that is none of ASCII; it may look like one."""
    odd = next((char for char in name if not char.isascii()), None)
    if odd is None:
        return ""
    return f" {name!r} is written with {odd!r}, the character {unicodedata.name(odd, 'unnamed')}"


def closest(name: str, names: Iterable[str]) -> str | None:
    """Return the one of `names` that a name is probably a misspelling of, or None."""
    # Compared without case, since a wrong case is a common mistake.
    by_folded = {known_name.casefold(): known_name for known_name in names}
    close = difflib.get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[close[0]] if close else None
