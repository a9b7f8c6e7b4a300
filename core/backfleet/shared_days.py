"""`SharedDays`: the sessions of a symbol as a key of what is computed from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["SharedDays"]


@dataclass(frozen=True, eq=False)
class SharedDays:
    """Sessions, datetime64[D], which are equal if all days are.

    Most symbols of a market have the same sessions, and often the same array. So comparing them
    costs nothing, and hashing them must not: that looks at the first and the last day only.
    """

    sessions: NDArray[np.datetime64]

    def __hash__(self) -> int:
        # The stride is the length less one, so that the slice has the first and the last day. One
        # session gives one day, and no session none.
        return hash(
            (len(self.sessions), self.sessions[:: max(len(self.sessions) - 1, 1)].tobytes())
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SharedDays):
            return NotImplemented
        sessions = other.sessions
        return sessions is self.sessions or bool(np.array_equal(sessions, self.sessions))
