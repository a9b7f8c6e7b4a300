"""What a strategy says, made fit for a row: text that can be encoded, and alike in every process.

A row that cannot be stored must be found out in the child, where it is the task's own error.
"""

from __future__ import annotations

import re
import traceback
from pathlib import Path
from types import TracebackType

from backfleet.engine import Scalar

__all__ = ["describe_error", "storable", "storable_scalar"]

ERROR_LIMIT = 1000
"""Characters kept of an error's message."""

_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,16}\b")


def storable(text: str) -> str:
    """The text, with what UTF-8 cannot encode written as escapes."""
    return text.encode("utf-8", "backslashreplace").decode()


def storable_scalar(name: str, value: object) -> Scalar:
    """A value for the column `name`. Raises TypeError, and OverflowError for an integer beyond all
    floats."""
    if isinstance(value, str):
        return storable(value)
    if value is None:
        return None
    if isinstance(value, (bool, int, float)):
        float(value)
        return value
    raise TypeError(
        f"metric {name!r} must be a bool, int, float, str or None, not {type(value).__name__}"
    )


def describe_error(error: BaseException) -> str:
    """`Type: message`. Addresses are left out of the message: they differ between processes."""
    try:
        message = str(error)
    except Exception:
        message = "(its message cannot be shown)"
    text = f"{type(error).__name__}: {message[:ERROR_LIMIT]}".rstrip(": ")
    if isinstance(error, ValueError) and "read-only" in message and error.__traceback__:
        text += _read_only(error.__traceback__)
    return storable(_ADDRESS.sub("0x...", text))


def _read_only(trace: TracebackType) -> str:
    """What numpy does not say of an array that a strategy must not change."""
    *_, frame = traceback.extract_tb(trace)
    place = f"{Path(frame.filename).name}, line {frame.lineno}, in {frame.name}"
    return f"; bars cannot be changed, only copies of them ({place})"
