"""The engine in a bare loop: `python bare_loop.py JOB SHARD SHARDS`, the base of task_overhead.py.

Runs every SHARDS-th task of a job and prints the seconds of the loop, by the clock and of CPU.
"""

from __future__ import annotations

import json
import sys
from functools import cache

from measure import measured

from backfleet.bars import Bars
from backfleet.engine import Engine, Simulation
from backfleet.job import Job
from backfleet.plan.data import open_bar_cache, planned_source
from backfleet.plan.plan import plan_job
from backfleet.plugins import load_plugin
from backfleet.strategy import load_strategy


def main(job_file: str, shard: int, shards: int) -> None:
    """Load everything first, so that nothing but the engine's calls is in the loop."""
    job = Job.load(job_file)
    plan = plan_job(job)
    manifest = plan.manifest
    source = planned_source(manifest.identity.data, job.data.path)
    bar_cache = open_bar_cache(job.data.source)

    @cache
    def bars(symbol: str) -> Bars:
        return bar_cache.load(source, symbol)[0].window(manifest.window)

    strategy = load_strategy(plan.strategy)
    engine: Engine = load_plugin("engine", manifest.engine, Engine)()
    keys = map(manifest.task, range(shard, manifest.tasks, shards))
    simulations = [
        Simulation(strategy, key.params, (bars(key.name),), manifest.broker) for key in keys
    ]
    engine.run(simulations[0])

    def loop() -> None:
        for simulation in simulations:
            engine.run(simulation)

    print(json.dumps(vars(measured(loop))))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
