"""The first section of a sweep's page: is the best more than luck?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from backfleet.errors import NoVerdict, StoreError
from backfleet.report.metric_labels import format_value
from backfleet.results.large_rows import has_large_rows
from backfleet.runs.run import Run
from backfleet.runs.verdict import run_data_with
from backfleet.validation.bootstrap import Interval
from backfleet.validation.cscv import Cscv
from backfleet.validation.moments import Moments
from backfleet.validation.run_verdict import RunVerdict, reach_run_verdict
from backfleet.validation.run_wording import VerdictParagraphs
from backfleet.validation.sharpe import Deflated, annualize
from backfleet.validation.task_verdicts import SymbolVerdicts, best_task_verdict
from backfleet.validation.verdict import Verdict
from backfleet.validation.wording import probability_text, summarize_verdict

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from backfleet.report.figures.verdict import Bar
    from backfleet.validation.walk_forward import Folds

__all__ = ["VerdictSection", "verdict_section"]

MAX_SYMBOLS = 30
MAX_COMPARED = 100_000
"""Tasks of a run with PBO: of more, `backfleet verdict` takes its time."""


@dataclass(frozen=True)
class SymbolRow:
    """The best point of one symbol, as texts."""

    symbol: str
    point: str
    sharpe: str
    trades: str
    deflated: str
    adjusted: str


@dataclass(frozen=True)
class VerdictSection:
    """The section of the page about the verdicts.

    Attributes
    ----------
    sections
        The verdicts in words.
    figures
        By the id of the element that shows each.
    symbols
        The best point of each symbol, the lowest p-value first.
    symbol_count
        Number of symbols, of which `symbols` can be the first.
    """

    sections: Sequence[VerdictParagraphs]
    figures: Mapping[str, go.Figure] = field(default_factory=dict)
    symbols: Sequence[SymbolRow] = ()
    symbol_count: int = 0


def verdict_section(run: Run, folds: Folds | None) -> VerdictSection | None:
    """Return the section of a run; None if it has no result yet.

    Parameters
    ----------
    folds
        The folds of the job's windows; None if it has none, or they cannot be had.
    """
    counts = run.counts()
    if not counts.done:
        return None
    try:
        data = run_data_with(run.stored, folds)
        if has_large_rows(run.chunk_index):
            # The sums of millions of tasks take gigabytes to read.
            return VerdictSection([_best_task_only(run, best_task_verdict(data))])
        verdict = reach_run_verdict(data, MAX_COMPARED)
    except (NoVerdict, StoreError) as error:
        # The page has much to show without it.
        return VerdictSection([VerdictParagraphs("The verdict cannot be shown", [str(error)])])
    symbols = verdict.symbols
    return VerdictSection(
        verdict.sections,
        _figures(verdict),
        [] if symbols is None else _rows(symbols),
        0 if symbols is None else len(symbols.verdicts),
    )


def _best_task_only(run: Run, verdict: Verdict) -> VerdictParagraphs:
    lines = summarize_verdict(verdict)
    more = f"The verdicts on points and symbols: backfleet verdict {run.url}"
    return VerdictParagraphs("The best task", [*lines, more], verdict.level)


def _figures(verdict: RunVerdict) -> Mapping[str, go.Figure]:
    from backfleet.report.figures import verdict as draw

    figures: dict[str, go.Figure] = {}
    shown = verdict.best_point if isinstance(verdict.best_point, Verdict) else verdict.best_task
    evidence, moments, counted = shown.evidence, shown.evidence.moments, shown.counted
    if isinstance(moments, Moments) and isinstance(counted, Deflated) and evidence.spread:
        # Moments and luck are per session, and the figures per year.
        scale, luck = annualize(1.0, evidence.periods), counted.luck
        curve = draw.LuckCurve(
            luck.trials,
            luck.mean * scale,
            luck.spread * scale,
            luck.shared * scale,
            counted.needed * scale,
        )
        best = moments.sharpe * scale
        figures["luck"] = draw.luck_figure(verdict.sharpe, best, curve, f"{evidence.noun}s")
    bars = list(_bars(verdict))
    if bars:
        figures["intervals"] = draw.interval_figure(bars, 0.95)
    choice = verdict.choice
    if isinstance(choice, Cscv):
        scale = annualize(1.0, evidence.periods)
        figures["ranks"] = draw.rank_figure(choice.ranks)
        figures["winners"] = draw.winner_figure(choice.inside * scale, choice.outside * scale)
    return figures


def _bars(verdict: RunVerdict) -> Iterator[Bar]:
    """Yield the Sharpe ratios that have an interval."""
    from backfleet.report.figures.verdict import Bar

    verdicts = {"best task": verdict.best_task, "best point": verdict.best_point}
    # A run of one symbol has one task per point, and one verdict for both.
    if verdict.best_point is verdict.best_task:
        del verdicts["best task"]
    for name, one in verdicts.items():
        if not isinstance(one, Verdict):
            continue
        evidence, moments, counted = one.evidence, one.evidence.moments, one.counted
        interval = evidence.interval
        if isinstance(moments, Moments) and isinstance(interval, Interval):
            scale = annualize(1.0, evidence.periods)
            luck = None
            # The best of one trial is that trial, so there is no luck of a choice.
            if isinstance(counted, Deflated) and counted.luck.trials > 1:
                luck = counted.luck.mean * scale
            yield Bar(name, moments.sharpe * scale, interval.low, interval.high, luck)
    folds = verdict.best_task.evidence.folds
    if folds is not None and isinstance(folds.test_interval, Interval):
        interval = folds.test_interval
        yield Bar("test windows", folds.test_sharpe, interval.low, interval.high, None)


def _rows(symbols: SymbolVerdicts) -> list[SymbolRow]:
    """Return the symbols that stand out most."""
    # Symbols that are no tests come last, as NaN does.
    probability = [
        verdict.counted.probability if isinstance(verdict.counted, Deflated) else 0.0
        for verdict in symbols.verdicts
    ]
    # By the adjusted p-value, which is NaN for what is no test, then by the higher probability.
    order = np.lexsort((-np.array(probability), symbols.adjusted))[:MAX_SYMBOLS]
    return [_row(symbols.verdicts[place], float(symbols.adjusted[place])) for place in order]


def _row(verdict: Verdict, adjusted: float) -> SymbolRow:
    evidence, counted = verdict.evidence, verdict.counted
    best, moments = evidence.best, evidence.moments
    is_test = not np.isnan(adjusted)
    params = () if best is None else best.params.items()
    annual = None
    if isinstance(moments, Moments):
        annual = annualize(moments.sharpe, evidence.periods)
    return SymbolRow(
        symbol=(best.symbol if best else None) or "",
        point=", ".join(f"{name} {value}" for name, value in params) or "the only point",
        sharpe=format_value("sharpe", annual),
        trades=f"{evidence.trades:,}",
        deflated=probability_text(counted.probability) if isinstance(counted, Deflated) else "–",
        adjusted=probability_text(adjusted) if is_test else "no test",
    )
