"""What is said of a run where runs are listed."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from backfleet.errors import CorruptObject
from backfleet.plugins import list_plugins
from backfleet.runs.open import list_runs
from backfleet.runs.run import Run

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["DamagedRun", "run_facts", "runs_table", "sound_runs", "warn_of_damage"]

TEXTS = ("run", "name", "strategy", "created", "state", "engine", "universe", "detail")
FACTS = (*TEXTS[:5], "tasks", "done", "ok", "suspicious", "error", "symbols", *TEXTS[5:])


class DamagedRun(UserWarning):
    """A run that cannot be read, and is left out where many are looked at."""


def run_facts(run: Run) -> Mapping[str, Any]:
    """How a run stands, and what it is of; the values are texts and numbers."""
    counts = run.counts()
    identity = run.manifest.identity
    return {
        "run": run.id,
        "name": run.manifest.name,
        "strategy": _strategy_name(identity["strategy"]["target"]),
        "created": run.manifest.created,
        "state": run.state(),
        "tasks": counts.tasks,
        "done": counts.done,
        "ok": counts.ok,
        "suspicious": counts.suspicious,
        "error": counts.error,
        "symbols": len(run.manifest.symbols),
        "engine": run.manifest.engine,
        "universe": identity["data"]["universe"],
        "detail": identity["results"]["detail"],
    }


def runs_table(facts: Sequence[Mapping[str, Any]]) -> pa.Table:
    """A row a run."""
    import pyarrow as pa

    from backfleet.chunks.arrow import array_of

    arrays = [
        array_of("str" if name in TEXTS else "int", [each[name] for each in facts])
        for name in FACTS
    ]
    return pa.Table.from_arrays(arrays, names=list(FACTS))


def warn_of_damage(error: CorruptObject) -> None:
    warnings.warn(str(error), DamagedRun, stacklevel=3)


def sound_runs(store: str, damaged: Callable[[CorruptObject], None] = warn_of_damage) -> list[Run]:
    """The runs of a store, the newest first; what is wrong with another one goes to `damaged`."""
    found = []
    for each in list_runs(store):
        if isinstance(each, CorruptObject):
            damaged(each)
        else:
            found.append(each)
    return sorted(found, key=lambda run: run.manifest.created, reverse=True)


def _strategy_name(target: str) -> str:
    """The name by which a job calls a strategy that is installed here, else its class."""
    return _installed().get(target, target)


@cache
def _installed() -> Mapping[str, str]:
    return {plugin.target: plugin.name for plugin in list_plugins("strategy")}
