"""Mark to market: the value of the account, with positions valued as stocks.

`BackBroker._get_value` asks the commission scheme of every position that there ever was, on every
bar. Here the open positions are noted after each fill, and a bar multiplies and adds.

Must equal: value, leverage and fund value on every bar, in backtrader's order of evaluation.
"""

# mypy: allow-subclassing-any

from __future__ import annotations

from collections import defaultdict
from typing import Any

from backfleet.engines.fast.groups import GroupingBroker
from backfleet.engines.fast.lines import BarCursor
from backfleet.engines.fast.positions import HeldPosition
from backfleet.engines.fast.stocks import StockTerms

__all__ = ["ValuingBroker"]

Holding = tuple[HeldPosition, Any, Any, Any]
"""A position, the parameters of its commission scheme, closes, and their cursor."""

NOW = BarCursor()
NOW.bar = 0


class ValuingBroker(GroupingBroker):
    """A `BackBroker` that values positions of plain commission schemes itself.

    Attributes
    ----------
    finite
        Whether every close of every feed is finite; then flat positions add nothing to the value.
    by_the_bar
        Whether the feeds are on cursors, and their ticks are their bars. The lean loop, which knows
        the feeds, sets these two.
    exposure
        The gross value of all positions on the last bar; None where `BackBroker` valued them.
    """

    cash: float

    def init(self) -> None:
        super().init()
        self.positions: defaultdict[Any, HeldPosition] = defaultdict(HeldPosition)
        self.finite = self.by_the_bar = False
        self.exposure: float | None = None
        self._forget_schemes()

    def _forget_schemes(self) -> None:
        self._plain: bool | None = None
        self._held: list[Holding] | None = None
        self._flat_with: float | None = None
        self._terms: dict[Any, StockTerms] = {}

    def setcommission(self, *args: Any, **kwargs: Any) -> None:
        super().setcommission(*args, **kwargs)
        self._forget_schemes()

    def addcommissioninfo(self, comminfo: Any, name: Any = None) -> None:
        super().addcommissioninfo(comminfo, name)
        self._forget_schemes()

    def _terms_of(self, data: Any) -> StockTerms:
        terms = self._terms[data] = StockTerms(self.getcommissioninfo(data))
        return terms

    def get_value(self, datas: Any = None, mkt: bool = False, lever: bool = False) -> Any:
        if datas is None:
            if mkt:
                return self._valuemktlever if lever else self._valuemkt
            return self._valuelever if lever else self._value
        plain = self._plain and self.p.shortcash and not lever and not self._cash_addition
        if plain and len(datas) == 1:
            (data,) = datas
            return self.positions[data].size * data.close[0]
        return super().get_value(datas, mkt, lever)

    getvalue = get_value

    def _holdings(self) -> list[Holding]:
        """What valuing needs of each position, in the order of `positions`."""
        holdings: list[Holding] = []
        for data, position in self.positions.items():
            if not position.size and self.finite:
                continue
            terms = self._terms.get(data) or self._terms_of(data)
            params, closes = terms.params, data.close
            if self.by_the_bar:
                position.moments = data.datetime
                holdings.append((position, params, closes.array, closes._fast_cursor))
            else:
                if position.size:
                    position.day, position.zone = data.datetime[0], data.datetime._tz
                holdings.append((position, params, (closes[0],), NOW))
        return holdings

    def _revalue(self, holdings: list[Holding]) -> None:
        """`BackBroker._get_value`, and what `next` notes in open positions."""
        cash = self.cash
        self._flat_with = None if holdings else cash
        market = unlevered = unrealized = exposure = 0.0
        for position, terms, closes, cursor in holdings:
            size, price = position.size, closes[cursor.bar]
            value = size * price
            gain = size * (price - position.price) * terms.mult
            market += value
            unrealized += gain
            if size:
                exposure += abs(value)
                position.adjbase = price
            if value > 0:
                value -= gain
                unlevered += value / terms.leverage
                unlevered += gain
            else:
                unlevered += value
        self.exposure = exposure
        self._value = value = cash + unlevered
        self._fundval = value / self._fundshares
        self._valuemkt = unlevered
        self._valuelever = cash + market
        self._valuemktlever = market
        self._leverage = market / (unlevered or 1.0)
        self._unrealized = unrealized
