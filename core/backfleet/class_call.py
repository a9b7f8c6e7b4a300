"""`ClassCall`: a class that a job names, with its arguments. `Signal`: an indicator to trade by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["CLASS", "SIGNALS", "Argument", "ClassCall", "Signal", "signal_labels"]

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
        # Sorted, because the order of keys in a job file must not change the run's identity.
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


@dataclass(frozen=True)
class Signal:
    """An indicator by which a `backtrader.SignalStrategy` trades.

    Attributes
    ----------
    kind
        backtrader's kind of signal, without `SIGNAL_` and in lower case.
    label
        Its name in the run, which begins the names of its parameters, as in `longshort_period`.
    call
        The indicator, and those of its arguments that are no parameters of the run.
    parameters
        The other arguments, which each point sets.
    """

    kind: str
    label: str
    call: ClassCall
    parameters: tuple[str, ...] = ()

    @property
    def columns(self) -> Mapping[str, str]:
        """The names of the run's parameters, with the arguments that they set."""
        return {f"{self.label}_{name}": name for name in self.parameters}

    def at(self, params: Mapping[str, Any]) -> ClassCall:
        """Return the indicator with its arguments at a point."""
        swept = {name: params[column] for column, name in self.columns.items()}
        arguments = {**dict(self.call.arguments), **swept}
        return ClassCall(self.call.target, tuple(sorted(arguments.items())))


def signal_labels(kind: str, count: int) -> Sequence[str]:
    """Return the labels of a job's signals of one kind: several are numbered from 1."""
    return [kind] if count == 1 else [f"{kind}_{number}" for number in range(1, count + 1)]
