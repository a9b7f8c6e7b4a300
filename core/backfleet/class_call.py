"""`ClassCall`: a class that a job names, and the arguments that it is called with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["CLASS", "SIGNALS", "Argument", "ClassCall"]

CLASS = "class"
"""The key of the class in a job's table; the other keys are arguments."""

SIGNALS = "signals"
"""The parameter of a `backtrader.SignalStrategy` that has its signals."""

Argument = str | int | float | bool


@dataclass(frozen=True)
class ClassCall:
    """A class of backtrader's or of the job's own code, with arguments.

    Attributes
    ----------
    target
        The name of a class of backtrader's, `module:Class`, or `file.py:Class` for a file in the
        strategy's folder.
    arguments
        Pairs of name and value, sorted by name.
    """

    target: str
    arguments: tuple[tuple[str, Argument], ...] = ()

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> ClassCall:
        """Return the call that a job's table asks for."""
        arguments = {name: value for name, value in table.items() if name != CLASS}
        return cls(table[CLASS], tuple(sorted(arguments.items())))

    def table(self) -> dict[str, Any]:
        """Return the job's table."""
        return {CLASS: self.target, **dict(self.arguments)}

    def module(self, strategy_target: str) -> str | None:
        """Return the module of own code to import; None for backtrader's classes and for the
        strategy's own module."""
        place = self.target.rpartition(":")[0]
        if not place or place == strategy_target.partition(":")[0]:
            return None
        return place.removesuffix(".py")
