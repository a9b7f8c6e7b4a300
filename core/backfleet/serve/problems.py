"""Exceptions in one line: for the log, and for the line of a run in the list."""

from __future__ import annotations

import logging

__all__ = ["log_problem", "one_line"]

MAX_CHARS = 500

_LOG = logging.getLogger("backfleet.serve")


def one_line(error: BaseException) -> str:
    """Return an exception's type and message without line breaks and control characters."""
    return _clean(f"{type(error).__name__}: {error}")


def log_problem(place: str, error: BaseException) -> None:
    """Log an exception that no check has foreseen."""
    _LOG.error("%s", _clean(f"backfleet serve: {place}: {type(error).__name__}: {error}"))


def _clean(text: str) -> str:
    # It may quote a store or a request, which must not write to the terminal that shows the log.
    text = " ".join(text[:MAX_CHARS].split())
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
