"""Brokers and rules of vector strategies for hypothesis to draw: half of each without extras, for
which the engine has a loop of its own."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from backfleet.engine import BrokerSettings, Commission, Slippage
from backfleet.vector_strategy import SIZINGS, TARGETS

__all__ = ["brokers", "guards", "rules"]

_CASH = st.sampled_from((1000.0, 1e5, 123456.78))
_COMMISSION = st.sampled_from((0.0, 0.0002, 0.01, 0.3))

_TABLES = st.builds(
    Commission,
    rate=st.sampled_from((0.0, 0.0002, 0.01)),
    per_share=st.sampled_from((0.0, 0.005, 1.3)),
    per_order=st.sampled_from((0.0, 0.0, 4.95)),
    multiplier=st.sampled_from((1.0, 10.0, 0.3)),
)
_SLIPPAGES = st.builds(
    Slippage,
    per_share=st.sampled_from((0.0, 0.01, 1.5)),
    open=st.booleans(),
    limit=st.booleans(),
    out=st.booleans(),
) | st.builds(
    Slippage,
    rate=st.sampled_from((0.0005, 0.01, 0.3)),
    open=st.booleans(),
    out=st.booleans(),
)

brokers = (
    st.builds(BrokerSettings, _CASH, _COMMISSION)
    | st.builds(
        BrokerSettings,
        _CASH,
        _COMMISSION,
        minimum_commission=st.sampled_from((0.0, 5.0)),
        slippage=st.sampled_from((0.0, 0.01, 1.5)),
    )
    | st.builds(
        BrokerSettings,
        _CASH,
        _COMMISSION | _TABLES,
        minimum_commission=st.sampled_from((0.0, 5.0)),
        slippage=_SLIPPAGES,
    )
)

_FRACTIONS = st.none() | st.sampled_from((0.001, 0.02, 0.1, 0.9))

guards: st.SearchStrategy[dict[str, Any]] = st.just({}) | st.fixed_dictionaries(
    {"stop_loss": _FRACTIONS, "take_profit": _FRACTIONS | st.just(1.7)}
)

rules = st.fixed_dictionaries(
    {
        "target": st.sampled_from(TARGETS),
        "sizing": st.sampled_from(SIZINGS),
        "amount": st.sampled_from((0.2, 0.5, 0.95, 1.0, 3.7, 100.0)),
    }
)
