"""The walk-forward section of a sweep's page: the folds in words, as a table and as figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from backfleet.errors import BackfleetError
from backfleet.report.data_table import Heading, data_table
from backfleet.report.fold_benchmark import benchmark_returns
from backfleet.report.metric_labels import metric_label
from backfleet.report.task_prices import reason_of
from backfleet.runs.run import Run
from backfleet.validation.accounts import stitch
from backfleet.validation.fold_wording import describe_folds
from backfleet.validation.walk_forward import Folds

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from backfleet.validation.out_of_sample import StitchedAccount

__all__ = ["FoldSection", "fold_section"]

MAX_PARAMETERS = 6

RANK_TIP = "Place of the chosen point among all points in the test window: 0 is worst, 1 is best."


@dataclass(frozen=True)
class FoldSection:
    """The section of the page about the folds.

    Attributes
    ----------
    lines
        Sentences.
    table
        `data_table` of the folds; None if there are none to show.
    figures
        By the id of the element that shows each.
    parameters
        Names of the parameters whose chosen values have a figure.
    missing
        What could not be had, and why, as a sentence; empty otherwise.
    """

    lines: Sequence[str]
    table: Mapping[str, Any] | None = None
    figures: Mapping[str, go.Figure] = field(default_factory=dict)
    parameters: Sequence[str] = ()
    missing: str = ""


def fold_section(run: Run, folds: Folds | BackfleetError | None) -> FoldSection | None:
    """Return the section of a run; None if its job has no windows.

    Parameters
    ----------
    folds
        `read_folds` of the run, with trades and fees.
    """
    if isinstance(folds, BackfleetError):
        # The page has much to show without its folds.
        return FoldSection((f"The folds cannot be shown: {folds}",))
    return None if folds is None else _section(run, folds)


def _section(run: Run, folds: Folds) -> FoldSection:
    from backfleet.report.figures import folds as draw

    frame = _frame(folds)
    fixed = folds.fixed_columns()
    parameters = _parameters(folds, fixed)
    figures: dict[str, go.Figure] = {}
    missing = ""
    # The test windows of groups overlap, so groups have paths instead of an account.
    if folds.account is not None:
        benchmark, missing = _benchmark(run, folds.account)
        figures["stitched"] = draw.stitched_figure(_accounts(folds, benchmark), _spans(folds))
    if folds.paths is not None:
        figures["paths"] = draw.paths_figure(folds.paths)
    for place, name in enumerate(parameters):
        figures[f"chosen-{place}"] = draw.chosen_figure(frame, name)
    shown = [str(name) for name in frame if name not in fixed]
    headings = [_heading(name, frame, folds) for name in shown]
    return FoldSection(
        describe_folds(folds), data_table(frame, headings), figures, parameters, missing
    )


def _benchmark(run: Run, account: StitchedAccount) -> tuple[pd.Series | None, str]:
    """Return the benchmark's value, or why it cannot be had."""
    import pandas as pd

    name = run.manifest.benchmark
    label = "buy and hold" if name is None else f"{name} bought and held"
    try:
        returns = benchmark_returns(run, account.days)
    except Exception as error:
        # A source that is a plugin may raise anything; the rest of the report stands without it.
        return None, f"The benchmark is missing: {reason_of(error)}."
    return pd.Series(stitch([returns]), index=account.days, name=label), ""


def _accounts(folds: Folds, benchmark: pd.Series | None) -> list[pd.Series]:
    import pandas as pd

    series = []
    for name, account in (
        ("chosen in training", folds.account),
        ("best of all sessions", folds.hindsight),
    ):
        if account is not None:
            series.append(pd.Series(account.values, index=account.days, name=name))
    return series if benchmark is None else [*series, benchmark]


def _spans(folds: Folds) -> list[tuple[np.datetime64, np.datetime64]]:
    days = folds.windows.days
    return [
        (days[part.start], days[part.stop - 1])
        for fold in folds.windows.folds
        for part in fold.test
    ]


def _frame(folds: Folds) -> pd.DataFrame:
    """Return the table of folds; numbers that are missing are NaN."""
    import pandas as pd

    frame = pd.DataFrame(folds.rows()).drop(columns="is_short")
    # A column of None only would otherwise have no type for numbers.
    numeric = ["train_score", "test_score", "rank", "test_median", "test_best", "trades", "fees"]
    numeric.append("point")
    return frame.astype(dict.fromkeys(numeric, "float64"))


def _parameters(folds: Folds, fixed: Sequence[str]) -> list[str]:
    """Return the parameters whose chosen values are drawn: those of a universe that vary."""
    # With a choice per symbol, or folds that do not follow each other in time, there is no one line
    # to draw.
    if folds.rule.per == "symbol" or folds.rule.windows in ("groups", "split"):
        return []
    names = [f"param_{name}" for name in folds.points.names]
    return [name for name in names if name not in fixed][:MAX_PARAMETERS]


def _heading(name: str, frame: pd.DataFrame, folds: Folds) -> Heading:
    score = metric_label(folds.rule.select)
    labels = {
        "train_score": Heading(name, f"{score.label}, training", score.form),
        "test_score": Heading(name, f"{score.label}, test", score.form),
        "test_median": Heading(name, "Median of all points", score.form),
        "test_best": Heading(name, "Best of all points", score.form),
        "rank": Heading(name, "Rank", "ratio", RANK_TIP),
        "trades": Heading(name, "Trades", "count"),
        "fees": Heading(name, "Fees", "money"),
        "point": Heading(name, "Point", "count", shown=False),
        "fold": Heading(name, "Fold", "count"),
    }
    if name in labels:
        return labels[name]
    is_number = frame[name].dtype.kind in "iuf"
    label = name.removeprefix("param_")
    return Heading(
        name, label.capitalize() if label == name else label, "number" if is_number else "text"
    )
