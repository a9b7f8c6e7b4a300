"""`[broker]`: the simulated broker and its costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self, TypeVar

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from backfleet.class_call import CLASS
from backfleet.job import rules
from backfleet.job.class_table import ClassTable
from backfleet.job.fields import Number, Text
from backfleet.job.section import CLASS_TAG, NUMBER_TAG, TABLE_TAG, Section

__all__ = ["Broker", "CommissionSection", "SlippageSection", "SymbolCostsSection"]

Switch = Annotated[bool, Field(strict=True)]
Positive = Annotated[Number, Field(gt=0)]
NotNegative = Annotated[Number, Field(ge=0)]


def _tag(value: object) -> str:
    if isinstance(value, Mapping) and CLASS in value:
        return CLASS_TAG
    # A section that was built in Python arrives as a model instead of a table.
    return TABLE_TAG if isinstance(value, (Mapping, Section)) else NUMBER_TAG


class CommissionSection(Section):
    """`[broker.commission]`: the commission as a table, in place of a number.

    Attributes
    ----------
    rate
        A fraction of shares times price.
    per_share
        Money per share or contract.
    per_order
        Money per order. A reversal pays it twice, as the minimum.
    multiplier
        Profit of one share or contract if the price rises by 1. Without a margin, it counts when a
        position closes; until then, a position is worth its price.
    margin
        Money that a contract ties up; its profits and losses are booked at every close. Without it,
        a position costs its price.
    leverage
        How many times its cash a long position is worth.
    interest
        Per year, as a fraction of a short position's value at its entry price.
    interest_on_long
        Whether long positions pay interest, too.
    """

    rate: Annotated[Number, Field(ge=0, lt=1)] = 0.0
    per_share: NotNegative = 0.0
    per_order: NotNegative = 0.0
    multiplier: Positive = 1.0
    margin: Positive | None = None
    leverage: Positive = 1.0
    interest: NotNegative = 0.0
    interest_on_long: Switch = False


class SlippageSection(Section):
    """`[broker.slippage]`: the slippage as a table, in place of a number.

    Attributes
    ----------
    per_share
        Money per share, in price units.
    rate
        In place of that: a fraction of the price.
    open
        Whether orders that fill at the open of a bar have slippage.
    match
        Whether a fill that slippage would carry out of the bar's range takes place at the end of
        the range; otherwise the order waits.
    limit
        Without `match`: whether a limit order takes place at its limit all the same.
    out
        Whether fills may leave the bar's range.
    """

    per_share: NotNegative = 0.0
    rate: Annotated[Number, Field(ge=0, lt=1)] = 0.0
    open: Switch = True
    match: Switch = True
    limit: Switch = True
    out: Switch = False

    @model_validator(mode="after")
    def _one_amount(self) -> Self:
        if self.per_share and self.rate:
            raise ValueError("has both per_share and rate; give one of them")
        return self


# The tag picks the one form to validate. From a plain union, pydantic would report what is wrong
# with the value in each of its forms.
CommissionValue = Annotated[
    Annotated[Annotated[Number, Field(ge=0, lt=1)], Tag(NUMBER_TAG)]
    | Annotated[CommissionSection, Tag(TABLE_TAG)]
    | Annotated[ClassTable, Tag(CLASS_TAG)],
    Discriminator(_tag),
]
SlippageValue = Annotated[
    Annotated[NotNegative, Tag(NUMBER_TAG)] | Annotated[SlippageSection, Tag(TABLE_TAG)],
    # There is no class of slippage: a table with `class` is a table with an unknown key.
    Discriminator(lambda value: NUMBER_TAG if _tag(value) == NUMBER_TAG else TABLE_TAG),
]


Costs = TypeVar("Costs", "SymbolCostsSection", "Broker")

AnyCommission = float | CommissionSection | dict[str, Any]
"""The three forms of a valid commission."""


# A class computes the whole commission of an order, so a minimum would be ignored.
def _refuse_minimum_of_class(costs: Costs) -> Costs:
    if isinstance(costs.commission, dict) and costs.minimum_commission:
        raise ValueError("minimum_commission cannot be combined with a class of commissions")
    return costs


class SymbolCostsSection(Section):
    """`[broker.symbols.NAME]`: costs of one symbol, in place of those of all symbols.

    Attributes
    ----------
    commission, minimum_commission
        As in `[broker]`, and by default what stands there.
    """

    commission: CommissionValue | None = None
    minimum_commission: NotNegative | None = None

    _one_minimum = model_validator(mode="after")(_refuse_minimum_of_class)


class Broker(Section):
    """`[broker]`: the simulated broker. Money is in the currency of the prices.

    Attributes
    ----------
    cash
        At the start, in the currency of the prices.
    commission
        A fraction of the traded value, or a table; with the key `class`, a class of
        commission schemes, below.
    minimum_commission
        Minimum commission per order. A reversal pays it twice: to close and to open.
    slippage
        Slippage per share, in price units, or a table. Fills stay within the bar's range.
    symbols
        Symbols with costs of their own, by name.
    check_cash_at_submission
        Whether an order is rejected when it is placed if its cost at the close exceeds the cash. It
        is checked again when the order fills.
    fill_at_close
        Whether market orders fill at the close of the bar at which they are placed, which no real
        order can do.
    cheat_on_open
        Whether the strategy's `next_open` sees a bar's open before orders fill at it.
    session_end_fills
        Whether orders at the close fill at a bar that has the time of the session's end.
    short_cash
        Whether a short sale adds to the cash; otherwise it costs what a purchase costs.
    interest_in_pnl
        Whether interest is part of the commission of the order that closes the position.
    fund_mode, fund_start_value
        Whether analyzers measure the value of a fund's share, and what it is at the start.
    volume_filler
        A class that says how much of an order a bar's volume fills, below.
    """

    cash: Positive = 100_000.0
    commission: CommissionValue = 0.0
    minimum_commission: NotNegative = 0.0
    slippage: SlippageValue = 0.0
    symbols: dict[Annotated[Text, AfterValidator(rules.symbol_name)], SymbolCostsSection] = Field(
        default_factory=dict
    )
    check_cash_at_submission: Switch = True
    fill_at_close: Switch = False
    cheat_on_open: Switch = False
    session_end_fills: Switch = False
    short_cash: Switch = True
    interest_in_pnl: Switch = True
    fund_mode: Switch = False
    fund_start_value: Positive = 100.0
    volume_filler: ClassTable | None = None

    _one_minimum = model_validator(mode="after")(_refuse_minimum_of_class)
