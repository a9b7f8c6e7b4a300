"""The numbers of backtrader's analyzers, which become columns of the results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from backfleet.summary import Scalar

__all__ = ["analyzer_numbers"]


def analyzer_numbers(strategy: Any, names: Sequence[str]) -> Mapping[str, Scalar]:
    """Return the numbers of a strategy's analyzers after its run, by the names of columns.

    A number in a table has the keys of the tables around it in its name, joined with `_`. Tables by
    date and lists are left out.
    """
    numbers: dict[str, Scalar] = {}
    for name in names:
        analysis = strategy.analyzers.getbyname(name).get_analysis()
        if isinstance(analysis, Mapping):
            numbers.update(_numbers(analysis, name))
    return numbers


def _numbers(table: Mapping[Any, Any], prefix: str) -> Iterator[tuple[str, Scalar]]:
    for key, value in table.items():
        if not isinstance(key, str):
            continue
        name = f"{prefix}_{key}"
        if isinstance(value, Mapping):
            yield from _numbers(value, name)
        elif value is None or isinstance(value, (int, float)):
            yield name, None if value is None else float(value)
