"""The returns of a chunk have the same bytes however its tasks were finished."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from backfleet.chunks.chunk import ChunkHeader, latest_chunk
from backfleet.chunks.date_sums import DateSumsLayout, DateSumsRecorder
from backfleet.chunks.parts import ChunkTarget
from backfleet.chunks.table_names import DETAILS
from backfleet.chunks.task_result import TaskResult, TaskStatus
from backfleet.errors import TaskTimeout
from backfleet.job import Sweep, plan_points
from backfleet.job.parameter import Parameter
from backfleet.plan.manifest import Manifest, PlannedSymbol
from backfleet.summary import TaskReturns
from backfleet.worker.chunk_encoder import ChunkEncoder
from backfleet.worker.chunk_writer import PART_SECONDS, ChunkWriter, WriterSetup
from backfleet.worker.messages import TaskResults
from identities import make_identity
from made_results import MemoryStore, made_result

PERIOD = Parameter.of("period", 1)
NUMBERS = np.random.default_rng(0).normal(0.0, 0.01, (100, 30))


@dataclass(frozen=True)
class Setting:
    """A run of one chunk, and what its workers have in common."""

    layout: DateSumsLayout
    store: MemoryStore
    encoder: ChunkEncoder
    run_id: str

    @classmethod
    def of(cls, symbols: int, points: int, *, is_summed: bool) -> Setting:
        plan = plan_points({"period": list(range(points))}, [PERIOD], Sweep(), 0)
        manifest = Manifest(
            name="made up",
            created="2024-01-01T00:00:00+00:00",
            identity=make_identity(plan),
            parameters=[PERIOD],
            symbols=[PlannedSymbol(f"S{i}", "", 1, "", "", 252.0) for i in range(symbols)],
            points=plan,
            chunk_size=symbols * points,
        )
        layout = DateSumsLayout(points, range(symbols * points), is_summed)
        return cls(layout, MemoryStore(), ChunkEncoder(manifest), manifest.run_id)

    def writer(self, generation: int = 0) -> ChunkWriter:
        """Return the writer of a worker that starts now."""
        tasks = self.layout.tasks
        target = ChunkTarget(
            self.run_id, 0, generation, tasks, details=DETAILS, returns=self.layout
        )
        setup = WriterSetup(self.store, self.encoder, retry=generation > 0)
        return ChunkWriter(setup, target, tasks, has_parts=True)

    def finished(self, tasks: Sequence[int], failing: int = -1) -> TaskResults:
        """Return what a child sends that has run tasks; one of them fails for good."""
        recorder = DateSumsRecorder(self.layout)
        for task in tasks:
            symbol = task // self.layout.points
            days = np.arange(18_000 + symbol % 3, 18_030)
            returns = TaskReturns(days, NUMBERS[task % 100, symbol % 3 :])
            recorder.add(task, None if task == failing else returns)
        results = [
            _failed(task, "ValueError: odd") if task == failing else made_result(task)
            for task in tasks
        ]
        return TaskResults(0, results, PART_SECONDS, returns=recorder.take())

    def header(self) -> ChunkHeader:
        chunk = latest_chunk(self.store, 0, 0)
        assert chunk is not None
        return chunk.header


def _failed(task: int, error: str) -> TaskResult:
    return made_result(
        task, status=TaskStatus.ERROR, error=error, metrics=None, digest="", custom={}
    )


@pytest.mark.parametrize("is_summed", [True, False])
@pytest.mark.parametrize("seed", range(12))
def test_restarts_lost_children_and_retries_change_no_byte(seed: int, is_summed: bool) -> None:
    draw = random.Random(seed)
    symbols, points = draw.randint(1, 7), draw.randint(1, 4)
    failing = draw.choice([-1, draw.randrange(symbols * points)])
    whole = Setting.of(symbols, points, is_summed=is_summed)
    whole.writer().take(whole.finished(whole.layout.tasks, failing))

    setting = Setting.of(symbols, points, is_summed=is_summed)
    lost = draw.choice([-1, draw.randrange(symbols * points)])
    while latest_chunk(setting.store, 0, 0) is None:
        writer = setting.writer()
        todo = list(writer.todo)
        if not todo:
            writer.finish()
        while todo:
            count = draw.randint(1, len(todo))
            piece, todo = todo[:count], todo[count:]
            _take(setting, writer, piece, failing, lost)
            if draw.random() < 0.2:
                # The worker is killed, and another one starts.
                break
    if lost >= 0:
        assert setting.header().retryable == 1
        retry = setting.writer(generation=1)
        column = {task for task in setting.layout.tasks if task % points == lost % points}
        assert set(retry.todo) == (column if is_summed else {lost})
        _take(setting, retry, list(retry.todo), failing, -1)
    header, expected = setting.header(), whole.header()
    assert (header.logical, header.blobs) == (expected.logical, expected.blobs)


def _take(
    setting: Setting, writer: ChunkWriter, piece: Sequence[int], failing: int, lost: int
) -> None:
    """Let a writer take tasks, in one of which a child process dies."""
    if lost in piece:
        error = f"{TaskTimeout.__name__}: timed out after 1 s"
        writer.take(TaskResults(0, [_failed(lost, error)], 1.0))
    rest = [task for task in piece if task != lost]
    if rest:
        writer.take(setting.finished(rest, failing))
