"""`WindowLength`: the length of a training or test window, in sessions or in months."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BeforeValidator, PlainSerializer

__all__ = ["Length", "WindowLength", "parse_length"]

MONTHS = {"month": 1, "months": 1, "year": 12, "years": 12}
SESSIONS = ("session", "sessions")
MAX_COUNT = 100_000
EXPECTED = (
    'must be a number of sessions, or a length such as "3 years", "6 months" or "250 sessions"'
)

_LENGTH = re.compile(r"\s*([0-9]{1,6})\s*([A-Za-z]+)\s*")


@dataclass(frozen=True)
class WindowLength:
    """The length of a window. A year is 12 months, from a civil date to the same one."""

    count: int
    unit: Literal["sessions", "months"]

    def __str__(self) -> str:
        if self.unit == "months" and self.count % 12 == 0:
            return _counted(self.count // 12, "year")
        return _counted(self.count, self.unit.removesuffix("s"))


def parse_length(value: object) -> WindowLength:
    """Return the length in `"3 years"`, `"6 months"` or `"250 sessions"`; a bare number is
    sessions.

    Raises ValueError.
    """
    # A job from Python may hold a length that is read already.
    if isinstance(value, WindowLength):
        return value
    if isinstance(value, str):
        match = _LENGTH.fullmatch(value)
        unit = match[2].lower() if match else ""
        if match is None or (unit not in MONTHS and unit not in SESSIONS):
            raise ValueError(EXPECTED)
        count = int(match[1]) * MONTHS.get(unit, 1)
        length = WindowLength(count, "months" if unit in MONTHS else "sessions")
    elif isinstance(value, int) and not isinstance(value, bool):
        length = WindowLength(value, "sessions")
    else:
        raise ValueError(EXPECTED)
    if not 0 < length.count <= MAX_COUNT:
        raise ValueError(EXPECTED)
    return length


Length = Annotated[
    WindowLength, BeforeValidator(parse_length), PlainSerializer(str, return_type=str)
]
"""A window's length as a pydantic field that reads what `parse_length` reads."""


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
