"""The log of the server."""

from __future__ import annotations

import logging

from backfleet.errors import error_line, printable_line

__all__ = ["log_problem"]

_LOG = logging.getLogger("backfleet.serve")


def log_problem(place: str, error: BaseException) -> None:
    """Log an exception that no check has foreseen.

    It may quote a store or a request, which must not write to the terminal that shows the log.
    """
    # As an argument: the text may contain percent signs.
    _LOG.error("%s", printable_line(f"backfleet serve: {place}: {error_line(error)}"))
