"""Sets of shards in few words: `0-999,1004`."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["format_ranges", "parse_ranges"]

_RANGE = re.compile(r"(\d+)(?:-(\d+))?")


def format_ranges(numbers: Sequence[int]) -> str:
    """Ascending numbers, as ranges that hold no number twice."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ",".join(f"{first}-{last}" if first != last else str(first) for first, last in parts)


def parse_ranges(text: str) -> list[range]:
    """Parse the text that `format_ranges` wrote. Raises ValueError."""
    ranges = []
    for part in text.split(","):
        match = _RANGE.fullmatch(part)
        if match is None:
            raise ValueError(f"{part!r} must be a number or a range such as 0-9")
        ranges.append(range(int(match[1]), int(match[2] or match[1]) + 1))
    return ranges
