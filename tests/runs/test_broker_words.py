"""The costs of a run in words."""

from __future__ import annotations

import pytest

from backfleet.class_call import ClassCall
from backfleet.engine import BrokerSettings, Commission, Slippage, SymbolCosts
from backfleet.runs.broker_words import broker_words


@pytest.mark.parametrize(
    ("costs", "words"),
    [
        (
            (0.0002, 5.0, 0.01),
            "commission 0.0200%, at least 5.00 per order, slippage 0.01 per share",
        ),
        ((0.0, 0.0, 0.01), "slippage 0.01 per share"),
        ((0.0, 0.0, 0.0), "none"),
    ],
)
def test_plain_costs_are_named_unless_they_are_zero(
    costs: tuple[float, float, float], words: str
) -> None:
    assert broker_words(BrokerSettings(1e5, *costs)) == {"Costs": words}


def test_tables_are_written_as_in_the_job() -> None:
    broker = BrokerSettings(
        1e5,
        Commission(per_share=2.0, margin=500.0),
        slippage=Slippage(rate=0.001, open=False),
        symbols=(SymbolCosts("ES", Commission(rate=0.1), 3.0),),
        fill_at_close=True,
        volume_filler=ClassCall("FixedBarPerc", (("perc", 10),)),
    )
    assert broker_words(broker) == {
        "Costs": "commission = { per_share = 2.0, margin = 500.0 }; minimum_commission = 0.0; "
        "slippage = { rate = 0.001, open = false }",
        "Broker": "symbols = { ES = { commission = { rate = 0.1 }, minimum_commission = 3.0 } }; "
        'fill_at_close = true; volume_filler = { class = "FixedBarPerc", perc = 10 }',
    }
