"""What tasks can be compared with, beside a symbol."""

from __future__ import annotations

__all__ = ["BUY_AND_HOLD"]

BUY_AND_HOLD = "buy-and-hold"
"""The benchmark that is a task's own symbol."""
