"""The report of a run: its leaders, its parameters, its symbols, all its equity curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from backfleet.chunks.column_names import METRICS, parameter_column
from backfleet.console import count_of
from backfleet.errors import BackfleetError, UserError
from backfleet.report.data_table import data_table, heading_of
from backfleet.report.equity_fan import EquityFan, equity_fan
from backfleet.report.figures.theme import DIVERGING, MAX_SYMBOLS
from backfleet.report.fold_section import fold_section
from backfleet.report.metric_labels import format_value, metric_label, notation
from backfleet.report.page import Page
from backfleet.report.run_facts import PageFacts, page_facts
from backfleet.report.sensitivity import Sensitivity, sensitivity
from backfleet.report.sweep_rows import (
    LEADER_METRICS,
    PARALLEL_METRICS,
    SweepRows,
    read_sweep_rows,
)
from backfleet.report.verdict_section import verdict_section
from backfleet.results.large_rows import has_large_rows
from backfleet.results.leaderboard import IDENTICAL, MIN_TRADES, NUMBERS, rank_metric
from backfleet.results.read import read_schema
from backfleet.runs.run import Run
from backfleet.runs.validation_rule import read_rule
from backfleet.runs.verdict import read_folds

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from backfleet.validation.walk_forward import Folds

__all__ = ["sweep_page"]

MAX_LEADERS = 20
"""Points in the table of the leaders."""

MAX_PARAMETERS = 6
MAX_BOXES = 30


@dataclass(frozen=True)
class SweepPageData:
    """A run's rows, and by which metric they are ranked.

    Attributes
    ----------
    read
        The rows that tables and figures are made from.
    """

    run: Run
    facts: PageFacts
    read: SweepRows

    @property
    def rows(self) -> pd.DataFrame:
        return self.read.rows

    @property
    def metric(self) -> str:
        return self.read.metric

    @cached_property
    def parameters(self) -> Sequence[str]:
        """The columns of the parameters that vary."""
        names = (parameter_column(name) for name in self.run.manifest.points.names)
        return [name for name in names if self.rows[name].nunique(dropna=False) > 1]

    @property
    def shown(self) -> pd.DataFrame:
        return self.read.shown

    @cached_property
    def measured(self) -> pd.DataFrame:
        """The rows that have the metric, the best first."""
        direction = metric_label(self.metric).direction
        rows = self.rows[self.rows[self.metric].notna()]
        return rows.sort_values(self.metric, ascending=direction < 0, kind="stable")

    @property
    def leader(self) -> int | None:
        """The number of the best task; None if no task has the metric."""
        tasks = self.read.tasks
        leaders: list[int] = tasks.rows["task"].to_pylist() if tasks.ranked else []
        return leaders[0] if leaders else None


def sweep_page(run: Run, metric: str | None = None, min_trades: int = MIN_TRADES) -> Page:
    """Return the report of a run, complete or not, ranked by `metric`.

    Leaders have at least `min_trades` closed trades per task.

    Raises UserError for a metric that the rows do not have, CorruptObject, StoreError.
    """
    if metric is not None:
        # An unknown column is refused before the verdict, which takes long.
        rank_metric(read_schema(run.store, run.chunk_index).empty_table(), metric)
    # The verdict of a large run takes much memory for a moment, so it comes before the rows.
    known = _folds(run)
    verdict = verdict_section(run, None if isinstance(known, BackfleetError) else known)
    folds = fold_section(run, known)
    rows = read_sweep_rows(run, metric, min_trades, MAX_LEADERS)
    facts = page_facts(run)
    sweep = SweepPageData(run, facts, rows)
    # After the rows, because the curve of the best task is drawn, too.
    fan = equity_fan(run, sweep.leader)
    steady = _sensitivity(sweep)
    figures = _figures(sweep, fan, steady)
    for section in (verdict, folds):
        figures = {**figures, **(section.figures if section else {})}
    return Page(
        template="sweep.html",
        title=f"{run.manifest.name} · backfleet",
        context={
            "facts": facts,
            "notes": rows.notes,
            "metric": metric_label(sweep.metric),
            "glossary": [metric_label(name) for name in METRICS],
            "notation": notation(),
            "tiles": _tiles(sweep),
            "board": rows.points,
            "sampled_points": rows.sampled_points,
            "by_point": rows.by_point is not None,
            "leaders": _leaders(sweep),
            "parameters": sweep.parameters,
            "steady": steady,
            "fan": fan,
            "verdict": verdict,
            "folds": folds,
            "left_out": facts.counts.done - len(sweep.shown),
            "symbols": sweep.rows["symbol"].nunique(),
            "max_symbols": MAX_SYMBOLS,
            "axes": _axes(sweep),
            "measures": _measures(sweep),
        },
        data={
            "leaderboard": _leaderboard(sweep, sweep.shown),
            **({"folds": folds.table} if folds and folds.table else {}),
            "sweep": _script_facts(sweep),
        },
        figures=figures,
        scripts=("filter.js", "table.js", "sweep.js", "parallel.js"),
    )


def _folds(run: Run) -> Folds | BackfleetError | None:
    """Return the folds of the job's windows, or why the page has none."""
    if has_large_rows(run.chunk_index) and read_rule(run.store) is not None:
        return UserError(f"the run is too large for its page. Run: backfleet folds {run.url}")
    return read_folds(run.stored, with_costs=True)


