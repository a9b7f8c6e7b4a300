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
from backfleet.results.query import join_tables
from backfleet.store import Store

__all__ = ["MatchedTasks", "RunRows", "match_tasks"]


@dataclass(frozen=True)
class RunRows:
    """A run's own store, its manifest and all its rows."""

    store: Store
    manifest: Manifest
    rows: pa.Table

    @property
    def params(self) -> list[str]:
        """The columns of its parameters."""
        return [parameter_column(name) for name in self.manifest.points.names]

    @property
    def varying(self) -> list[str]:
        """Those of them that have several values."""
        return [name for name in self.params if len(self.rows.column(name).unique()) > 1]


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


def match_tasks(first: RunRows, second: RunRows) -> MatchedTasks:
    """Find each task of one run in the other.

    Raises UserError where a parameter varies that only one of them has.
    """
    varying = {*first.varying, *second.varying}
    shared = [name for name in first.params if name in second.params]
    keys = ["symbol", *(name for name in shared if name in varying)]
    for side in (first, second):
        _check_unique(side, keys)
    columns = [f"a.{_quoted(key)}" for key in keys]
    for name in ("task", *METRICS):
        columns += [f"{side}.{_quoted(name)} AS {_quoted(f'{side}_{name}')}" for side in "ab"]
    same = " AND ".join(f"a.{_quoted(key)} IS NOT DISTINCT FROM b.{_quoted(key)}" for key in keys)
    rows = join_tables(
        f"SELECT {', '.join(columns)} FROM a JOIN b ON {same} ORDER BY a.task",
        {"a": first.rows, "b": second.rows},
    )
    return MatchedTasks(keys, rows)


def _check_unique(run: RunRows, keys: Sequence[str]) -> None:
    names = ", ".join(map(_quoted, keys))
    count = join_tables(f"SELECT DISTINCT {names} FROM a", {"a": run.rows}).num_rows
    if count < run.rows.num_rows:
        own = [name for name in run.varying if name not in keys]
        raise UserError(
            f"the tasks of run {run.manifest.run_id} cannot be matched by {', '.join(keys)}: it "
            f"varies {', '.join(own)}, which the other run does not have"
        )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
