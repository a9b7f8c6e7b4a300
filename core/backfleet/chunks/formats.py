"""Formats of stored records: each record names its format and the backfleet that wrote it."""

from __future__ import annotations

import re
from functools import cache

from backfleet.errors import CorruptObject

__all__ = ["CHUNK", "PART", "ROWS", "check_stamp", "stamp"]

CHUNK = "chunk/2"
PART = "part/2"
ROWS = "rows/2"

# Bounded lengths: the text may come from a stranger and appears in a message.
_STAMP = re.compile(r"([a-z]{1,32}/\d{1,9}) backfleet-([A-Za-z0-9.+!-]{1,64})")


@cache
def stamp(label: str) -> str:
    """Return the text that begins or marks a record of a format, such as `chunk/2`."""
    from importlib.metadata import version

    return f"{label} backfleet-{version('backfleet')}"


def check_stamp(text: str, label: str) -> None:
    """Raise CorruptObject unless `text` marks a record of the format `label`."""
    match = _STAMP.fullmatch(text)
    if match is None:
        raise CorruptObject(f"it does not begin with its format; expected {label}")
    if match[1] != label:
        raise CorruptObject(
            f"it has the format {match[1]}, and this backfleet reads {label}; "
            f"read it with backfleet {match[2]}, which wrote it"
        )
