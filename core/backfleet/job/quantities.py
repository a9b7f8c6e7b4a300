"""Quantities with a unit: `"5 min"` as seconds, `"2 GiB"` as bytes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator

__all__ = ["Duration", "MemorySize", "parse_duration", "parse_memory"]

SECONDS: Mapping[str, int] = {
    "s": 1,
    "sec": 1,
    "second": 1,
    "seconds": 1,
    "min": 60,
    "minute": 60,
    "minutes": 60,
    "h": 3600,
    "hour": 3600,
    "hours": 3600,
    "d": 86400,
    "day": 86400,
    "days": 86400,
}
BYTES: Mapping[str, int] = {
    "b": 1,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
    "tib": 2**40,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
}
# Bytes below this number fit into an int64.
MAX_AMOUNT = 10**18
QUANTITY = re.compile(r"\s*([0-9]{1,15}(?:\.[0-9]{1,15})?)\s*([A-Za-z]+)\s*")


def parse_duration(value: object) -> float:
    """Seconds in `"90 s"`, `"5 min"`, `"1.5 h"` or `"2 days"`; a bare number is seconds.

    Raises ValueError if the value is not a duration above zero.
    """
    return float(_parse(value, SECONDS, "a duration such as '5 min' or '1.5 h'"))


def parse_memory(value: object) -> int:
    """Bytes in `"512 MiB"`, `"2 GiB"` or `"2 GB"`, rounded down; a bare number is bytes.

    KiB, MiB, GiB and TiB are powers of 1024, kB, MB, GB and TB powers of 1000. Raises ValueError
    if the value is not a size above zero.
    """
    return int(_parse(value, BYTES, "a size such as '512 MiB' or '2 GiB'"))


Duration = Annotated[float, BeforeValidator(parse_duration)]
"""Seconds, as a pydantic field that reads what `parse_duration` reads."""

MemorySize = Annotated[int, BeforeValidator(parse_memory)]
"""Bytes, as a pydantic field that reads what `parse_memory` reads."""


def _parse(value: object, units: Mapping[str, int], expected: str) -> Decimal:
    amount = (
        _with_unit(value, units, expected) if isinstance(value, str) else _bare(value, expected)
    )
    if not amount.is_finite() or not 0 < amount < MAX_AMOUNT:
        raise ValueError(f"must be positive and below 10**18; write {expected}")
    return amount


def _bare(value: object, expected: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"must be {expected}")
    # The shortest text of a float is what the user wrote; Decimal(0.1) is its binary neighbor.
    return Decimal(repr(value))


def _with_unit(text: str, units: Mapping[str, int], expected: str) -> Decimal:
    match = QUANTITY.fullmatch(text)
    if match is None:
        raise ValueError(f"must be {expected}")
    number, unit = match.groups()
    # Without case: people write MB, Mb and mb, and nobody means bits.
    if unit.lower() not in units:
        raise ValueError(f"has the unknown unit {unit!r}; write {expected}")
    return Decimal(number) * units[unit.lower()]
