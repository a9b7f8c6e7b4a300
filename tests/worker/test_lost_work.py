"""A lost worker costs at most two minutes of work and the task in progress, by a clock of ours."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from backfleet.chunks.chunk import Chunk
from backfleet.chunks.formats import PART
from backfleet.chunks.parts import ChunkTarget
from backfleet.chunks.table_names import DETAILS
from backfleet.chunks.task_result import TaskResult
from backfleet.plan.chunk_size import RunSize, chunk_size
from backfleet.worker.child import TaskLoop
from backfleet.worker.chunk_encoder import ChunkEncoder
from backfleet.worker.chunk_writer import ChunkWriter, WriterSetup
from backfleet.worker.messages import Encoded, TaskBatch, TaskResults
from made_results import MemoryStore, made_result
from worker.test_chunk_writer import manifest_of

MOST_LOST = 120.0
FOLLOWED = 60
"""Tasks of a chunk that are followed: what comes after them goes on in the same way."""


@dataclass
class Life:
    """A child and its worker in one thread, with tasks that only move the clock."""

    store: MemoryStore
    writer: ChunkWriter
    seconds: float
    now: float = 0.0
    ended: int = 0
    stored: int = 0
    seen: set[str] = field(default_factory=set)
    most_lost: float = 0.0

    def clock(self) -> float:
        return self.now

    def result(self, task: int) -> TaskResult:
        """Run a task: what is finished and not stored would be lost if the worker died in it."""
        for key in self.store.objects.keys() - self.seen:
            if key.startswith("parts/"):
                self.stored += Chunk.from_bytes(self.store.objects[key], PART).header.count
        self.seen = set(self.store.objects)
        self.most_lost = max(self.most_lost, self.seconds * (self.ended - self.stored))
        self.now += self.seconds
        self.ended += 1
        return made_result(task, outcome=1)

    def send(self, message: TaskResults | Encoded) -> None:
        self.writer.take(message)


class Quiet:
    """Builders, output and the shared memory of a child, which nobody reads here."""

    def recorder(self, chunk: int) -> None:
        pass

    def take(self) -> str:
        return ""

    def begin(self, task: int, now: float) -> None:
        pass

    def end(self) -> None:
        pass


@pytest.mark.parametrize("seconds", [0.001, 0.3, 1.0, 7.0, 31.0, 59.0, 60.0])
@pytest.mark.parametrize(
    ("symbols", "points"), [(1, 10), (10, 100), (1, 100_000), (1_000, 1_000), (1_000, 10_000)]
)
def test_a_lost_worker_costs_two_minutes_at_most(symbols: int, points: int, seconds: float) -> None:
    size = chunk_size(RunSize(symbols, points, dates=2520))
    manifest = manifest_of(FOLLOWED)
    target = ChunkTarget(manifest.run_id, 0, 0, range(size), details=DETAILS)
    store = MemoryStore()
    writer = ChunkWriter(
        WriterSetup(store, ChunkEncoder(manifest), retry=False), target, range(size)
    )
    life = Life(store, writer, seconds)
    quiet = cast(Any, Quiet())
    loop = TaskLoop(cast(Any, life), quiet, cast(Any, life), quiet, quiet)
    loop.clock = life.clock
    loop.run(TaskBatch(0, range(min(size, FOLLOWED))))

    assert life.ended == min(size, FOLLOWED)
    assert life.most_lost <= MOST_LOST
