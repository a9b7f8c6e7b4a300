"""The tasks that two runs have in common.

They are matched by symbol and by the parameters that both runs have and that vary in one of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from backfleet.chunks.column_names import METRICS, parameter_column
from backfleet.errors import UserError
from backfleet.plan.manifest import Manifest
from backfleet.results.chunk_index import ChunkIndex
from backfleet.results.large_rows import LargeRows, has_large_rows, sample_points
from backfleet.results.leaderboard import swept_columns
from backfleet.results.query import join_tables
from backfleet.results.read import read_results
from backfleet.store import Store

__all__ = ["MatchedTasks", "RunRows", "match_tasks", "read_rows_of_both"]


@dataclass(frozen=True)
class RunRows:
    """A run's own store, its manifest and its rows.

    Attributes
    ----------
    rows
        All rows, or those of a sample of the points.
    all_rows
        All rows, if `rows` is a sample; None otherwise.
    sampled_points
        Number of points in the sample; None if `rows` has all.
    """

    store: Store
    manifest: Manifest
    rows: pa.Table
    all_rows: LargeRows | None = None
    sampled_points: int | None = None

    @property
    def params(self) -> list[str]:
        """The columns of the run's parameters."""
        return [parameter_column(name) for name in self.manifest.points.names]

    @property
    def varying(self) -> list[str]:
        """The columns of the parameters that have several values."""
        return swept_columns(self.manifest)


@dataclass(frozen=True)
class MatchedTasks:
    """The tasks that have a row in both runs.

    Attributes
    ----------
    keys
        The columns that they were matched by.
    rows
        A row for each, in the order of the first run's tasks: the keys, then the task and each
        metric of the first run as `a_<name>` and of the second as `b_<name>`.
    """

    keys: Sequence[str]
    rows: pa.Table


def read_rows_of_both(
    first: tuple[Store, ChunkIndex], second: tuple[Store, ChunkIndex]
) -> tuple[RunRows, RunRows]:
    """Return the rows of two runs; if one has too many, those of the same points of both.

    Raises CorruptObject, StoreError.
    """
    sides = (first, second)
    # If one run is large, both are sampled: the tasks of the other would have no partner outside of
    # the sample.
    if not any(has_large_rows(index) for _, index in sides):
        one, other = (
            RunRows(store, index.manifest, read_results(store, index)) for store, index in sides
        )
        return one, other
    points = [index.manifest.points for _, index in sides]
    # The sample follows from the shared parameters and one share, so both runs choose the same
    # points.
    names = [name for name in points[0].names if name in points[1].names]
    tasks = max(index.manifest.tasks for _, index in sides)
    one, other = (_sampled(store, index, names, tasks) for store, index in sides)
    return one, other


def _sampled(store: Store, chunk_index: ChunkIndex, names: Sequence[str], tasks: int) -> RunRows:
    manifest = chunk_index.manifest
    is_chosen = sample_points(manifest.points, names, tasks)
    columns = ["task", "symbol", *map(parameter_column, manifest.points.names), *METRICS]
    large = LargeRows(store, chunk_index)
    rows = large.of_points(is_chosen, list(dict.fromkeys(columns)))
    return RunRows(store, manifest, rows, large, int(is_chosen.sum()))


def match_tasks(first: RunRows, second: RunRows) -> MatchedTasks:
    """Find each task of one run in the other.

    Raises UserError if a parameter varies that only one of them has.
    """
    varying = {*first.varying, *second.varying}
    shared = [name for name in first.params if name in second.params]
    # A parameter that is constant in both runs may differ between them: that is often the
    # comparison.
    keys = ["symbol", *(name for name in shared if name in varying)]
    for side in (first, second):
        _check_unique(side, keys)
    columns = [f"a.{_quoted(key)}" for key in keys]
    for name in ("task", *METRICS):
        columns += [f"{side}.{_quoted(name)} AS {_quoted(f'{side}_{name}')}" for side in "ab"]
    # Unlike `=`, this matches null with null: a point can lack a parameter.
    same = " AND ".join(f"a.{_quoted(key)} IS NOT DISTINCT FROM b.{_quoted(key)}" for key in keys)
    rows = join_tables(
        f"SELECT {', '.join(columns)} FROM a JOIN b ON {same} ORDER BY a.task",
        {"a": first.rows, "b": second.rows},
    )
    return MatchedTasks(keys, rows)


def _check_unique(run: RunRows, keys: Sequence[str]) -> None:
    names = ", ".join(map(_quoted, keys))
    # Equal keys of two tasks would join each of them with every task of the other run that has
    # these keys.
    count = join_tables(f"SELECT DISTINCT {names} FROM a", {"a": run.rows}).num_rows
    if count < run.rows.num_rows:
        own = [name for name in run.varying if name not in keys]
        raise UserError(
            f"the tasks of run {run.manifest.run_id} cannot be matched by {', '.join(keys)}: it "
            f"varies {', '.join(own)}, which the other run does not have"
        )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
