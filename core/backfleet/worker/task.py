"""Running one task: its bars, its seed, the engine, its metrics."""

from __future__ import annotations

import hashlib
import json
import random
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from backfleet.chunks.names import custom_column
from backfleet.chunks.task_result import TaskResult, TaskStatus, outcome_digest
from backfleet.engine import Engine, Outcome, Scalar, Simulation
from backfleet.errors import BackfleetError
from backfleet.metrics import Metrics, compute_metrics, verdict
from backfleet.plan.manifest import TaskKey
from backfleet.plan.work import WorkPlan
from backfleet.plugins import load_plugin, row_hooks
from backfleet.worker.storable import describe_error, storable, storable_scalar
from backfleet.worker.task_bars import BarsLoader, TaskBars

__all__ = ["RanTask", "TaskRunner", "seed_generators"]


_CANONICAL = json.JSONEncoder(sort_keys=True).encode


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
    """

    def __init__(self, plan: WorkPlan) -> None:
        self.manifest = plan.manifest
        self.strategy = plan.strategy.load()
        self.engine: Engine = load_plugin("engine", plan.engine or self.manifest.engine, Engine)()
        self._hooks = row_hooks([each["name"] for each in self.manifest.identity["plugins"]])
        self._bars = BarsLoader(plan, self._hooks)

    def result(self, index: int) -> TaskResult:
        """Run a task. What the strategy or a plugin raises becomes the result.

        Raises DataError and StoreError where the bars cannot be had, and MemoryError.
        """
        key = self.manifest.task(index)
        started = time.perf_counter()
        try:
            bars = self._bars.of(key)
        except (BackfleetError, MemoryError):
            raise
        except Exception as error:
            return self._failed(index, error, time.perf_counter() - started)
        try:
            return self._finished(self._simulate(key, bars))
        except MemoryError:
            raise
        except BaseException as error:
            return self._failed(index, error, time.perf_counter() - started)

    def simulate(self, index: int) -> RanTask:
        """Run a task for a debugger: what the strategy raises passes through."""
        key = self.manifest.task(index)
        return self._simulate(key, self._bars.of(key))

    def metrics(self, ran: RanTask) -> Metrics:
        """The metrics of a task that ran."""
        return compute_metrics(
            ran.outcome,
            self.manifest.broker.cash,
            ran.bars.periods_per_year,
            ran.bars.sessions(ran.outcome.equity),
        )

    def custom(self, ran: RanTask) -> Mapping[str, Scalar]:
        """What the strategy and the job's plugins add to a row, by column."""
        found = dict(ran.outcome.metrics)
        params = ran.key.params
        for plugin in self._hooks:
            for more in plugin.hook.backfleet_metrics(params=params, outcome=ran.outcome):
                found.update(more)
        return {
            storable(custom_column(name, params)): storable_scalar(name, value)
            for name, value in found.items()
        }

    def _simulate(self, key: TaskKey, bars: TaskBars) -> RanTask:
        seed_generators(self.manifest.identity["seed"], key)
        started = time.perf_counter()
        outcome = self.engine.run(
            Simulation(self.strategy, key.params, bars.bars, self.manifest.broker)
        )
        return RanTask(key, bars, outcome, time.perf_counter() - started)

    def _finished(self, ran: RanTask) -> TaskResult:
        return TaskResult(
            task=ran.key.index,
            status=TaskStatus(verdict(ran.outcome).status),
            metrics=vars(self.metrics(ran)),
            custom=self.custom(ran),
            digest=outcome_digest(ran.outcome) if self.manifest.keeps_detail else "",
            outcome=replace(ran.outcome, strategy=None) if self.manifest.keeps_detail else None,
            seconds=ran.seconds,
            engine=self.engine.name,
        )

    def _failed(self, index: int, error: BaseException, seconds: float) -> TaskResult:
        return TaskResult(
            index,
            TaskStatus.ERROR,
            describe_error(error),
            seconds=seconds,
            engine=self.engine.name,
            log=storable("".join(traceback.format_exception(error))),
        )


def seed_generators(seed: int, key: TaskKey) -> None:
    """Seed `random` and numpy's global generator from the job's seed, the symbol and the point."""
    text = _CANONICAL([seed, key.name, key.params])
    digest = hashlib.sha256(text.encode()).digest()
    random.seed(int.from_bytes(digest, "big"))
    np.random.seed(int.from_bytes(digest[:4], "big"))
