"""`plot`: the main figure of a run, or of one of its tasks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from backfleet.chunks.column_names import parameter_column
from backfleet.errors import UserError
from backfleet.extras import require_extra
from backfleet.job.job_errors import suggestion
from backfleet.runs.run import Run

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

__all__ = ["plot"]


def plot(
    run: Run,
    task: int | None = None,
    *,
    metric: str = "sharpe",
    x: str | None = None,
    y: str | None = None,
) -> go.Figure:
    """Plot a run.

    Parameters
    ----------
    task
        Plot the account of this task over time.
    metric
        Of a run, the column whose values are shown: by two parameters as a map, by one as a curve,
        without any that varies as the spread by symbol.
    x, y
        Two different columns of parameters, or `symbol`; default: the first parameters that vary.

    Raises
    ------
    UserError
        If the extra `report` is not installed, there is no such column, or no value to show.
    IndexError, RunNotFound
        If there is no such task, or it has no details.
    """
    require_extra("report")
    from backfleet.report.figures.notebook_figure import NotebookFigure

    if task is not None:
        return NotebookFigure(_account(run, task))
    rows = run.results()
    _check_columns(run, rows, metric, [name for name in (x, y) if name is not None])
    if rows[metric].notna().sum() == 0:
        raise UserError(f"no task has a {metric} yet; plot another metric, or wait for the run")
    across, up = _axes(run, rows, x, y)
    return NotebookFigure(_figure(rows, metric, across, up))


def _account(run: Run, task: int) -> go.Figure:
    from backfleet.report.figures.account import account_figure

    equity = run.equity(task)
    return account_figure(equity.set_index("time")["value"])


def _axes(
    run: Run, rows: pd.DataFrame, x: str | None, y: str | None
) -> tuple[str | None, str | None]:
    """Return the columns of the two axes: those asked for, then parameters that vary."""
    params = map(parameter_column, run.manifest.points.names)
    varying = [name for name in params if rows[name].nunique(dropna=False) > 1]
    # Both axes take from one iterator, so that they never show the same parameter by default.
    rest = iter([name for name in varying if name not in (x, y)])
    across, up = x or next(rest, None), y or next(rest, None)
    # A single column is the horizontal axis.
    return (up, None) if across is None else (across, up)


def _figure(rows: pd.DataFrame, metric: str, across: str | None, up: str | None) -> go.Figure:
    from backfleet.report.figures.sweep import (
        parameter_map,
        sensitivity_figure,
        spread_figure,
        symbol_spread,
    )
    from backfleet.report.sensitivity import sensitivity

    if across is None:
        return spread_figure(symbol_spread(rows, metric), metric)
    if up is not None:
        return parameter_map(rows, across, up, metric)
    # The caller has seen that some task has a value, so there is a point.
    result = sensitivity(rows, [across], metric)
    assert result is not None
    return sensitivity_figure(result.marginals[across], across, metric)


def _check_columns(run: Run, rows: pd.DataFrame, metric: str, axes: Sequence[str]) -> None:
    numbers = [str(name) for name in rows if rows[name].dtype.kind in "iuf"]
    if metric not in numbers:
        raise UserError(f"there is no column of numbers {metric!r}{suggestion(metric, numbers)}")
    possible = ["symbol", *map(parameter_column, run.manifest.points.names)]
    for name in axes:
        if name not in possible:
            raise UserError(
                f"{name!r} is neither a parameter nor 'symbol'{suggestion(name, possible)}"
            )
        if name == metric or axes.count(name) > 1:
            raise UserError(f"{name!r} is named twice; metric, x and y are different columns")