def _script_facts(sweep: SweepPageData) -> Mapping[str, Any]:
    """Return what the page's script cannot read off the leaderboard."""
    return {
        "metric": sweep.metric,
        "run": sweep.run.url,
        "tasks": f"/runs/{sweep.run.id}/tasks",
        "maxSymbols": MAX_SYMBOLS,
        "diverging": DIVERGING,
        "smallerIsBetter": [name for name in METRICS if metric_label(name).direction < 0],
        "parallel": [*sweep.parameters, *_parallel_metrics(sweep.measured, sweep.metric)],
    }


def _tiles(sweep: SweepPageData) -> Sequence[Mapping[str, str]]:
    words = metric_label(sweep.metric)
    counts = sweep.facts.counts
    tiles = [{"label": "Tasks", "value": f"{counts.tasks:,}", "note": _standing(sweep.facts)}]
    if not len(sweep.measured):
        return tiles
    values = sweep.measured[sweep.metric]
    # Among all tasks, while the medians and shares below are those of a sample if the run is large.
    best = sweep.read.tasks.rows.to_pylist()[0]
    point = ", ".join(f"{name} {best[name]}" for name in sweep.parameters)
    min_trades = sweep.read.tasks.min_trades
    enough = "" if min_trades is None else f"; with at least {count_of(min_trades, 'trade')}"
    tiles += [
        {
            "label": f"Best {words.label}",
            "value": format_value(sweep.metric, float(best[sweep.metric])),
            "note": f"{best['symbol']}{', ' if point else ''}{point}{enough}",
        },
        {
            "label": f"Median {words.label}",
            "value": format_value(sweep.metric, float(values.median())),
            "note": f"of {count_of(len(values), 'task')} with a value",
        },
    ]
    returns = sweep.measured["total_return"].dropna()
    if len(returns):
        tiles.append(
            {
                "label": "Profitable tasks",
                "value": f"{float((returns > 0).mean()):.0%}",
                "note": f"{int((returns > 0).sum()):,} of {len(returns):,} tasks",
            }
        )
    return tiles


def _standing(facts: PageFacts) -> str:
    counts = facts.counts
    parts = [f"{counts.ok:,} ok"]
    for number, word in (
        (counts.suspicious, "suspicious"),
        (counts.error, "failed"),
        (counts.missing, "missing"),
    ):
        if number:
            parts.append(f"{number:,} {word}")
    return ", ".join(parts)


def _leaders(sweep: SweepPageData) -> Mapping[str, Any]:
    """Return the columns and rows of the leading points."""
    head = (
        "task",
        "symbol",
        *sweep.parameters,
        "symbols",
        sweep.metric,
        *LEADER_METRICS,
        IDENTICAL,
    )
    board = sweep.read.points.rows
    names = [name for name in dict.fromkeys(head) if name in board.column_names]
    if not any(count > 1 for count in board[IDENTICAL].to_pylist()):
        # A column of ones says nothing.
        names.remove(IDENTICAL)
    columns = [(name, _label(name), name in METRICS, board[name].type in NUMBERS) for name in names]
    return {"columns": columns, "rows": board.select(names).to_pylist()}


