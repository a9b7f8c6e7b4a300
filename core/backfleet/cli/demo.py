"""`backfleet demo`: the sample job on the data that comes in the package."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

import backfleet.demo
from backfleet.cli.options import as_json, executor_option, executor_options
from backfleet.cli.run_job import LaunchOptions, run_job

if TYPE_CHECKING:
    from backfleet.job import Job

__all__ = ["demo"]


@click.command()
@executor_option
@executor_options
@as_json
def demo(executor: str | None, options: tuple[str, ...], as_json: bool) -> None:
    """Run the strategy sma-crossover on three Shanghai stocks, and show the leaderboard.

    The run is then stored in ./runs, as that of any other job.
    """
    if not as_json:
        # Printed before the job is loaded, so that the first line comes at once.
        click.echo("sma-crossover, period 15, on three Shanghai stocks, 2019-01-02 to 2021-07-05\n")
    run_job(_load, LaunchOptions(executor or "local", options, as_json=as_json))


def _load() -> Job:
    from backfleet.job import Job

    return Job.load(Path(backfleet.demo.__file__).parent / "demo.toml")
