"""`backfleet demo`: the sample job on the data that comes in the package."""

from __future__ import annotations

from pathlib import Path

import click

import backfleet.demo
from backfleet.cli.options import as_json, executor_option, executor_options
from backfleet.cli.run import Wishes, run_plan
from backfleet.job import Job
from backfleet.plan.plan import plan_job

__all__ = ["demo"]


@click.command()
@executor_option
@executor_options
@as_json
def demo(executor: str | None, options: tuple[str, ...], as_json: bool) -> None:
    """Run the strategy sma-crossover on three Shanghai stocks, and show the leaderboard.

    The results lie in ./runs afterwards, as those of any job.
    """
    job = Job.load(Path(backfleet.demo.__file__).parent / "demo.toml")
    if not as_json:
        click.echo("sma-crossover, period 15, on three Shanghai stocks, 2019-01-02 to 2021-07-05\n")
    run_plan(plan_job(job), Wishes(executor or "local", options, as_json=as_json))
