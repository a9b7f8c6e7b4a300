"""The names of the tables and of the other blobs that the chunks of a run have."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["ANALYZERS", "DETAILS", "RETURNS", "SUMS", "blob_names", "table_names"]

SUMS = "sums"
"""The name of the table that every run has."""

RETURNS = "returns"
"""The name of the blob with returns by date, which is no table; see `date_sums_format`."""

DETAILS = ("equity", "orders", "fills", "trades")
"""The names of the tables of runs that keep details."""

ANALYZERS = "analyzers"
"""The name of the table of runs that keep details and have analyzers."""


def table_names(details: Sequence[str]) -> Sequence[str]:
    """Return the names of the tables that each chunk of a run with these details has."""
    return (*details, SUMS)


def blob_names(details: Sequence[str], *, keeps_returns: bool) -> set[str]:
    """Return the names of the blobs that each chunk of a run with these details has."""
    return {*table_names(details), *([RETURNS] if keeps_returns else [])}
