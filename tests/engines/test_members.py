"""Members of an index: what strategies of both kinds see of them, session by session."""

# mypy: allow-subclassing-any

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from types import MappingProxyType

import numpy as np
import pytest
from numpy.typing import NDArray

from backfleet import Bars, Panel, VectorStrategy
from backfleet.engine import BrokerSettings, Engine, Simulation
from backfleet.engines.backtrader import BacktraderEngine
from backfleet.engines.backtrader_stock import BacktraderStockEngine
from backfleet.engines.bt import bt
from backfleet.engines.vector.engine import VectorEngine
from backfleet.engines.vector.panels import panel_of
from backfleet.errors import DataError
from backfleet.facts import Span, SymbolFacts
from engine_tasks import make_bars

TABLES = ("equity", "orders", "fills", "trades")
BROKER = BrokerSettings(10_000.0, 0.001)
DAYS = 12


class HoldsMembers(VectorStrategy):
    """Holds a symbol while it is a member."""

    sizing = "fixed"
    amount = 10.0

    def targets(self, bars: Bars) -> NDArray[np.float64]:
        return np.where(bars.member("000300"), 1.0, 0.0)


class HoldsMembersScript(bt.Strategy):
    """The same, written for backtrader."""

    def next(self) -> None:
        is_member = self.data.member_000300[0]
        if is_member and not self.position:
            self.buy(size=10)
        elif not is_member and self.position:
            self.close()


def with_members(bars: Bars, *spans: tuple[int, int | None]) -> Bars:
    """Bars of a symbol that was a member from one bar to before another."""
    days: list[date] = [*bars.session.tolist(), bars.session[-1].item() + timedelta(1)]
    dated: tuple[Span, ...] = tuple(
        (days[first], None if stop is None else days[stop]) for first, stop in spans
    )
    facts = SymbolFacts(bars.symbol, spans=MappingProxyType({"index:000300": dated}))
    return replace(bars, facts=facts)


def test_every_engine_sees_members_as_of_the_session() -> None:
    tradable = np.arange(DAYS) != 4
    bars = make_bars(np.linspace(10.0, 12.0, DAYS), tradable=tradable)
    bars = with_members(bars, (1, 3), (4, 8))
    first, *others = [
        engine.run(Simulation(strategy, {}, (bars,), BROKER))
        for engine, strategy in (
            (VectorEngine(), HoldsMembers),
            (BacktraderEngine(), HoldsMembers),
            (BacktraderStockEngine(), HoldsMembers),
            (BacktraderEngine(), HoldsMembersScript),
            (BacktraderStockEngine(), HoldsMembersScript),
        )
    ]
    # Each fill is at the next tradable bar; bar 4 is halted.
    assert first.fills["time"].tolist() == bars.time[[2, 5, 6, 9]].tolist()
    for other in others:
        assert all(getattr(other, t).tobytes() == getattr(first, t).tobytes() for t in TABLES)
        assert other.fallback is None


def test_a_panel_shows_the_members_of_each_step_also_without_a_bar() -> None:
    tradable = np.array([True, False, True])
    first = with_members(make_bars([10.0, 11.0, 12.0], symbol="A", tradable=tradable), (0, 2))
    second = with_members(make_bars([10.0, 11.0, 12.0], symbol="B"), (2, None))
    panel: Panel = panel_of([first, second])
    assert panel.member("000300").tolist() == [[True, False], [True, False], [False, True]]


@pytest.mark.parametrize("engine", [VectorEngine(), BacktraderEngine()])
def test_members_that_nothing_is_known_of_are_an_error(engine: Engine) -> None:
    bars = make_bars([10.0, 11.0])
    with pytest.raises(DataError, match=r"when it was a member of the index '000300'. Name tables"):
        engine.run(Simulation(HoldsMembers, {}, (bars,), BROKER))
    spans = MappingProxyType({"index:000905": (), "st": ()})
    bars = replace(bars, facts=SymbolFacts("S", spans=spans))
    with pytest.raises(DataError, match=r"no history of the members of the index '000300', but of"):
        engine.run(Simulation(HoldsMembers, {}, (bars,), BROKER))


def test_a_column_that_would_hide_the_line_of_an_index_is_refused() -> None:
    bars = with_members(make_bars([10.0, 11.0], extra={"member_000300": np.ones(2)}), (0, None))
    with pytest.raises(DataError, match="two columns are called 'member_000300'"):
        BacktraderEngine().run(Simulation(HoldsMembersScript, {}, (bars,), BROKER))
