"""Running one task: its bars, its seed, the engine, its metrics."""

from __future__ import annotations

import math
import time
import traceback
from dataclasses import dataclass, replace
from functools import partial

from backfleet.chunks.task_result import TaskResult, TaskStatus, outcome_digest, with_one_nan
from backfleet.engine import Engine, Outcome, Simulation
from backfleet.errors import BackfleetError, DataChanged
from backfleet.metrics.extended import MetricsReference, extended_metrics
from backfleet.metrics.summary import summary_of, with_risk_free_rate
from backfleet.metrics.trade_details import detailed_trades
from backfleet.no_bytecode import bytecode_disabled
from backfleet.plan.manifest import TaskKey
from backfleet.plan.task_context import TaskContext
from backfleet.plugins import load_plugin, row_hooks
from backfleet.strategy import load_strategy
from backfleet.strategy_folder import in_strategy_folder
from backfleet.summary import Calendar, Scalar, Summary, TaskReturns
from backfleet.vector_strategy import VectorStrategy
from backfleet.worker.bad_symbols import BadSymbol, BadSymbols
from backfleet.worker.own_metrics import own_columns
from backfleet.worker.seeding import Seeding, seed_generators
from backfleet.worker.storable import describe_error, storable
from backfleet.worker.task_bars import BarsLoader, TaskBars

__all__ = ["RanTask", "TaskRunner"]


@dataclass(frozen=True, eq=False)
class RanTask:
    """A task that its engine has run; `seconds` is what the engine took."""

    key: TaskKey
    bars: TaskBars
    outcome: Outcome
    seconds: float


