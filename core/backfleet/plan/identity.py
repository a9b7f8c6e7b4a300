"""A run's identity: all that decides its numbers, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from backfleet.errors import PluginError
from backfleet.job import Job, Points
from backfleet.plan.code import backfleet_hash, plugin_hash, strategy_hash
from backfleet.plan.manifest import PlannedSymbol
from backfleet.plan.versions import number_versions
from backfleet.plugins import HOOKS, find_plugin
from backfleet.strategy import StrategyReference

__all__ = ["check_code", "engine_candidates", "identify"]

SCHEMA = 1
AUTO_ENGINES = ("backtrader",)
"""What `engine = "auto"` may choose from; all of them agree to the last bit."""


def identify(
    job: Job, strategy: StrategyReference, points: Points, symbols: Sequence[PlannedSymbol]
) -> Mapping[str, Any]:
    """The identity of a job's run, as plain JSON. Raises UnknownPlugin, PluginError."""
    return {
        "schema": SCHEMA,
        "backfleet": backfleet_hash(),
        "versions": dict(number_versions()),
        "strategy": {"target": strategy.target, "code": strategy_hash(strategy)},
        "plugins": [_component(HOOKS, name) for name in sorted(set(job.plugins))],
        "engines": [_component("engine", name) for name in engine_candidates(job.engine)],
        "seed": job.seed,
        "points": points.to_json(),
        "data": _data(job) | {"digests": {symbol.name: symbol.digest for symbol in symbols}},
        "broker": {"cash": float(job.broker.cash), "commission": float(job.broker.commission)},
        "results": {
            "detail": job.results.detail,
            "benchmark": job.results.benchmark,
            "periods_per_year": job.results.periods_per_year,
        },
    }


def engine_candidates(engine: str) -> Sequence[str]:
    """The engines that a job's tasks may run on, best first."""
    return AUTO_ENGINES if engine == "auto" else (engine,)


def check_code(identity: Mapping[str, Any], strategy: StrategyReference) -> None:
    """Raise PluginError where the code found here is not the code that the run was planned with."""
    planned = identity["strategy"]
    _compare("backfleet", identity["backfleet"], backfleet_hash())
    _compare(f"strategy {planned['target']}", planned["code"], strategy_hash(strategy))
    for kind, group in (("engine", "engines"), (HOOKS, "plugins")):
        for component in identity[group]:
            here = _component(kind, component["name"])
            _compare(f"{kind} {component['name']}", component["code"], here["code"])


def _compare(what: str, planned: str, here: str) -> None:
    if planned != here:
        raise PluginError(
            f"the code of {what} is not what the run was planned with "
            f"({here[:12]} here, {planned[:12]} planned); run the job again to plan it anew"
        )


def _component(kind: str, name: str) -> dict[str, str]:
    plugin = find_plugin(kind, name)
    own = plugin.target.startswith("backfleet.")
    return {"name": name, "code": backfleet_hash() if own else plugin_hash(plugin.target)}


def _data(job: Job) -> dict[str, Any]:
    data = job.data
    return {
        "source": _component("source", data.source),
        "options": dict(data.options),
        "timezone": data.timezone,
        "columns": list(data.columns),
        "universe": data.universe,
        "start": data.start.isoformat() if data.start else None,
        "end": data.end.isoformat() if data.end else None,
        "warmup": data.warmup,
    }
