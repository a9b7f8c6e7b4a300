"""A run's identity: all that decides its numbers, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from backfleet.code.hashes import backfleet_hash, component_code, strategy_hash
from backfleet.code.versions import library_versions
from backfleet.engine import Engine
from backfleet.job import Data, Job, Points
from backfleet.plan.data import PlannedData, source_of
from backfleet.plugins import HOOKS, find_plugin, load_plugin, row_hooks
from backfleet.strategy import StrategyReference

__all__ = ["check_plugins", "identify"]

SCHEMA = 1


def identify(
    job: Job,
    strategy: StrategyReference,
    engines: Sequence[str],
    points: Points,
    data: PlannedData,
    files: Mapping[str, str],
) -> Mapping[str, Any]:
    """The identity of a job's run, as plain JSON; `files` are the hashes of the declared files.

    Raises UnknownPlugin, PluginError.
    """
    return {
        "schema": SCHEMA,
        "backfleet": backfleet_hash(),
        "versions": dict(library_versions()),
        "strategy": {"target": strategy.target, "code": strategy_hash(strategy)},
        "plugins": [component_code(HOOKS, name) for name in job.plugins],
        "engines": [component_code("engine", name) for name in engines],
        "seed": job.seed,
        "files": dict(files),
        "points": points.to_json(),
        "data": _data(job.data, data),
        "broker": {name: value + 0.0 for name, value in job.broker.model_dump().items()},
        "results": {
            "detail": job.results.detail,
            "benchmark": job.results.benchmark,
            "periods_per_year": job.results.periods_per_year,
        },
    }


def check_plugins(plugins: Sequence[str], engines: Sequence[str]) -> None:
    """Refuse plugins that workers could not use, before any is started.

    Backfleet's own engines are spared that: to import them takes long. Raises UnknownPlugin,
    PluginError.
    """
    row_hooks(plugins)
    for name in engines:
        if not find_plugin("engine", name).target.startswith("backfleet."):
            load_plugin("engine", name, Engine)


def _data(data: Data, planned: PlannedData) -> dict[str, Any]:
    return _origin(data) | {
        "universe": data.universe,
        "start": data.start.isoformat() if data.start else None,
        "end": data.end.isoformat() if data.end else None,
        "warmup": data.warmup,
        "digests": {symbol.name: symbol.digest for symbol in planned.symbols},
        "auxiliary": {
            name: _origin(data.of_feed(name)) | {"symbol": symbol.name, "digest": symbol.digest}
            for name, symbol in planned.auxiliary.items()
        },
    }


def _origin(data: Data) -> dict[str, Any]:
    """What bars were read with, but for where they lie."""
    options = source_of(data).options
    return {
        "source": component_code("source", data.source),
        # An option that is written out as its default makes no other run.
        "options": options.model_dump(mode="json"),
        "timezone": data.timezone,
        "columns": list(data.columns),
    }