class TaskRunner:
    """Runs the tasks of one run in this process.

    Raises PluginError where the strategy, the engine or a named plugin cannot be imported.

    Attributes
    ----------
    returns
        Those of the last task that `result` ran without error; None if they, or their sums, are not
        all finite numbers.
    """

    def __init__(self, plan: TaskContext) -> None:
        self.manifest = plan.manifest
        self._reference = plan.strategy
        engine = plan.engine or self.manifest.engine
        # Bytecode of a strategy beside its source would be a stale copy after an edit within a
        # second.
        with bytecode_disabled():
            self.strategy = load_strategy(plan.strategy)
            self.engine: Engine = load_plugin("engine", engine, Engine)()
            self._hooks = row_hooks([plugin.name for plugin in self.manifest.identity.plugins])
            self._bars = BarsLoader(plan, self._hooks)
        # The tasks of a portfolio all have the same symbols, so one failure concerns all of them.
        symbols = 1 if self.manifest.is_portfolio else len(self.manifest.symbols)
        self._symbols = BadSymbols(self._bars.of, symbols)
        self._seeding = Seeding(
            self.manifest.identity.seed, always=not issubclass(self.strategy, VectorStrategy)
        )
        self._extended = self.manifest.identity.results.extended
        self._risk_free_rate = self.manifest.identity.results.risk_free_rate
        # Without rows that need the equity curve or the trades, an engine may return a summary
        # only, which is faster.
        self._summarizes = not (self.manifest.keeps_detail or self._hooks or self._extended)
        self.returns: TaskReturns | None = None

    def result(self, index: int) -> TaskResult:
        """Run a task. What the strategy or a plugin raises becomes the result.

        A symbol whose bars are damaged or have changed costs its own tasks. Raises DataError if
        that holds for all of the first symbols, DataChanged also for a declared file, StoreError,
        and MemoryError.
        """
        key = self.manifest.task(index)
        started = time.perf_counter()
        try:
            # Apart from the `try` below: an error of backfleet ends the child here, but it is the
            # task's own result if it comes out of the strategy.
            bars = self._symbols.load(key)
        # These end the child, since other tasks would meet them, too.
        except (BackfleetError, MemoryError):
            raise
        except BadSymbol as bad:
            return self._failed(index, bad.reason, time.perf_counter() - started)
        except Exception as error:
            return self._failed(index, error, time.perf_counter() - started)
        try:
            if self._summarizes:
                return self._summarized(key, bars)
            return self._finished(self._simulate(key, bars))
        except (MemoryError, DataChanged):
            raise
        # Also SystemExit: a strategy that calls `sys.exit` costs its own task only.
        except BaseException as error:
            return self._failed(index, error, time.perf_counter() - started)

    def simulate(self, index: int) -> RanTask:
        """Run a task for a debugger: what the strategy raises passes through."""
        key = self.manifest.task(index)
        with in_strategy_folder(self._reference):
            return self._simulate(key, self._bars.of(key))

    def summary(self, ran: RanTask) -> Summary:
        """The summary of a task that ran, with what the job's plugins add to its row."""
        sessions = ran.bars.sessions(ran.outcome.equity)
        calendar = Calendar(sessions, ran.bars.periods_per_year)
        summary = summary_of(ran.outcome, self.manifest.broker.cash, calendar)
        summary = self._with_risk_free_rate(summary)
        if not (self._hooks or self._extended):
            return summary
        custom: dict[str, Scalar] = {}
        if self._extended:
            reference = MetricsReference(
                self.manifest.broker.cash,
                self._risk_free_rate,
                ran.bars.bars if ran.bars.benchmark is None else (ran.bars.benchmark,),
            )
            custom.update(extended_metrics(ran.outcome.equity, calendar, reference))
        # In this order the strategy's own metrics replace extended ones of the same name, and a
        # plugin's replace both.
        custom.update(summary.custom)
        for plugin in self._hooks:
            for more in plugin.hook.backfleet_metrics(params=ran.key.params, outcome=ran.outcome):
                custom.update(more)
        return summary._replace(custom=custom)

    def _with_risk_free_rate(self, summary: Summary) -> Summary:
        if not self._risk_free_rate:
            return summary
        metrics = with_risk_free_rate(summary.metrics, self._risk_free_rate)
        return summary._replace(metrics=metrics)

    def _simulate(self, key: TaskKey, bars: TaskBars) -> RanTask:
        seed_generators(self.manifest.identity.seed, key)
        started = time.perf_counter()
        outcome = self.engine.run(self._simulation(key, bars))
        if not isinstance(outcome, Outcome):
            raise TypeError(f"engine {self.engine.name!r} returned no outcome, but {outcome!r}")
        return RanTask(key, bars, outcome, time.perf_counter() - started)

    def _simulation(
        self, key: TaskKey, bars: TaskBars, calendar: Calendar | None = None
    ) -> Simulation:
        identity = self.manifest.identity
        of_signals = {name for signal in identity.signals for name in signal.columns}
        return Simulation(
            self.strategy,
            # Parameters of a signal's columns choose the signal; the strategy does not know them.
            {name: value for name, value in key.params.items() if name not in of_signals},
            bars.bars,
            self.manifest.broker,
            calendar,
            identity.results.analyzers,
            identity.data.feeds,
            tuple((signal.kind, signal.at(key.params)) for signal in identity.signals),
        )

    def _summarized(self, key: TaskKey, bars: TaskBars) -> TaskResult:
        """The result of a task whose details are not stored."""
        # The sessions of a portfolio follow from its equity curve.
        if len(bars.bars) > 1:
            ran = self._simulate(key, bars)
            return self._result(key, self.summary(ran), ran.seconds, ran.outcome.fallback)
        calendar = Calendar(bars.session, bars.periods_per_year)
        simulation = self._simulation(key, bars, calendar)
        started = time.perf_counter()
        # The engine returns a Summary, or an Outcome if it cannot summarize this simulation.
        result = self._seeding.run(key, partial(self.engine.run, simulation))
        seconds = time.perf_counter() - started
        if isinstance(result, Outcome):
            summary = self.summary(RanTask(key, bars, result, seconds))
            return self._result(key, summary, seconds, result.fallback)
        return self._result(key, self._with_risk_free_rate(result), seconds, None)

    def _finished(self, ran: RanTask) -> TaskResult:
        result = self._result(ran.key, self.summary(ran), ran.seconds, ran.outcome.fallback)
        if not self.manifest.keeps_detail:
            return result
        bars, broker = ran.bars.bars, self.manifest.broker
        multipliers = [broker.multiplier_of(symbol.symbol) for symbol in bars]
        trades = detailed_trades(ran.outcome.trades, ran.outcome.fills, bars, multipliers)
        # The live strategy object refers to the whole simulation, and it cannot be stored.
        outcome = with_one_nan(replace(ran.outcome, strategy=None, trades=trades))
        return replace(result, digest=outcome_digest(outcome), outcome=outcome)

    def _result(
        self, key: TaskKey, summary: Summary, seconds: float, fallback: str | None
    ) -> TaskResult:
        # Of all sums, that of the fourth powers is the first that is no finite number.
        self.returns = summary.returns if math.isfinite(summary.sums.fourths) else None
        return TaskResult(
            task=key.index,
            status=TaskStatus(summary.status),
            metrics=summary.metrics,
            sums=summary.sums,
            custom=own_columns(summary.custom, key.params),
            seconds=seconds,
            engine=self.engine.name,
            fallback=fallback,
        )

    def _failed(self, index: int, error: BaseException, seconds: float) -> TaskResult:
        return TaskResult(
            index,
            TaskStatus.ERROR,
            describe_error(error, self.strategy.__module__.partition(".")[0]),
            seconds=seconds,
            engine=self.engine.name,
            log=storable("".join(traceback.format_exception(error))),
        )
