"""Apply `BrokerSettings` to a broker of backtrader."""

from __future__ import annotations

from typing import Any

from backfleet.engine import BrokerSettings
from backfleet.engines.bt import bt

__all__ = ["MinimumCommission", "apply_settings"]


class MinimumCommission(bt.CommissionInfo):
    """A fraction of the traded value, but at least `minimum` for each leg of an order.

    An order that closes one position and opens the opposite one has two legs.
    """

    params = (("minimum", 0.0),)

    def _getcommission(self, size: float, price: float, pseudoexec: bool) -> float:
        fee = abs(size) * self.p.commission * price
        return float(self.p.minimum if fee < self.p.minimum else fee)


def apply_settings(broker: Any, settings: BrokerSettings) -> None:
    """Set a `bt.brokers.BackBroker` up."""
    broker.setcash(settings.cash)
    if settings.minimum_commission:
        scheme = MinimumCommission(
            commission=settings.commission, minimum=settings.minimum_commission
        )
        broker.addcommissioninfo(scheme)
    else:
        broker.setcommission(commission=settings.commission)
    if settings.slippage:
        broker.set_slippage_fixed(settings.slippage)
