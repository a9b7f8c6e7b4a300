"""Apply `BrokerSettings` to a broker of backtrader."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backfleet.class_call import ClassCall
from backfleet.engine import BrokerSettings, Commission, SymbolCosts
from backfleet.engines.bt import bt
from backfleet.engines.classes import instantiate
from backfleet.engines.vector.broker import commission
from backfleet.engines.vector.state import BrokerParams

__all__ = ["JobCommission", "apply_settings", "apply_slippage", "not_traded"]


class JobCommission(bt.CommissionInfo):
    """The commission of a job, by the formula of the compiled broker."""

    params = (("settings", None),)

    def _getcommission(self, size: float, price: float, pseudoexec: bool) -> float:
        return float(commission(float(size), float(price), self.p.settings))


def apply_settings(broker: Any, settings: BrokerSettings, symbols: Sequence[str]) -> None:
    """Set a `bt.brokers.BackBroker` up for feeds with the names of `symbols`."""
    broker.setcash(settings.cash)
    # Without a name it is the scheme of every feed that has none of its own.
    broker.addcommissioninfo(_scheme(settings, ""))
    for costs in settings.symbols:
        # The job may name symbols that are in other tasks.
        if costs.symbol in symbols:
            broker.addcommissioninfo(_scheme(settings, costs.symbol), name=costs.symbol)
    apply_slippage(broker, settings)
    broker.set_checksubmit(settings.check_cash_at_submission)
    broker.set_coc(settings.fill_at_close)
    broker.set_eosbar(settings.session_end_fills)
    broker.set_shortcash(settings.short_cash)
    broker.set_int2pnl(settings.interest_in_pnl)
    broker.set_fundmode(settings.fund_mode, settings.fund_start_value)
    if settings.volume_filler is not None:
        broker.set_filler(instantiate(settings.volume_filler, "volume filler"))


def apply_slippage(broker: Any, settings: BrokerSettings) -> None:
    """Set the slippage of a `bt.brokers.BackBroker`."""
    terms = settings.slippage_terms
    # All four are always passed, since the setters have defaults of their own and reset the others.
    switches = {
        "slip_open": terms.open,
        "slip_limit": terms.limit,
        "slip_match": terms.match,
        "slip_out": terms.out,
    }
    if terms.rate:
        broker.set_slippage_perc(terms.rate, **switches)
    elif terms.per_share:
        broker.set_slippage_fixed(terms.per_share, **switches)


def not_traded(feed: str) -> ValueError:
    """Return the error of a strategy that trades an auxiliary feed."""
    return ValueError(
        f"data.auxiliary.{feed} is an auxiliary feed, which can be read and not traded. To trade "
        "it, name it among data.symbols or data.feeds"
    )


def _scheme(settings: BrokerSettings, symbol: str) -> Any:
    """Return the commission scheme of a symbol: backtrader's own, which the fast broker knows, if
    it has one for these costs."""
    costs = settings.costs_of(symbol)
    terms = costs.commission
    if isinstance(terms, ClassCall):
        return instantiate(terms, "commission scheme")
    # None is how backtrader says that there is no margin. With a margin, positions are futures.
    common = {
        "margin": terms.margin or None,
        "stocklike": not terms.margin,
        "mult": terms.multiplier,
        "leverage": terms.leverage,
        "interest": terms.interest,
        "interest_long": terms.interest_on_long,
    }
    if not _is_backtraders(costs, terms):
        # Any explicit type keeps `stocklike` as it is passed; with None, backtrader derives it from
        # the margin. The formula is `_getcommission` above.
        rates = {
            "settings": BrokerParams.of(settings, symbol),
            "commtype": bt.CommInfoBase.COMM_PERC,
        }
        return JobCommission(**rates, **common)
    if terms.per_share:
        fixed = bt.CommInfoBase.COMM_FIXED
        return bt.CommissionInfo(commission=terms.per_share, commtype=fixed, **common)
    by_value = bt.CommInfoBase.COMM_PERC
    return bt.CommissionInfo(commission=terms.rate, commtype=by_value, **common)


def _is_backtraders(costs: SymbolCosts, terms: Commission) -> bool:
    has_both = terms.rate and terms.per_share
    return not (has_both or terms.per_order or costs.minimum_commission)
