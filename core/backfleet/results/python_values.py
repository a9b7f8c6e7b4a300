"""Values of Arrow columns as Python values, whatever an SQL query has made."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pyarrow as pa

__all__ = ["python_values", "with_unique_names"]

_UNREPRESENTABLE = (ArithmeticError, ValueError, TypeError, pa.ArrowException)


def python_values(column: pa.ChunkedArray) -> list[Any]:
    """Return the values of a column; one that Python cannot hold, such as a date in the year
    290,000, becomes its text."""
    try:
        # One call for the whole column is much faster; single values are only converted one by one
        # if it fails.
        values: list[Any] = column.to_pylist()
    except _UNREPRESENTABLE:
        return [_python_value(scalar) for scalar in column]
    return values


def with_unique_names(table: pa.Table) -> pa.Table:
    """Return a table whose columns can be asked for by name: the second `a` becomes `a_1`."""
    taken = set(table.column_names)
    if len(taken) == table.num_columns:
        return table
    seen: Counter[str] = Counter()
    names = []
    for name in table.column_names:
        unique = name
        # Another column may already have the name that the number would give.
        while seen[name] and unique in taken:
            unique = f"{name}_{seen[name]}"
            seen[name] += unique in taken
        seen[name] += 1
        taken.add(unique)
        names.append(unique)
    return table.rename_columns(names)


def _python_value(scalar: Any) -> Any:
    try:
        return scalar.as_py()
    except _UNREPRESENTABLE:
        pass
    import pyarrow.compute as pc

    try:
        return pc.cast(scalar, pa.string()).as_py()
    except _UNREPRESENTABLE:
        # Lists and structs that hold such a value.
        return "?"