def _label(name: str) -> str:
    if name in ("task", "symbol", "symbols", IDENTICAL):
        return name.capitalize()
    return metric_label(name).label


def _leaderboard(sweep: SweepPageData, rows: pd.DataFrame) -> Mapping[str, Any]:
    """Return the table of the rows: the main columns are shown, the others in a row's details."""
    tail = ["error"] if rows["error"].notna().any() else []
    first = ["task", "symbol", *sweep.parameters, sweep.metric, "status", *LEADER_METRICS, *tail]
    shown = list(dict.fromkeys(first))
    # The details of a row and the filter reach these columns.
    hidden = [str(name) for name in rows if name not in shown]
    headings = [heading_of(name, rows[name]) for name in shown]
    headings += [heading_of(name, rows[name], shown=False) for name in hidden]
    return data_table(rows, headings)


def _axes(sweep: SweepPageData) -> Sequence[str]:
    """Return the possible axes of a map: parameters, and the symbols if there are several."""
    several = sweep.rows["symbol"].nunique() > 1
    return [*sweep.parameters, *(["symbol"] if several else [])]


def _measures(sweep: SweepPageData) -> Sequence[str]:
    """Return the metrics and the strategy's own numbers that any row has."""
    # Numbers that are no results cannot be measured on the map.
    taken = {"task", "seconds", *sweep.parameters}
    parameters = {parameter_column(name) for name in sweep.run.manifest.points.names}
    numbers = [name for name in sweep.shown if sweep.shown[name].dtype.kind in "iuf"]
    return [
        str(name)
        for name in numbers
        if name not in taken | parameters and sweep.shown[name].notna().any()
    ]


def _sensitivity(sweep: SweepPageData) -> Sensitivity | None:
    parameters = list(sweep.parameters[:MAX_PARAMETERS])
    if not parameters:
        return None
    # The means of all points, if the rows are a sample.
    rows = sweep.measured if sweep.read.by_point is None else sweep.read.by_point
    board = sweep.read.points
    # Of many points without the metric, the board shows none.
    leader = board.rows.to_pylist()[0] if board.by == "point" and board.ranked else None
    return sensitivity(rows, parameters, sweep.metric, leader)


def _figures(
    sweep: SweepPageData, fan: EquityFan | None, steady: Sensitivity | None
) -> Mapping[str, go.Figure]:
    from backfleet.report.figures import sweep as draw

    figures: dict[str, go.Figure] = {}
    rows, metric = sweep.measured, sweep.metric
    if not len(rows):
        return figures
    axes = _axes(sweep)
    if len(axes) > 1:
        # Means over the symbols have no symbol to draw.
        by_point = None if "symbol" in axes[:2] else sweep.read.by_point
        mapped = rows if by_point is None else by_point
        figures["parameter-map"] = draw.parameter_map(mapped, axes[0], axes[1], metric)
    if steady is not None:
        for at, (name, marginal) in enumerate(steady.marginals.items()):
            figure = draw.sensitivity_figure(marginal, name, metric)
            # The page has one legend for all of them.
            figures[f"sensitivity-{at}"] = figure.update_layout(showlegend=False)
    if rows["symbol"].nunique() > 1:
        figures["spread"] = draw.spread_figure(_spread(rows, metric), metric)
    if fan is not None:
        figures["fan"] = draw.equity_fan_figure(fan.frame)
    return figures


def _parallel_metrics(rows: pd.DataFrame, metric: str) -> Sequence[str]:
    names = dict.fromkeys((*PARALLEL_METRICS, metric))
    # Lines of parallel coordinates need a value on every axis.
    return [name for name in names if rows[name].notna().all()]


def _spread(rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return quartiles and extremes by symbol, the best median last; of many symbols both ends."""
    from backfleet.report.figures.sweep import symbol_spread

    is_ascending = metric_label(metric).direction > 0
    frame = symbol_spread(rows, metric).sort_values("middle", ascending=is_ascending)
    if len(frame) > MAX_BOXES:
        half = MAX_BOXES // 2
        frame = frame.iloc[[*range(half), *range(len(frame) - half, len(frame))]]
    return frame
