"""Choosing the run of a script that becomes the job."""

from __future__ import annotations

from collections.abc import Sequence

from backfleet.adopt.observation import ObservedRun
from backfleet.errors import UserError

__all__ = ["choose_run"]


def choose_run(runs: Sequence[ObservedRun], number: int | None, name: str) -> int:
    """Return the position of the run that the user chose, or of the only one.

    Raises UserError if there are several and none was chosen, and for a number that no run has.
    """
    count = len(runs)
    if number is not None:
        if not 1 <= number <= count:
            raise UserError(f"--run {number}: {name} has runs 1 to {count}")
        return number - 1
    if count > 1:
        raise UserError(
            f"{name} runs {count} backtests, and a job is one. Choose one with --run N:\n"
            + "\n".join(_lines(runs))
        )
    return 0


def _lines(runs: Sequence[ObservedRun]) -> list[str]:
    return [f"  {number}: {_describe(run)}" for number, run in enumerate(runs, 1)]


def _describe(run: ObservedRun) -> str:
    feeds = ", ".join(feed.name or feed.kind for feed in run.feeds)
    strategy = run.strategy.text or "a strategy"
    if len(run.points) > 1:
        return f"{strategy} on {feeds}, {len(run.points)} points"
    return f"{strategy} on {feeds}, final value {run.points[0].final_value}"
