"""The rules of a market for a portfolio, in little memory.

`market_rows` of 5,000 symbols and 2,520 steps would take 1.4 GB. Most rules change on a few dates
only, so that each combination of their values is kept once.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from backfleet.engines.vector.market_rules import BarTerms
from backfleet.jit import inlined
from backfleet.panel import Panel
from backfleet.terms import STEADY, SteadyTerms

__all__ = ["PanelRules", "panel_rules", "panel_terms_at"]


class PanelRules(NamedTuple):
    """The rules at each step and symbol.

    Attributes
    ----------
    values
        float64 of shape (combinations, 9): the different combinations of `SteadyTerms`.
    combination
        uint16 of shape (symbols, steps): the row of `values`.
    blocks
        int8 of shape (3, symbols, steps): `buy_block`, `sell_block` and `missed`.
    cap
        float64 of shape (symbols, steps); of shape (0, 0) if no volume is limited.
    session
        float64 of shape (steps,): the session of each step in days.
    """

    values: NDArray[np.float64]
    combination: NDArray[np.uint16]
    blocks: NDArray[np.int8]
    cap: NDArray[np.float64]
    session: NDArray[np.float64]


def panel_rules(panel: Panel) -> PanelRules | None:
    """Return the rules of a panel; None without a market. Raises ValueError if only some of its
    symbols follow one."""
    if all(bars.terms is None for bars in panel.bars):
        return None
    # The terms of a symbol are written in one piece, and read at the few steps with an order.
    shape = (len(panel.bars), len(panel))
    combination, blocks = np.zeros(shape, np.uint16), np.zeros((3, *shape), np.int8)
    every = [bars.terms for bars in panel.bars if bars.terms is not None]
    has_cap = any(terms.limits_volume for terms in every)
    cap = np.full(shape, np.inf) if has_cap else np.empty((0, 0))
    rows: dict[bytes, int] = {}
    known: dict[SteadyTerms, NDArray[np.intp]] = {}
    for number, (bars, steps) in enumerate(zip(panel.bars, panel.steps, strict=True)):
        terms = bars.terms
        if terms is None:
            raise ValueError(f"{bars.symbol} has no terms of the market that others have")
        # A slice writes a whole row at once; an array of steps is followed one by one.
        at = slice(None) if len(steps) == len(panel) else steps
        # Symbols with the same days share their steady terms.
        if terms.steady not in known:
            known[terms.steady] = _combinations(terms.steady, rows)
        combination[number, at] = known[terms.steady]
        for row, block in terms.blocks:
            blocks[row, number, at] = block
        if has_cap:
            cap[number, at] = terms.cap
    values = np.array([np.frombuffer(row, np.float64) for row in rows]).reshape(-1, len(STEADY))
    # In days and as floats, like the last row of `market_rows`.
    session = panel.session.astype("M8[D]").view(np.int64).astype(np.float64)
    return PanelRules(values, combination, blocks, cap, session)


def _combinations(steady: SteadyTerms, rows: dict[bytes, int]) -> NDArray[np.intp]:
    """Return the number of the combination at each bar, and add new ones to `rows`."""
    # An array cannot be a key, but its bytes can. The dictionary keeps the order of insertion,
    # which is that of the rows of `values`.
    numbers = [rows.setdefault(column.tobytes(), len(rows)) for column in steady.values.T]
    if len(rows) > np.iinfo(np.uint16).max:
        raise ValueError("the terms of the market have more than 65,535 combinations of values")
    # The combination of a change holds from its bar to that of the next change.
    borders = [0, *steady.changes.tolist()] if len(steady) else []
    return np.repeat(np.array(numbers, np.intp), np.diff([*borders, len(steady)]))


@inlined
def panel_terms_at(rules: PanelRules, step: int, symbol: int) -> BarTerms:
    """Return the rules of a symbol at a step at which it has a bar."""
    row = rules.combination[symbol, step]
    cap = np.inf
    if rules.cap.size != 0:
        cap = rules.cap[symbol, step]
    return BarTerms(
        rules.values[row, 0],
        rules.values[row, 1],
        rules.values[row, 2],
        cap,
        rules.values[row, 3],
        rules.values[row, 4],
        rules.values[row, 5],
        rules.values[row, 6],
        float(rules.blocks[0, symbol, step]),
        float(rules.blocks[1, symbol, step]),
        float(rules.blocks[2, symbol, step]),
        rules.values[row, 7],
        rules.values[row, 8],
        rules.session[step],
    )
