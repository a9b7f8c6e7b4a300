"""The names of result columns, and what gives way where two claim one name."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal

from backfleet.summary import COLUMNS, COUNTS

__all__ = [
    "DIGEST",
    "HEAD",
    "METRICS",
    "ORIGIN",
    "STATE",
    "TAIL",
    "VOLATILE",
    "Kind",
    "custom_column",
    "fixed_columns",
    "parameter_column",
]

Kind = Literal["bool", "int", "float", "str"]
"""The type of a column."""

DIGEST = "outcome_digest"
"""A column of the chunk, not of the results: it makes equal outcomes comparable without them."""

ORIGIN = "origin"
"""The run that computed a row, if it was copied from an earlier run; null otherwise."""

VOLATILE = ("seconds", "engine", ORIGIN)
"""Columns that may differ between two equal results."""

METRICS: Mapping[str, Kind] = {name: "int" if name in COUNTS else "float" for name in COLUMNS}
"""Name of a metric to the type of its column."""

HEAD: Mapping[str, Kind] = {"task": "int", "symbol": "str"}
STATE: Mapping[str, Kind] = {"status": "str", "error": "str"}
TAIL: Mapping[str, Kind] = {
    "seconds": "float",
    "engine": "str",
    ORIGIN: "str",
    DIGEST: "str",
}


def fixed_columns() -> frozenset[str]:
    """Names that no parameter and no strategy's metric may take."""
    return frozenset({*HEAD, *STATE, *METRICS, *TAIL})


def custom_column(name: str, params: Collection[str]) -> str:
    """The result column of a scalar that a strategy or plugin adds."""
    taken = fixed_columns() | {parameter_column(param) for param in params}
    return f"metric_{name}" if name in taken else name


def parameter_column(name: str) -> str:
    """The result column of a parameter."""
    return f"param_{name}" if name in fixed_columns() else name
