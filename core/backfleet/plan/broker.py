"""A job's broker as engines get it, and which engines know its settings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from backfleet.engine import BrokerSettings, Commission, Slippage, SymbolCosts
from backfleet.errors import JobError
from backfleet.job.refusal import nearest
from backfleet.plan.data import source_of

if TYPE_CHECKING:
    from backfleet.job import Job
    from backfleet.job import broker as keys

__all__ = ["broker_settings", "broker_table", "check_broker", "check_symbols", "unknown_to_vector"]

PLAIN = frozenset(
    {
        "cash",
        "commission",
        "commission.rate",
        "minimum_commission",
        "slippage",
        "slippage.per_share",
    }
)
"""The settings that every engine knows."""
MARKET = PLAIN | {
    "commission.per_share",
    "commission.per_order",
    "slippage.rate",
    "slippage.open",
    "slippage.limit",
}
VECTOR = MARKET | {"commission.multiplier", "slippage.out"}
BACKTRADER = ("backtrader", "backtrader-stock")
OF_SYMBOL = re.compile(r"symbols\..*?\.(?=commission\b|minimum_commission\b)")


def broker_settings(broker: keys.Broker, symbols: Sequence[str]) -> BrokerSettings:
    """Return the broker of a run with these symbols, in one form for the same numbers."""
    plain = ("commission", "slippage", "symbols")
    values = {name: getattr(broker, name) for name in type(broker).model_fields}
    return BrokerSettings(
        commission=_commission(broker.commission),
        slippage=_slippage(broker.slippage),
        symbols=tuple(_costs(broker, name) for name in sorted({*symbols} & {*broker.symbols})),
        **{name: value if isinstance(value, bool) else value + 0.0
           for name, value in values.items() if name not in plain},
    )  # fmt: skip


def _commission(commission: float | keys.Commission) -> float | Commission:
    table = _commission_table(commission)
    return table.rate if table == Commission(rate=table.rate) else table


def _commission_table(commission: float | keys.Commission) -> Commission:
    if isinstance(commission, (int, float)):
        return Commission(rate=commission + 0.0)
    return Commission(
        rate=commission.rate + 0.0,
        per_share=commission.per_share + 0.0,
        per_order=commission.per_order + 0.0,
        margin=(commission.margin or 0.0) + 0.0,
        multiplier=commission.multiplier + 0.0,
        leverage=commission.leverage + 0.0,
        interest=commission.interest + 0.0,
        interest_on_long=commission.interest_on_long,
    )


def _slippage(slippage: float | keys.Slippage) -> float | Slippage:
    if isinstance(slippage, (int, float)):
        return slippage + 0.0
    switches = slippage.model_dump(include={"open", "limit", "match", "out"})
    table = Slippage(slippage.per_share + 0.0, slippage.rate + 0.0, **switches)
    if not (table.per_share or table.rate):
        return 0.0
    return table.per_share if table == Slippage(per_share=table.per_share) else table


def _costs(broker: keys.Broker, symbol: str) -> SymbolCosts:
    own = broker.symbols[symbol]
    commission = broker.commission if own.commission is None else own.commission
    minimum = broker.minimum_commission
    if own.minimum_commission is not None:
        minimum = own.minimum_commission
    return SymbolCosts(symbol, _commission_table(commission), minimum + 0.0)


def broker_table(settings: BrokerSettings) -> dict[str, Any]:
    """Return the `[broker]` that gives these settings, without defaults that were added later."""
    default = BrokerSettings(settings.cash)
    plain = ("cash", "commission", "minimum_commission", "slippage")
    table = {
        field.name: _written(value)
        for field in fields(settings)
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
    """A commission or slippage as a table without its defaults."""
    if not isinstance(value, (Commission, Slippage)):
        return value
    default = type(value)()
    given = {field.name: getattr(value, field.name) for field in fields(value)}
    return {name: part for name, part in given.items() if part != getattr(default, name)}


def check_symbols(job: Job, symbols: Sequence[str]) -> None:
    """Raise JobError for costs of a symbol that is neither among the run's nor in its source."""
    missing = sorted({*job.broker.symbols} - {*symbols})
    known = source_of(job.data).symbols() if missing else ()
    for symbol in missing:
        if symbol not in known:
            raise JobError(
                f"broker.symbols.{symbol}: the source has no symbol {symbol!r}"
                f"{nearest(symbol, known)}"
            )


def unknown_to_vector(job: Job) -> str | None:
    """Return the first key of the broker that the engine `vector` does not know; None if it knows
    all of them."""
    # In one loop over many symbols, all have the same costs.
    return _unknown(job, VECTOR, has_symbols=job.data.universe == "each")


def check_broker(job: Job, engines: Sequence[str]) -> None:
    """Raise JobError for settings of the broker that an engine or the market does not know."""
    if job.market is not None and (key := _unknown(job, MARKET, has_symbols=True)):
        raise JobError(
            f"broker.{key}: the rules of a market exclude it. Remove it, or remove [market]"
        )
    for engine in engines:
        if engine in BACKTRADER:
            continue
        unknown = unknown_to_vector(job) if engine == "vector" else _unknown(job, PLAIN)
        if unknown is not None:
            raise JobError(
                f"broker.{unknown}: the engine {engine!r} does not know it. Use engine = "
                "'backtrader', or remove the key"
            )


def _unknown(job: Job, known: frozenset[str], *, has_symbols: bool = False) -> str | None:
    """The first key of the broker that is not among those. `has_symbols` says whether they may be
    those of one symbol."""
    for key in job.broker.changed_keys():
        general = OF_SYMBOL.sub("", key) if has_symbols else key
        if general not in known:
            return key
    return None
