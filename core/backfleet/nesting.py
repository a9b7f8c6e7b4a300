"""The nesting depth of the lists and objects in a stranger's JSON or TOML."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["nested_levels"]


def nested_levels(data: Any, max_levels: int) -> Iterator[list[Any]]:
    """Yield the data, the values in it, the values in those, and so on, each level as a list.

    Raises ValueError after the last level that is possible if there are more.
    """
    # Level by level and without recursion: a stranger's text could otherwise exhaust Python's stack
    # before the depth is known.
    level = [data]
    for _ in range(max_levels):
        yield level
        level = [
            item
            for value in level
            if isinstance(value, (dict, list))
            for item in (value.values() if isinstance(value, dict) else value)
        ]
        if not level:
            return
    raise ValueError(f"it is nested more than {max_levels} levels deep")
