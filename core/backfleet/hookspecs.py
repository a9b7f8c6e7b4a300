"""The hooks of backfleet. A plugin implements some of them, marked with `backfleet.hookimpl`,
and names itself in the entry-point group `backfleet`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pluggy

from backfleet.bars import Bars
from backfleet.engine import Outcome
from backfleet.summary import Scalar

__all__ = ["LifecycleHooks", "RowHooks", "hookimpl", "hookspec"]

hookspec = pluggy.HookspecMarker("backfleet")
hookimpl = pluggy.HookimplMarker("backfleet")


class LifecycleHooks:
    """Events of a run. The process that submits it calls these hooks of every installed plugin."""

    @hookspec
    def backfleet_run_planned(self, run_id: str, tasks: int) -> None:
        """A run was planned; it may be complete already."""

    @hookspec
    def backfleet_run_submitted(self, run_id: str, submission: int, shards: int) -> None:
        """Workers were started."""

    @hookspec
    def backfleet_chunk_committed(self, run_id: str, chunk: int, tasks: int) -> None:
        """A chunk's rows are in the store."""

    @hookspec
    def backfleet_run_finished(self, run_id: str, summary: Mapping[str, Any]) -> None:
        """Nothing is running any more; `summary` is what `run --json` prints."""


class RowHooks:
    """Hooks that change rows; they run in the workers, where the job names their plugin.

    Plugins come one after the other, in the order in which the job names them.
    """

    # pluggy skips None, so that a plugin that leaves the bars alone needs no code for it.
    @hookspec(firstresult=True)
    def backfleet_bars(self, bars: Bars) -> Bars | None:
        """Replace a symbol's bars before any task sees them; None leaves them."""

    @hookspec
    def backfleet_metrics(
        self, params: Mapping[str, Any], outcome: Outcome
    ) -> Mapping[str, Scalar]:
        """Return additional columns of a task's row."""
        return {}
