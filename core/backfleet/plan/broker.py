"""A job's broker as engines get it, and back as a job's table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from backfleet.broker_settings import BrokerSettings, Commission, Slippage, SymbolCosts
from backfleet.class_call import ClassCall

if TYPE_CHECKING:
    from backfleet.job import broker as keys

__all__ = ["broker_settings", "broker_table"]


def broker_settings(
    broker: keys.Broker, symbols: Sequence[str], sizer: Mapping[str, Any] | None = None
) -> BrokerSettings:
    """Return the broker of a run with these symbols, in one form for the same numbers.

    `sizer` is the job's table.
    """
    tables = ("commission", "slippage", "symbols", "volume_filler")
    filler = broker.volume_filler
    values = {name: getattr(broker, name) for name in type(broker).model_fields}
    return BrokerSettings(
        commission=_commission(broker.commission),
        slippage=_slippage(broker.slippage),
        # Only symbols of the run, sorted: costs of others, and their order in the job, change no
        # number.
        symbols=tuple(_costs(broker, name) for name in sorted({*symbols} & {*broker.symbols})),
        # The keys that stand for themselves. A bool plus 0.0 would be a float.
        **{name: value if isinstance(value, bool) else value + 0.0
           for name, value in values.items() if name not in tables},
        volume_filler=None if filler is None else ClassCall.of(filler),
        sizer=None if sizer is None else ClassCall.of(sizer),
    )  # fmt: skip


def _commission(commission: keys.AnyCommission) -> float | Commission | ClassCall:
    table = _commission_table(commission)
    # A table with nothing but a rate is the same commission as a number.
    if isinstance(table, Commission) and table == Commission(rate=table.rate):
        return table.rate
    return table


def _commission_table(commission: keys.AnyCommission) -> Commission | ClassCall:
    if isinstance(commission, dict):
        return ClassCall.of(commission)
    if isinstance(commission, (int, float)):
        return Commission(rate=commission + 0.0)
    return Commission(
        # Adding 0.0 turns an int into a float and -0.0 into 0.0, so that equal numbers make one
        # run.
        rate=commission.rate + 0.0,
        per_share=commission.per_share + 0.0,
        per_order=commission.per_order + 0.0,
        margin=(commission.margin or 0.0) + 0.0,
        multiplier=commission.multiplier + 0.0,
        leverage=commission.leverage + 0.0,
        interest=commission.interest + 0.0,
        interest_on_long=commission.interest_on_long,
    )


def _slippage(slippage: float | keys.SlippageSection) -> float | Slippage:
    if isinstance(slippage, (int, float)):
        return slippage + 0.0
    switches = slippage.model_dump(include={"open", "limit", "match", "out"})
    table = Slippage(slippage.per_share + 0.0, slippage.rate + 0.0, **switches)
    # Without an amount, no switch can move a price.
    if not (table.per_share or table.rate):
        return 0.0
    # A table with nothing but an amount per share is the same slippage as a number.
    return table.per_share if table == Slippage(per_share=table.per_share) else table


def _costs(broker: keys.Broker, symbol: str) -> SymbolCosts:
    own = broker.symbols[symbol]
    commission = broker.commission if own.commission is None else own.commission
    # A class of the symbol's own computes its whole commission, so the common minimum is left out.
    minimum = 0.0 if isinstance(commission, dict) else broker.minimum_commission
    if own.minimum_commission is not None:
        minimum = own.minimum_commission
    return SymbolCosts(symbol, _commission_table(commission), minimum + 0.0)


def broker_table(settings: BrokerSettings) -> dict[str, Any]:
    """Return the `[broker]` that gives these settings, without defaults that were added later, and
    without the sizer."""
    default = BrokerSettings(settings.cash)
    plain = ("cash", "commission", "minimum_commission", "slippage")
    table = {
        field.name: _written(value)
        for field in fields(settings)
        # The sizer has a table of its own in a job, `[sizer]`.
        if field.name != "sizer"
        if (value := getattr(settings, field.name)) != getattr(default, field.name)
        or field.name in plain
    }
    if settings.symbols:
        table["symbols"] = {
            costs.symbol: {
                "commission": _written(costs.commission),
                "minimum_commission": costs.minimum_commission,
            }
            for costs in settings.symbols
        }
    return table


def _written(value: Any) -> Any:
    """A commission, slippage or class as a table without defaults."""
    if isinstance(value, ClassCall):
        return value.table()
    if not isinstance(value, (Commission, Slippage)):
        return value
    default = type(value)()
    given = {field.name: getattr(value, field.name) for field in fields(value)}
    return {name: part for name, part in given.items() if part != getattr(default, name)}
