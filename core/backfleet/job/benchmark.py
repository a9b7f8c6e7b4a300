"""Names of benchmarks that are not symbols."""

from __future__ import annotations

__all__ = ["BUY_AND_HOLD"]

BUY_AND_HOLD = "buy-and-hold"
"""The benchmark that is a task's own symbol."""
