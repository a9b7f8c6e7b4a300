"""`VectorStrategy`: a strategy that says for every bar at once what it wants after it."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from typing import Any, Literal, Self, dataclass_transform

import numpy as np
from numpy.typing import NDArray

from backfleet.bars import Bars

__all__ = ["SIZINGS", "TARGETS", "Sizing", "Target", "VectorStrategy", "field_defaults"]

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


@dataclass_transform(frozen_default=True, kw_only_default=True)
class VectorStrategy(ABC):
    """Base of strategies whose signals are computed for all bars at once.

    A subclass is a frozen dataclass: its annotated attributes are the parameters, each with a
    default that is an int, float, bool or str. The attributes below say how targets become orders;
    a subclass sets those that differ, and annotates the ones that are to be parameters too.

    Every order is a market order, made at a bar's close and filled at the next bar's open. It is
    refused where its cost with commission exceeds the cash, at that close or at that open.

    Attributes
    ----------
    target
        What `targets` means. "position": 1 is long, -1 short, 0 flat; an order is made only where
        that changes the side, and a reversal takes two, the exit first and the entry a bar later.
        "size": shares, negative is short. "value": their worth in money. "percent": that as a
        fraction of the account's value. The last two are rounded towards whole shares.
    sizing
        Shares that an entry takes where `target` is "position", c being the close. "all-in":
        int(cash / c), which leaves no room for the commission. "fee-aware": the largest whole
        number whose cost with commission fits the cash. "fixed": `amount`. "percent-of-cash":
        int(cash * amount / c). "percent-of-value": int(value * amount // c).
    amount
        Shares, or a fraction: 0.5 is half of the cash.
    stop_loss, take_profit
        Fractions of the mean entry price at which a Stop and a Limit order close the position,
        whichever comes first; None is none. They are made at the close of the bar of the entry's
        fill, so they can fill from the bar after it on. Any further order takes them back; after
        its fill new ones are made.
    metrics
        Scalars put in here become columns of the results.
    """

    target: Target | str = "position"
    sizing: Sizing | str = "all-in"
    amount: float = 1.0
    stop_loss: float | None = None
    take_profit: float | None = None
    metrics: dict[str, Any]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        dataclasses.dataclass(frozen=True, kw_only=True)(cls)
        _check_fields(cls)

    def __new__(cls, **params: Any) -> Self:
        self = super().__new__(cls)
        # The instance is frozen, what it measures is not.
        object.__setattr__(self, "metrics", {})
        return self

    @abstractmethod
    def targets(self, bars: Bars) -> NDArray[np.float64]:
        """What is wanted after each bar.

        Parameters
        ----------
        bars
            The tradable bars, read-only, with the warm-up; no order is made before `bars.warmup`.

        Returns
        -------
        float64 of shape (bars,). NaN leaves alone what is held. An element must depend on bars up
        to its own only.
        """


def field_defaults(cls: type[VectorStrategy]) -> dict[str, Any]:
    """A strategy's parameters, in their order, and their defaults."""
    return {field.name: field.default for field in dataclasses.fields(cls)}  # type: ignore[arg-type]


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
