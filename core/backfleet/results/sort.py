"""Sorting rows by a column: the indices of the rows in their order."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

__all__ = ["SortOrder", "sorted_indices"]


@dataclass(frozen=True)
class SortOrder:
    """Order of rows: by a column, the largest value first unless it is ascending.

    Rows without a value come last, and rows with equal values in the order of the tasks.
    """

    column: str
    ascending: bool = False


def sorted_indices(keys: pa.Table, order: SortOrder) -> pa.Array:
    """Return the positions of the rows in an order.

    Parameters
    ----------
    keys
        A table with the column that the order names and `task`.
    """
    direction = "ascending" if order.ascending else "descending"
    # Sorting several chunks is many times slower than joining them.
    whole = keys.select(list(dict.fromkeys([order.column, "task"]))).combine_chunks()
    sort_keys = [(order.column, direction)]
    if order.column != "task":
        sort_keys.append(("task", "ascending"))
    # Importing it takes longer than a short command.
    import pyarrow.compute as pc

    # By default, rows without a value come last.
    return pc.sort_indices(whole, sort_keys=sort_keys)
