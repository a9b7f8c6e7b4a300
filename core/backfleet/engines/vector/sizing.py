"""The order that a target places, compiled. `backtrader_adapter` computes the same with
backtrader's own methods.
"""

from __future__ import annotations

import math

import numpy as np

from backfleet.engines.vector.broker import commission
from backfleet.engines.vector.rules import Rules, SizingRule, TargetRule
from backfleet.engines.vector.state import Account, BrokerParams
from backfleet.jit import inlined

__all__ = ["EXACT", "order_size", "reversal_after"]

EXACT = 2.0**52
"""Whole numbers below it, and the sum of any two, are exact: more shares are never ordered."""


@inlined
def order_size(
    target: float, account: Account, value: float, close: float, rules: Rules, broker: BrokerParams
) -> float:
    """Return the signed size of the order that a target places at a close.

    Returns
    -------
    0 for no order; NaN if the number of shares cannot be computed exactly.
    """
    # NaN: the position stays as it is.
    if target != target:
        return 0.0
    if rules.target == TargetRule.POSITION:
        return position_change(target, account, value, close, rules, broker)
    if rules.target == TargetRule.SIZE:
        return size_change(target, account.size)
    if rules.target == TargetRule.PERCENT:
        return value_change(target * value, account.size, close)
    return value_change(target, account.size, close)


@inlined
def reversal_after(size: float, target: float, held: float, rules: Rules) -> float:
    """Return the position that a reversal enters after an order of `size` has left the one held;
    NaN if the order reverses nothing."""
    reverses = size != 0.0 and target * held < 0.0
    return target if reverses and rules.target == TargetRule.POSITION else math.nan


@inlined
def position_change(
    target: float, account: Account, value: float, close: float, rules: Rules, broker: BrokerParams
) -> float:
    """Return the order that enters when flat, and leaves when the target is another side."""
    held = account.size
    # A position is always left completely before the opposite one is entered: the entry needs the
    # cash that the exit brings, and is sized after it.
    if held != 0.0:
        return -held if target == 0.0 or (target > 0.0) != (held > 0.0) else 0.0
    if target == 0.0:
        return 0.0
    # With negative cash or prices the size is negative. backtrader's `buy` and `sell` drop the
    # sign.
    shares = abs(entry_size(account.cash, value, close, rules, broker))
    return shares if target > 0.0 else -shares


@inlined
def entry_size(
    cash: float, value: float, close: float, rules: Rules, broker: BrokerParams
) -> float:
    """Shares by the sizing rule, before their sign is dropped."""
    if rules.sizing == SizingRule.FIXED:
        return rules.amount
    if rules.sizing == SizingRule.PERCENT_OF_CASH:
        return whole(cash * rules.amount / close)
    if rules.sizing == SizingRule.PERCENT_OF_VALUE:
        return floor_shares(value * rules.amount, close)
    most = whole(cash / close)
    return most if rules.sizing == SizingRule.ALL_IN else max_affordable(cash, close, most, broker)


@inlined
def max_affordable(cash: float, close: float, most: float, broker: BrokerParams) -> float:
    """Return the largest whole number of shares, at most `most`, that the cash can pay for
    including commission."""
    if most != most:
        return most
    # Costs grow with the shares. So `few` is 0 or fits, and nothing above `many` fits.
    few, many = 0.0, max(most, 0.0)
    # Without a minimum commission, the result is this number or one beside it, so that one or two
    # tries replace the bisection of up to 52 steps.
    likely = float(np.floor(cash / (close * (1.0 + broker.commission) + broker.per_share)))
    if few <= likely < many and fits(likely, cash, close, broker):
        if not fits(likely + 1.0, cash, close, broker):
            return likely
        few = likely
    while few < many:
        # Rounded up, so that `few = middle` makes progress. The sum is exact below `EXACT`.
        middle = np.ceil((few + many) / 2.0)
        if fits(middle, cash, close, broker):
            few = middle
        else:
            many = middle - 1.0
    return few


@inlined
def fits(shares: float, cash: float, close: float, broker: BrokerParams) -> bool:
    """Return whether cash suffices for a number of shares, in the broker's order of evaluation."""
    # The negation counts NaN as fitting, like the bisection of `backtrader_adapter`.
    return not commission(shares, close, broker) - (cash - shares * close) > 0.0


@inlined
def size_change(target: float, held: float) -> float:
    """Return the order by which `Strategy.order_target_size` reaches a number of shares."""
    change = target - held
    # backtrader fills a reversal in two legs. It takes an order for unfilled if their sum differs
    # from its size, so the order has the size to which the legs sum up in floats.
    if target * held < 0.0:
        change = -held + (held + change)
    return change


@inlined
def value_change(target: float, held: float, close: float) -> float:
    """Return the order by which `Strategy.order_target_value` reaches a value: shares for the
    difference in money, rounded towards 0."""
    # backtrader closes with `close`, which leaves no fraction of a share behind.
    if target == 0.0 and held != 0.0:
        return -held
    worth = held * close
    if target > worth:
        return floor_shares(target - worth, close)
    if target < worth:
        return -floor_shares(worth - target, close)
    return 0.0


@inlined
def floor_shares(money: float, close: float) -> float:
    """Return the shares of `CommInfoBase.getsize`, `money // close`; NaN if they are not exact."""
    # The negation also excludes NaN, and a close of 0, by which the quotient is infinite.
    if not abs(money / close) < EXACT:
        return math.nan
    return money // close


@inlined
def whole(shares: float) -> float:
    """Return the shares cut to a whole number; NaN if it is not exact."""
    # Adding 0.0 turns the -0.0 to which a small negative number is cut into 0.0.
    return float(np.trunc(shares)) + 0.0 if abs(shares) < EXACT else math.nan
