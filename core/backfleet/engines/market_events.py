"""Corporate actions in the books of a `MarketBroker`: positions, waiting orders, open trades, and
the money that is not paid yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from backfleet.engines.bt import bt
from backfleet.engines.market_feed import BookEvent, FeedRules
from backfleet.engines.tax_lots import TaxLots
from backfleet.engines.vector.bookings import book_event, entry_move, moved_size
from backfleet.engines.vector.state import Account

__all__ = ["FollowPosition", "OpenEvents"]

FollowPosition = Callable[[Any, float, float], None]
"""Takes a feed, and the shares held before and after."""


class OpenEvents:
    """The events of a task that have not happened, or are not paid yet.

    Attributes
    ----------
    followers
        Called with each position that an event changes.
    receivable
        The money that is not paid yet.
    lots
        The purchases of each feed whose dividends are taxed.
    """

    def __init__(
        self,
        feeds: Sequence[Any],
        events: Sequence[BookEvent],
        rules: Mapping[Any, FeedRules],
        in_seen_shares: bool,
    ) -> None:
        self.followers: list[FollowPosition] = []
        self.receivable = 0.0
        # Without a tax nothing has to be remembered about a purchase.
        self.lots = {feeds[event.feed]: TaxLots() for event in events if any(event.taxes)}
        self._feeds = feeds
        self._events = events
        self._rules = rules
        self._in_seen_shares = in_seen_shares
        self._booked = 0
        self._due: list[tuple[float, float]] = []
        self._moved: dict[Any, tuple[int, float]] = {}

    def close_of(self, data: Any) -> float:
        """Return the traded close of a feed's last bar, moved by the ex-dates since."""
        # Positions of a halted symbol are valued at the last close, which is from before the
        # ex-date. A new bar makes the moved close obsolete.
        bars, close = self._moved.get(data, (-1, 0.0))
        return close if bars == len(data) else self._rules[data].prices[len(data) - 1][3]

    def book(self, broker: Any) -> None:
        """Book the events until the current session, and pay what is due."""
        if self._booked == len(self._events) and not self._due:
            return
        begun = [feed for feed in self._feeds if len(feed)]
        # An auxiliary feed may have bars before any symbol has one.
        if not begun:
            return
        # The clock of a portfolio: the latest session of any feed. A feed that is halted stays
        # behind.
        today = max(self._rules[feed].terms[len(feed) - 1].session for feed in begun)
        # Events are sorted by their days, so that each is booked once and none is looked at before
        # its day.
        while self._booked < len(self._events) and self._events[self._booked].day <= today:
            self._book(broker, self._events[self._booked])
            self._booked += 1
        # Paid in the order of the events and added one by one, as `bookings.pay_due` does.
        for pay, money in self._due:
            if pay <= today:
                broker.cash += money
        self._due = [(pay, money) for pay, money in self._due if pay > today]
        self.receivable = 0.0
        for _, money in self._due:
            self.receivable += money

    def _book(self, broker: Any, event: BookEvent) -> None:
        data = self._feeds[event.feed]
        # If the feed has a new bar, that is the bar of the event, whose close has moved already.
        is_halted = not self._has_bar(data, event.day)
        if is_halted:
            self._moved[data] = (len(data), self.close_of(data) * event.move)
        # The first access to a position decides its place in the account's value.
        position = broker.positions.get(data)
        before = Account(broker.cash, 0.0, 0.0)
        if position is not None:
            before = Account(broker.cash, float(position.size), position.price)
        after, due, basis = book_event(
            before, event.ratio, event.cash, event.rights, event.price, event.whole
        )
        # Also of short positions: `due` is then negative, and is paid by the account.
        if position is not None and before.size:
            broker.cash = after.cash
            position.fix(after.size, after.price)
            self._move_trades(broker, data, before, after, basis)
            if data in self.lots:
                self.lots[data].receive(event.taxes, after.size / before.size)
            for follow in self.followers:
                follow(data, before.size, after.size)
        if due:
            self._due.append((event.pay, due))
        # Orders that were placed at the last bar, and those that wait. The tuple is a copy:
        # `cancel` changes the queue.
        for order in (*broker.submitted, *broker.pending):
            if order.data is data:
                self._move_order(broker, order, event, before, after)

    def _has_bar(self, data: Any, day: float) -> bool:
        return bool(len(data)) and self._rules[data].terms[len(data) - 1].session >= day

    def _move_order(
        self, broker: Any, order: Any, event: BookEvent, before: Account, after: Account
    ) -> None:
        """Change the size and the prices of a waiting order by an event.

        A market order follows the reference price. An order with a price of its own keeps the price
        that the strategy sees, or its distance from the position's mean entry price. It is canceled
        if the event leaves no share.
        """
        if before.size and not after.size and order.exectype != bt.Order.Market:
            broker.cancel(order)
            return
        # The lots of the feed's current bar: in a halt, those of the last one.
        terms = self._rules[order.data].terms[len(order.data) - 1]
        created, size = order.created, float(order.executed.remsize)
        created.size = order.executed.remsize = moved_size(
            size, before.size, after.size, event.ratio, event.whole, terms
        )
        move = event.move
        # A vector strategy's protective orders are set from the entry price of the position. An
        # order of a backtrader strategy keeps the price that the strategy sees.
        if order.exectype != bt.Order.Market and not self._in_seen_shares:
            move = entry_move(before, after)
        created.price = created.price * move
        created.pricelimit = created.pricelimit * move
        if order.trailamount:
            # `trailadjust` reads the order's attribute, which is at first that of its parameters.
            order.trailamount = created.trailamount = order.trailamount * move
        order._limitoffset *= move

    def _move_trades(
        self, broker: Any, data: Any, before: Account, after: Account, basis: float
    ) -> None:
        """Change the open trades of a position by an event, each trade id by its part."""
        for trades in broker.cerebro.runningstrats[0]._trades[data].values():
            # Only the last trade of an id can be open.
            trade = trades[-1]
            if not trade.size:
                continue
            size, cost, left = before.size, basis, after.size
            # With one trade id, all is taken from the position, without a division that would
            # round.
            if trade.size != before.size:
                part = trade.size / before.size
                size, cost, left = trade.size, part * basis, part * after.size
            if left:
                trade.price = (trade.price * size + cost) / left
            else:
                self._close_trade(trade, -(trade.price * size + cost))
            trade.size = left

    def _close_trade(self, trade: Any, pnl: float) -> None:
        trade.pnl += pnl
        trade.pnlcomm = trade.pnl - trade.commission
        trade.isclosed, trade.isopen, trade.status = True, False, trade.Closed
        trade.barclose = len(trade.data)
        trade.barlen = trade.barclose - trade.baropen
        trade.dtclose = max(feed.datetime[0] for feed in self._feeds if len(feed))
