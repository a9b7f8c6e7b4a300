"""Mark to market: the value of the account, with positions valued as stocks.

`BackBroker._get_value` asks the commission scheme of every position that there ever was, on every
bar. Here the open positions are noted after each fill, and a bar multiplies and adds.

Must equal: value, leverage and fund value on every bar, in backtrader's order of evaluation.
"""

# mypy: allow-subclassing-any

from __future__ import annotations

from typing import Any
from weakref import WeakMethod

from backfleet.engines.fast.groups import GroupingBroker
from backfleet.engines.fast.lines import BarCursor
from backfleet.engines.fast.positions import HeldPosition, Positions, Schemes
from backfleet.engines.fast.stocks import StockTerms

__all__ = ["ValuingBroker"]

Holding = tuple[dict[str, Any], Any, Any, Any]
"""A position's fields, the parameters of its commission scheme, closes, and their cursor."""

# For a price that is read again on every bar: the one value of a tuple is at this cursor.
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
        # backtrader calls `init` when a run begins, too. The second name shows whether a script has
        # replaced the first.
        self._own_positions = self.positions = Positions(_calling(self._poke))
        # Schemes that were added before the run are kept.
        if not isinstance(self.comminfo, Schemes):
            self.comminfo = Schemes(self.comminfo, _calling(self._change_schemes))
        self._poked = False
        self.finite = self.by_the_bar = False
        self.exposure: float | None = None
        self._forget_schemes()

    def _poke(self) -> None:
        """Leave the rest of the run to `BackBroker`: the script writes to positions itself."""
        self._poked = True

    def _is_poked(self) -> bool:
        """Whether the script has written to positions, or replaced what the broker looks into."""
        if self.positions is not self._own_positions:
            self._poked = True
        return self._poked

    @property
    def comminfo(self) -> dict[Any, Any]:
        return self._schemes

    @comminfo.setter
    def comminfo(self, schemes: dict[Any, Any]) -> None:
        self._schemes = schemes
        # The constructor of `BrokerBase` sets the attribute before there are positions.
        if "_own_positions" in vars(self):
            self._change_schemes()
            self._poked = True  # of changes in another dictionary the broker would not know

    def _change_schemes(self) -> None:
        """Forget the schemes, and note when positions were touched: interest may be due since."""
        self._forget_schemes()
        for position in self._own_positions.values():
            # A script may have put a plain position into the dictionary.
            if isinstance(position, HeldPosition):
                position.settle()

    def _forget_schemes(self) -> None:
        # Whether all schemes are plain, and whether none has interest; what is needed to value each
        # position; the cash with which an account without positions was valued.
        self._plain: bool | None = None
        self._free: bool | None = None
        self._held: list[Holding] | None = None
        self._flat_with: float | None = None
        self._terms: dict[Any, StockTerms] = {}

    def set_cash(self, cash: Any) -> None:
        super().set_cash(cash)
        self._flat_with = None  # the value is what was set, of its type, until the next bar

    setcash = set_cash

    def _terms_of(self, data: Any) -> StockTerms:
        terms = self._terms[data] = StockTerms(self.getcommissioninfo(data))
        return terms

    def get_value(self, datas: Any = None, mkt: bool = False, lever: bool = False) -> Any:
        # As `BackBroker.get_value`: the values of the last bar, and `_get_value` for some feeds.
        if datas is None:
            if mkt:
                return self._valuemktlever if lever else self._valuemkt
            return self._valuelever if lever else self._value
        plain = self._plain and self.p.shortcash and not lever and not self._cash_addition
        if plain and len(datas) == 1 and not self._is_poked():
            (data,) = datas
            # `getvaluesize` of a stock. The lookup makes an entry, as backtrader's does.
            return self.positions[data].size * data.close[0]
        return super().get_value(datas, mkt, lever)

    getvalue = get_value

    def _holdings(self) -> list[Holding]:
        """Return the facts for valuing each position, in the order of `positions`."""
        holdings: list[Holding] = []
        for data, position in self.positions.items():
            # 0 times a finite price adds 0 to each sum. 0 times NaN would not.
            if not position.size and self.finite:
                continue
            terms = self._terms.get(data) or self._terms_of(data)
            params, closes = terms.params, data.close
            if self.by_the_bar:
                if position.size:
                    # backtrader writes the datetime of every bar into an open position.
                    position.touch(None, data.datetime._tz, data.datetime)
                holdings.append((position.fields, params, closes.array, closes._fast_cursor))
            else:
                if position.size:
                    position.touch(data.datetime[0], data.datetime._tz)
                holdings.append((position.fields, params, (closes[0],), NOW))
        return holdings

    def _revalue(self, holdings: list[Holding]) -> None:
        """`BackBroker._get_value`, and what `next` notes in open positions."""
        cash = self.cash
        # The next bar with the same cash and no position has the same value.
        self._flat_with = None if holdings else cash
        market = unlevered = unrealized = exposure = 0.0
        for position, terms, closes, cursor in holdings:
            size, price = position["size"], closes[cursor.bar]
            # `getvaluesize`, `profitandloss`, and the sums of `_get_value` in their order
            value = size * price
            gain = size * (price - position["price"]) * terms.mult
            market += value
            unrealized += gain
            if size:
                exposure += abs(value)
                position["adjbase"] = price
            # backtrader takes the gain out before it divides by the leverage, and adds it again,
            # which rounds.
            if value > 0:
                value -= gain
                unlevered += value / terms.leverage
                unlevered += gain
            else:
                unlevered += value
        self.exposure = exposure
        self._note(market, unlevered, unrealized)

    def _rest(self) -> None:
        """`BackBroker.next` on a bar without orders, with schemes of any kind without interest."""
        self.cash -= 0.0  # the interest, which makes a float of an int
        self.exposure = self._flat_with = None
        market = unlevered = unrealized = 0.0
        for data, position in self.positions.items():
            fields = position.fields
            size, entry = fields["size"], fields["price"]
            terms = self._terms.get(data) or self._terms_of(data)
            if not size and self.finite and terms.flat_is_nothing:
                continue
            scheme, price = terms.scheme, data.close[0]
            if size:
                # Futures pay each bar's change of value in cash.
                self.cash += scheme.cashadjust(size, fields["adjbase"], price)
                fields["adjbase"] = price
                position.touch(data.datetime[0], data.datetime._tz)
            value = scheme.getvaluesize(size, price)
            gain = scheme.profitandloss(size, entry, price)
            market += value
            unrealized += gain
            if value > 0:
                value -= gain
                unlevered += value / scheme.get_leverage()
                unlevered += gain
            else:
                unlevered += value
        self._note(market, unlevered, unrealized)

    def _note(self, market: float, unlevered: float, unrealized: float) -> None:
        """Store the values of the account, as the end of `BackBroker._get_value` does."""
        self._value = value = self.cash + unlevered
        self._fundval = value / self._fundshares
        self._valuemkt = unlevered
        self._valuelever = self.cash + market
        self._valuemktlever = market
        # 1.0 avoids a division by zero, as in backtrader.
        self._leverage = market / (unlevered or 1.0)
        self._unrealized = unrealized


def _calling(method: Any) -> Any:
    """Call a method of the broker while there is one, without keeping the broker alive."""
    # Positions refer to this function. A strong reference would make a cycle that only the
    # collector can free.
    weak = WeakMethod(method)

    def call() -> None:
        bound = weak()
        if bound is not None:
            bound()

    return call
