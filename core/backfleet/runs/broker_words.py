"""The costs and the other settings of a run's broker in words."""

from __future__ import annotations

from collections.abc import Mapping

from backfleet.engine import BrokerSettings
from backfleet.job.toml import toml_value
from backfleet.plan.broker import broker_table

__all__ = ["broker_words"]

COSTS = ("commission", "minimum_commission", "slippage")


def broker_words(broker: BrokerSettings) -> Mapping[str, str]:
    """Return label to text. Settings that are tables are written as in the job."""
    table = broker_table(broker)
    commission, slippage = broker.commission, broker.slippage
    # Plain numbers read well in a sentence; a schedule or a class is a table.
    if isinstance(commission, float) and isinstance(slippage, float):
        costs = _sentence(commission, broker.minimum_commission, slippage)
    else:
        costs = _settings({name: table[name] for name in COSTS})
    others = {name: value for name, value in table.items() if name not in ("cash", *COSTS)}
    return {"Costs": costs, **({"Broker": _settings(others)} if others else {})}


def _sentence(commission: float, minimum: float, slippage: float) -> str:
    parts = [
        f"commission {commission:.4%}" if commission else "",
        f"at least {minimum:,.2f} per order" if minimum else "",
        f"slippage {slippage:g} per share" if slippage else "",
    ]
    return ", ".join(filter(None, parts)) or "none"


def _settings(table: Mapping[str, object]) -> str:
    return "; ".join(f"{name} = {_toml(value)}" for name, value in table.items())


def _toml(value: object) -> str:
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{name} = {_toml(part)}' for name, part in value.items())} }}"
    return toml_value(value)
