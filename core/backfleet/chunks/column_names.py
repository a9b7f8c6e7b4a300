"""The names of result columns.

Names are compared without case everywhere, because SQL does not tell `n` from `N`. A parameter or
a strategy's metric that has the name of another column gets a prefix.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal

from backfleet.summary import COLUMNS, COUNTS

__all__ = [
    "DIGEST",
    "FALLBACK",
    "FIXED_COLUMNS",
    "HEAD",
    "METRICS",
    "ORIGIN",
    "STATE",
    "TAIL",
    "VOLATILE",
    "Kind",
    "custom_column",
    "name_clash",
    "parameter_column",
]

Kind = Literal["bool", "int", "float", "str"]
"""The type of a column."""

DIGEST = "outcome_digest"
"""A column of the chunk, not of the results: it makes equal outcomes comparable without them."""

ORIGIN = "origin"
"""The run that computed a row, if it was copied from an earlier run; null otherwise."""

FALLBACK = "fallback"
"""Why the engine took its slow path; null if it did not."""

VOLATILE = ("seconds", "engine", FALLBACK, ORIGIN)
"""Columns that may differ between two equal results."""

# In the order of the fields of `Metrics`, which is the order of the columns.
METRICS: Mapping[str, Kind] = {name: "int" if name in COUNTS else "float" for name in COLUMNS}
"""Name of a metric to the type of its column."""

HEAD: Mapping[str, Kind] = {"task": "int", "symbol": "str"}
STATE: Mapping[str, Kind] = {"status": "str", "error": "str"}
TAIL: Mapping[str, Kind] = {
    "seconds": "float",
    "engine": "str",
    FALLBACK: "str",
    ORIGIN: "str",
    DIGEST: "str",
}


FIXED_COLUMNS = frozenset({*HEAD, *STATE, *METRICS, *TAIL})
"""Names that no parameter and no strategy's metric may take; all are in lower case."""


def custom_column(name: str, params: Collection[str]) -> str:
    """Return the result column of a scalar that a strategy or plugin adds."""
    lower = name.lower()
    # Computed from the job's parameters and not from the rows, so that every chunk uses the same
    # name.
    is_taken = lower in FIXED_COLUMNS or any(
        parameter_column(param).lower() == lower for param in params
    )
    return f"metric_{name}" if is_taken else name


def parameter_column(name: str) -> str:
    """Return the result column of a parameter."""
    return f"param_{name}" if name.lower() in FIXED_COLUMNS else name


def name_clash(columns: Mapping[str, str]) -> tuple[str, str] | None:
    """Return the first two names whose columns SQL cannot tell apart, if any.

    Parameters
    ----------
    columns
        The column of each name.
    """
    owners: dict[str, str] = {}
    for name, column in columns.items():
        owner = owners.setdefault(column.lower(), name)
        if owner != name:
            return owner, name
    return None
