"""pytest fixtures of synthetic bars, found by pytest wherever backfleet is installed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from backfleet.bars import Bars

__all__ = [
    "choppy_bars",
    "falling_bars",
    "gapped_bars",
    "halted_bars",
    "limit_bars",
    "rising_bars",
    "sideways_bars",
    "split_bars",
    "synthetic_bars",
]


@pytest.fixture(scope="session")
def synthetic_bars() -> Callable[..., Bars]:
    """A function that makes bars; see `backfleet.testing.synthetic_bars`."""
    # Imported by the tests that need it: this module is imported by every pytest.
    from backfleet.testing.markets import synthetic_bars

    return synthetic_bars


def _market(name: str, description: str) -> Any:
    """Return a fixture with the bars of a market; pytest calls it as the variable is called."""

    def bars(synthetic_bars: Callable[..., Bars]) -> Bars:
        return synthetic_bars(name)

    # pytest shows it in its list of fixtures.
    bars.__doc__ = description
    return pytest.fixture(scope="session")(bars)


rising_bars = _market("rising", "A market that rises, with noise.")
falling_bars = _market("falling", "A market that falls, with noise.")
sideways_bars = _market("sideways", "A market that swings about one price.")
choppy_bars = _market("choppy", "A random walk.")
gapped_bars = _market("gaps", "Some opens lie 8 % off the close before.")
halted_bars = _market("halts", "Some bars, also several in a row, are not tradable.")
limit_bars = _market("limits", "On some days all trades are at the price limit.")
split_bars = _market("splits", "Traded prices fall to a half and to a tenth; adjusted ones go on.")
