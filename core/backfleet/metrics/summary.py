"""What the results say of a task, and engines that can tell it without what it is made from."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from backfleet.engine import Engine, Outcome, Scalar, Simulation
from backfleet.metrics.columns import Metrics
from backfleet.metrics.compute import compute_metrics
from backfleet.metrics.trust import Status, verdict

__all__ = ["Calendar", "SummarisingEngine", "Summary", "summary_of"]


@dataclass(frozen=True, eq=False)
class Calendar:
    """What metrics are measured along.

    Attributes
    ----------
    sessions
        datetime64[D] of shape (bars,), ascending: the session of each record of the equity curve.
    periods_per_year
        Sessions a year, for annualising.
    """

    sessions: NDArray[np.datetime64]
    periods_per_year: float


class Summary(NamedTuple):
    """A task's metrics, its verdict, and the scalars that its strategy left."""

    metrics: Metrics
    status: Status
    custom: Mapping[str, Scalar]


class SummarisingEngine(Engine):
    """An engine that tells a task's summary sooner than all its orders and its equity curve."""

    @abstractmethod
    def summarise(self, simulation: Simulation, calendar: Calendar) -> Summary:
        """Equal to `summary_of` what `run` returns. What the strategy raises passes through."""


def summary_of(outcome: Outcome, cash: float, calendar: Calendar) -> Summary:
    """The summary of an outcome; `cash` is what the account began with."""
    metrics = compute_metrics(outcome, cash, calendar.periods_per_year, calendar.sessions)
    return Summary(metrics, verdict(outcome).status, outcome.metrics)
