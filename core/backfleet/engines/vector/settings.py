"""The numbers that a compiled simulation needs, in one array.

numba looks at every argument of a call. For a tuple of this size, that takes as long as hundreds of
bars.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backfleet.engines.vector.rules import Rules
from backfleet.engines.vector.state import BrokerParams
from backfleet.jit import inlined

__all__ = ["FIRST_OWN", "broker_of", "pack_settings", "rules_of"]

FIRST_OWN = len(Rules._fields) + len(BrokerParams._fields)
"""Position of the first number that only one kind of simulation has."""


def pack_settings(rules: Rules, broker: BrokerParams, *own: float) -> NDArray[np.float64]:
    """Return the rules, the broker and the simulation's own numbers in one array."""
    return np.array((*rules, *broker, *own))


@inlined
def rules_of(settings: NDArray[np.float64]) -> Rules:
    """Return the rules in an array of settings."""
    # Positions are those of `pack_settings`. numba cannot turn a slice of an array into a tuple, so
    # each number is written out.
    return Rules(int(settings[0]), int(settings[1]), settings[2], settings[3], settings[4])


@inlined
def broker_of(settings: NDArray[np.float64]) -> BrokerParams:
    """Return the broker in an array of settings, without the costs of a market."""
    return BrokerParams(
        settings[5],
        settings[6],
        settings[7],
        settings[8],
        settings[9],
        settings[10],
        settings[11],
        settings[12],
        settings[13],
        settings[14],
        # Taxes and fees of a market depend on the bar, and `broker_with` fills them in. Without a
        # market they are constants, so that the compiler leaves out their sums.
        0.0,
        0.0,
        0.0,
    )
