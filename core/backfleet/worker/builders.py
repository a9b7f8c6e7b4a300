"""`TaskBuilders`: builds the parts of a child process that depend on the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backfleet.chunks.date_sums import DateSumsRecorder
from backfleet.code.fetched_code import search_first
from backfleet.code.run_code import RunCode
from backfleet.no_bytecode import disable_bytecode
from backfleet.plan.engines import VECTOR
from backfleet.plan.task_context import TaskContext
from backfleet.worker.enter_strategy_folder import enter_strategy_folder
from backfleet.worker.messages import Builders, Runner

if TYPE_CHECKING:
    from backfleet.worker.chunk_encoder import ChunkEncoder

__all__ = ["TaskBuilders"]

INTERPRETED_SECONDS_PER_BAR = 10e-6
"""CPU time that the vector engine takes for a bar if nothing is compiled, indicators included."""


@dataclass(frozen=True)
class TaskBuilders(Builders):
    """For the children of a shard's worker, which itself runs no task: it is up sooner without what
    they need. They in turn need not import what only the worker does.

    Attributes
    ----------
    tasks
        Number of tasks that a child is expected to run.
    """

    plan: TaskContext
    tasks: float
    paths: Sequence[str]
    code: Sequence[str]
    run_code: RunCode

    def runner(self) -> Runner:
        search_first(self.paths)
        disable_bytecode()
        from backfleet.jit import plan_tasks
        from backfleet.worker.importer_log import record_imports
        from backfleet.worker.module_guard import GuardedRunner, ModuleGuard

        enter_strategy_folder(self.plan, self.code)
        from backfleet.worker.task import TaskRunner

        if self.plan.manifest.engine == VECTOR:
            bars = self.tasks * self.plan.manifest.bars_per_task
            plan_tasks(bars * INTERPRETED_SECONDS_PER_BAR)
        guard = ModuleGuard(self.run_code, record_imports())
        return GuardedRunner(TaskRunner(self.plan), guard)

    def encoder(self) -> ChunkEncoder:
        # It imports pyarrow, which children that run few tasks never need.
        from backfleet.worker.chunk_encoder import ChunkEncoder

        return ChunkEncoder(self.plan.manifest)

    def recorder(self, chunk: int) -> DateSumsRecorder | None:
        layout = self.plan.manifest.returns_layout(chunk)
        return None if layout is None else DateSumsRecorder(layout)
