"""The runs of a store that can be read, newest first."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from backfleet.errors import CorruptObject
from backfleet.runs.open import list_runs
from backfleet.runs.run import Run

__all__ = ["DamagedRun", "facts_of", "readable_runs", "warn_of_damage"]


class DamagedRun(UserWarning):
    """A run that cannot be read, and is left out of a listing."""


def warn_of_damage(error: CorruptObject) -> None:
    warnings.warn(str(error), DamagedRun, stacklevel=3)


def readable_runs(
    store: str, on_damage: Callable[[CorruptObject], None] = warn_of_damage
) -> list[Run]:
    """Return the runs of a store, newest first; errors of damaged runs go to `on_damage`."""
    runs = []
    for run in list_runs(store):
        if isinstance(run, CorruptObject):
            on_damage(run)
        else:
            runs.append(run)
    return sorted(runs, key=lambda run: run.manifest.created, reverse=True)


def facts_of(
    runs: Iterable[Run], on_damage: Callable[[CorruptObject], None] = warn_of_damage
) -> list[Mapping[str, Any]]:
    """Return `Run.facts()` of each run; a run with a damaged record is left out."""
    rows = []
    for run in runs:
        try:
            rows.append(run.facts())
        except CorruptObject as error:
            on_damage(error)
    return rows
