"""`VectorStrategy`: a strategy that computes its targets for all bars at once."""

from __future__ import annotations

import dataclasses
from abc import ABC
from typing import (
    Any,
    Literal,
    Self,
    dataclass_transform,
    get_args,
    get_origin,
    get_type_hints,
)

import numpy as np
from numpy.typing import NDArray

from backfleet.bars import Bars
from backfleet.panel import Panel

__all__ = [
    "SIZINGS",
    "TARGETS",
    "Sizing",
    "Target",
    "VectorStrategy",
    "field_choices",
    "field_defaults",
]

Target = Literal["position", "size", "value", "percent"]
Sizing = Literal["all-in", "fee-aware", "fixed", "percent-of-cash", "percent-of-value"]

TARGETS: tuple[Target, ...] = ("position", "size", "value", "percent")
SIZINGS: tuple[Sizing, ...] = (
    "all-in",
    "fee-aware",
    "fixed",
    "percent-of-cash",
    "percent-of-value",
)
PLAIN = (bool, int, float, str, type(None))


# One of two methods must be there, which is checked when an instance is created. Without a
# metaclass mypy takes the classes for unhashable.
@dataclass_transform(frozen_default=True, kw_only_default=True)
class VectorStrategy(ABC):
    """Base of strategies whose signals are computed for all bars at once.

    It computes its targets in `targets`, symbol by symbol, or in `portfolio_targets` if the target
    of one symbol depends on others. A task of several symbols has one cash pool.

    A subclass is a frozen dataclass: its annotated attributes are the parameters, each with a
    default that is an int, float, bool or str. The attributes below say how targets become orders;
    a subclass sets those that differ, and annotates the ones that are to be parameters too.

    Every order is a market order, placed at a bar's close and filled at the next bar's open. It is
    rejected if its cost with commission exceeds the cash, at that close or at that open.

    Attributes
    ----------
    target
        What `targets` means. "position": 1 is long, -1 short, 0 flat; an order is placed only if
        that changes the side, and a reversal takes two, the exit first and the entry a bar later.
        "size": shares, negative is short. "value": their worth in money. "percent": that as a
        fraction of the account's value. The last two are rounded towards whole shares.
    sizing
        Shares of an entry if `target` is "position", c being the close. "all-in":
        int(cash / c), which leaves no room for the commission. "fee-aware": the largest whole
        number whose cost with commission fits the cash. "fixed": `amount`. "percent-of-cash":
        int(cash * amount / c). "percent-of-value": int(value * amount // c).
    amount
        Shares, or a fraction: 0.5 is half of the cash.
    stop_loss, take_profit
        Fractions of the mean entry price at which a Stop and a Limit order close the position,
        whichever comes first; None for none. They are placed at the close of the bar of the entry's
        fill, so they can fill from the bar after it on. Any other order cancels them; after its
        fill new ones are placed. In a task of several symbols, each symbol's wait for its bars.
    sells_first
        In a task of several symbols, orders of one step are filled in the order of the symbols,
        and those without sufficient cash are rejected; true puts the sales first.
    metrics
        Scalars put in here become columns of the results.
    """

    target: Target | str = "position"
    sizing: Sizing | str = "all-in"
    amount: float = 1.0
    stop_loss: float | None = None
    take_profit: float | None = None
    sells_first: bool = False
    metrics: dict[str, Any]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # Fields are the annotations of subclasses only. The base is no dataclass itself, so its
        # attributes become parameters only where a subclass annotates them again.
        dataclasses.dataclass(frozen=True, kw_only=True)(cls)
        _check_fields(cls)

    def __new__(cls, **params: Any) -> Self:
        # Before `__init__`, so that the message names the missing method and not a parameter.
        if cls.targets is VectorStrategy.targets and not cls.is_cross_sectional():
            raise TypeError(f"{cls.__name__} needs a method targets or portfolio_targets")
        self = super().__new__(cls)
        # The instance is frozen, what it measures is not. Asking for its `__dict__` takes longer.
        object.__setattr__(self, "metrics", {})
        return self

    @classmethod
    def is_cross_sectional(cls) -> bool:
        """Whether it has its own `portfolio_targets`, which are then used in every task."""
        return cls.portfolio_targets is not VectorStrategy.portfolio_targets

    def targets(self, bars: Bars) -> NDArray[np.float64]:
        """Return the target after each bar of a symbol.

        Parameters
        ----------
        bars
            The tradable bars, read-only, with the warm-up; no order is placed before `bars.warmup`.

        Returns
        -------
        float64 of shape (bars,). NaN keeps the position. An element must depend on bars up to
        its own only.
        """
        raise NotImplementedError(f"{type(self).__name__} has portfolio_targets, not targets")

    def portfolio_targets(self, universe: Panel) -> NDArray[np.float64]:
        """Return the target of each symbol after each step; by default the `targets` of each.

        Parameters
        ----------
        universe
            The tradable bars of all symbols, read-only, with the warm-up.

        Returns
        -------
        float64 of shape (steps, symbols). NaN keeps the position; so does any target at a step
        without a bar of the symbol. A row must depend on bars up to its own step only.
        """
        return universe.stacked([self.targets(bars) for bars in universe.bars])


def field_defaults(cls: type[VectorStrategy]) -> dict[str, Any]:
    """Return the defaults of a strategy's parameters by name, in their order."""
    # mypy does not know that `__init_subclass__` makes every subclass a dataclass.
    return {field.name: field.default for field in dataclasses.fields(cls)}  # type: ignore[arg-type]


def field_choices(cls: type[VectorStrategy]) -> dict[str, tuple[str, ...]]:
    """Return the texts that parameters take, by name: those of `sizing` and `target`, and of
    parameters whose annotation is a `Literal` of texts."""
    try:
        hints = get_type_hints(cls)
    # An annotation may name what only a type checker imports, and then raises anything.
    except Exception:
        hints = {}
    literals = {name: get_args(hint) for name, hint in hints.items() if get_origin(hint) is Literal}
    texts = {name: args for name, args in literals.items() if all(type(a) is str for a in args)}
    # A subclass that sweeps them may annotate them as `str`.
    return {**texts, "sizing": SIZINGS, "target": TARGETS}


def _check_fields(cls: type[VectorStrategy]) -> None:
    for name, default in field_defaults(cls).items():
        what = f"{cls.__name__}.{name}"
        if name.startswith("_") or name == "metrics":
            raise TypeError(f"{what}: a parameter cannot have this name")
        if default is dataclasses.MISSING:
            raise TypeError(f"{what}: a parameter needs a default")
        if not isinstance(default, PLAIN):
            raise TypeError(
                f"{what}: a parameter is an int, float, bool or str, not {type(default).__name__}"
            )
