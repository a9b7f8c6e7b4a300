"""`CheckCase`: a strategy on the bars of one task, which every check looks at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backfleet.bars import Bars
from backfleet.check.result import BarLocation
from backfleet.check.time_limit import time_limit
from backfleet.engine import BrokerSettings, Engine, Outcome, Simulation
from backfleet.errors import DataError
from backfleet.plan.manifest import TaskKey
from backfleet.plan.plan import Plan
from backfleet.plugins import load_plugin, row_hooks
from backfleet.strategy import load_strategy
from backfleet.vector_strategy import VectorStrategy
from backfleet.worker.seeding import seed_generators
from backfleet.worker.task_bars import BarsLoader

__all__ = ["MIN_BARS", "CheckCase", "check_cases_of"]

MIN_BARS = 60
"""On fewer bars the checks would have next to nothing to compare."""

BACKTRADER = ("backtrader", "backtrader-stock")

# With much cash, no order is rejected, so that the orders show what the strategy wants.
RICH = BrokerSettings(cash=1_000_000.0, commission=0.0)


@dataclass(frozen=True, eq=False)
class CheckCase:
    """A strategy at one parameter point, on the bars of one task.

    Attributes
    ----------
    strategy
        A `backfleet.VectorStrategy` or a `backtrader.Strategy`.
    params
        A value for each parameter that is set; the others keep their defaults.
    bars
        One element per symbol.
    broker
        By default one with much cash and no commission.
    timeout
        Seconds that the strategy may take for the bars; 0 without a limit.
    """

    strategy: type
    bars: tuple[Bars, ...]
    params: Mapping[str, Any] = field(default_factory=dict)
    broker: BrokerSettings = RICH
    timeout: float = 0.0

    @property
    def is_vector(self) -> bool:
        return issubclass(self.strategy, VectorStrategy)

    @property
    def in_market(self) -> bool:
        """Whether orders follow the rules of a market."""
        return any(bars.terms is not None for bars in self.bars)

    @property
    def engines(self) -> tuple[str, ...]:
        """The engines that run it; the first one is that of a job with `engine = "auto"`."""
        events = [bars.events for bars in self.bars if bars.events is not None]
        # The engine `vector` has no dividend tax.
        is_taxed = any(symbol.taxes.any() for symbol in events)
        return ("vector", *BACKTRADER) if self.is_vector and not is_taxed else BACKTRADER

    @property
    def name(self) -> str:
        """The symbol, or the symbols of a portfolio."""
        return ", ".join(bars.symbol for bars in self.bars)

    def on(self, bars: tuple[Bars, ...]) -> CheckCase:
        """Return the same strategy on other bars."""
        return replace(self, bars=bars)

    def run(self, engine: str | None = None) -> Outcome:
        """Run it as a worker would. What the strategy raises passes through."""
        self.seed()
        chosen: Engine = load_plugin("engine", engine or self.engines[0], Engine)()
        with time_limit(self.timeout):
            outcome = chosen.run(Simulation(self.strategy, self.params, self.bars, self.broker))
        assert isinstance(outcome, Outcome)  # Only a simulation with a calendar may be summarized.
        return outcome

    def seed(self) -> None:
        """Seed `random` and numpy's global generator, alike for all runs of this case."""
        # The seed follows from the name and the parameters, not from the bars: changed bars of a
        # check must not change what is drawn.
        seed_generators(0, TaskKey(0, self.name, (), self.params))

    @cached_property
    def calendar(self) -> NDArray[np.int64]:
        """int64, ascending: every moment at which a symbol has a tradable bar."""
        # Symbols of a portfolio can have different calendars.
        return np.unique(np.concatenate([bars.time[bars.tradable] for bars in self.bars]))

    def session(self, time: int) -> str:
        """Return the session of a moment of the calendar, as YYYY-MM-DD."""
        # Each moment of the calendar is a bar of at least one symbol.
        bars = next(candidate for candidate in self.bars if time in candidate.time)
        return str(bars.session[np.searchsorted(bars.time, time)])

    def place(self, time: int, symbol: int) -> BarLocation:
        """Return the last bar of a symbol up to a moment."""
        bars = self.bars[symbol]
        # The last bar up to the moment: a symbol may have no bar at it.
        at = int(np.searchsorted(bars.time, time, "right")) - 1
        # Strategies see tradable bars only.
        number = int(np.count_nonzero(bars.tradable[:at]))
        return BarLocation(bars.symbol, number, str(bars.session[at]))


def check_cases_of(plan: Plan) -> Sequence[CheckCase]:
    """Return a case for each task at the job's first parameter point.

    Raises DataError if a task has too few bars to tell anything.
    """
    manifest = plan.manifest
    strategy = load_strategy(plan.strategy)
    loader = BarsLoader(plan.task_context(), row_hooks(plan.job.plugins))
    # Tasks are numbered symbol by symbol, so this is the first point of each symbol.
    tasks = [manifest.task(index) for index in range(0, manifest.tasks, len(manifest.points))]
    timeout = plan.job.resources.task_timeout
    subjects = [
        CheckCase(strategy, loader.of(key).bars, key.params, manifest.broker, timeout)
        for key in tasks
    ]
    for subject in subjects:
        if len(subject.calendar) < MIN_BARS:
            raise DataError(
                f"{subject.name} has too few bars, {len(subject.calendar)}, and a check needs at "
                f"least {MIN_BARS}; pass more with --data"
            )
    return subjects
