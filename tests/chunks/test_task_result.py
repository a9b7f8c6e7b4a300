"""One NaN in what is stored and hashed, whatever processor computed it."""

from __future__ import annotations

import math

import numpy as np

from backfleet.chunks.task_result import outcome_digest, with_one_nan
from backfleet.engine import EQUITY, FILL, ORDER, TRADE, Outcome

LENGTH = 5


def outcome_with(nan: float) -> Outcome:
    """An outcome without a strategy, each of whose records holds this NaN once."""
    tables = [np.ones(LENGTH, kind) for kind in (EQUITY, ORDER, FILL, TRADE)]
    for table in tables:
        table["size" if "size" in table.dtype.names else "value"][2] = nan
    return Outcome(*tables)


def test_outcomes_differ_in_no_bit_where_processors_differ_in_the_sign_of_nan() -> None:
    theirs, mine = outcome_with(math.nan), outcome_with(math.copysign(math.nan, -1.0))
    assert outcome_digest(theirs) != outcome_digest(mine)
    assert outcome_digest(with_one_nan(theirs)) == outcome_digest(with_one_nan(mine))


def test_records_without_such_a_nan_are_not_copied() -> None:
    outcome = outcome_with(math.nan)
    assert with_one_nan(outcome).orders is outcome.orders
