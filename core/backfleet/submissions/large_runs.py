"""From how many tasks on a run is large, without importing what reads its rows."""

from __future__ import annotations

__all__ = ["MAX_FILE_TASKS", "MAX_TABLE_TASKS"]

MAX_FILE_TASKS = 1_000_000
"""Beyond it, the rows are in several files, because a reader should not have to fetch one whole."""

MAX_TABLE_TASKS = 2_000_000
"""Beyond it, nothing reads all columns of all rows: that takes more than a gigabyte of memory."""
