"""Order entry of the broker: plain orders take a short way, all others that of backtrader.

Must equal: the orders that `BackBroker.buy` and `sell` create, and their effects.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from backfleet.engines.fast.orders import market_order

__all__ = ["placing"]


def placing(lean: Any, full: Any) -> Callable[..., Any]:
    """`BackBroker.buy` or `sell`, whose arguments these are, as a method.

    `lean` is the class of plain market orders, `full` backtrader's own.
    """

    def place(
        self: Any,
        owner: Any,
        data: Any,
        size: Any,
        price: Any = None,
        plimit: Any = None,
        exectype: Any = None,
        valid: Any = None,
        tradeid: Any = 0,
        oco: Any = None,
        trailamount: Any = None,
        trailpercent: Any = None,
        parent: Any = None,
        transmit: Any = True,
        histnotify: Any = False,
        _checksubmit: Any = True,
        **info: Any,
    ) -> Any:
        # `a is b is None` is true only if all of them are None.
        simple = valid is plimit is trailamount is trailpercent is parent is None
        usual = transmit is True and histnotify is False and type(tradeid) is int
        # `exectype` None and `Order.Market`, which is 0, are market orders.
        if simple and usual and not (exectype or tradeid):
            order = market_order(lean, owner, data, size, price, exectype)
            if info:
                order.addinfo(**info)
            # The usual case: no group, and the check of the cash at the next bar
            if oco is None and _checksubmit and self.p.checksubmit:
                return self._submit_alone(order)
        else:
            order = full(
                owner=owner,
                data=data,
                size=size,
                price=price,
                pricelimit=plimit,
                exectype=exectype,
                valid=valid,
                tradeid=tradeid,
                trailamount=trailamount,
                trailpercent=trailpercent,
                parent=parent,
                transmit=transmit,
                histnotify=histnotify,
            )
            order.addinfo(**info)
        self._ocoize(order, oco)
        return self.submit(order, check=_checksubmit)

    return place
