"""pytest fixtures of synthetic bars, found by pytest wherever backfleet is installed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

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
    """Makes bars: `synthetic_bars("rising", bars=100)`; see `backfleet.testing.synthetic_bars`."""
    # Imported by the tests that need it: this module is imported by every pytest.
    from backfleet.testing.markets import synthetic_bars

    return synthetic_bars


@pytest.fixture(scope="session")
def rising_bars(synthetic_bars: Callable[..., Bars]) -> Bars:
    """A market that rises, with noise."""
    return synthetic_bars("rising")


@pytest.fixture(scope="session")
def falling_bars(synthetic_bars: Callable[..., Bars]) -> Bars:
    """A market that falls, with noise."""
    return synthetic_bars("falling")


@pytest.fixture(scope="session")
def sideways_bars(synthetic_bars: Callable[..., Bars]) -> Bars:
    """A market that swings about one price."""
    return synthetic_bars("sideways")


@pytest.fixture(scope="session")
def choppy_bars(synthetic_bars: Callable[..., Bars]) -> Bars:
    """A random walk."""
    return synthetic_bars("choppy")


@pytest.fixture(scope="session")
def gapped_bars(synthetic_bars: Callable[..., Bars]) -> Bars:
    """Some opens lie 8 % off the close before."""
    return synthetic_bars("gaps")


@pytest.fixture(scope="session")
def halted_bars(synthetic_bars: Callable[..., Bars]) -> Bars:
    """Some bars, also several in a row, are not tradable."""
    return synthetic_bars("halts")


@pytest.fixture(scope="session")
def limit_bars(synthetic_bars: Callable[..., Bars]) -> Bars:
    """On some days all trades are at the price limit."""
    return synthetic_bars("limits")


@pytest.fixture(scope="session")
def split_bars(synthetic_bars: Callable[..., Bars]) -> Bars:
    """Traded prices fall to a half and to a tenth; adjusted ones go on."""
    return synthetic_bars("splits")
