"""All verdicts on a run: on its best task, its best point, and the best point of each symbol."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backfleet.html import paragraphs
from backfleet.results.point_sums import NoPointSums, read_point_sums
from backfleet.validation.cscv import Cscv
from backfleet.validation.mean_choice import choice_by_mean
from backfleet.validation.missing import Missing, Undefined
from backfleet.validation.point_verdict import (
    choice_by_series,
    point_sharpe_ratios,
    point_verdict,
)
from backfleet.validation.run_data import RunData
from backfleet.validation.run_wording import VerdictParagraphs, describe_run
from backfleet.validation.task_verdicts import (
    SymbolVerdicts,
    best_task_verdict,
    symbol_verdicts,
)
from backfleet.validation.verdict import Level, Overfitting, Verdict, reach_verdict
from backfleet.validation.verdict_json import overfitting_json, symbols_json, verdict_json
from backfleet.validation.wording import level_sentence

__all__ = ["MAX_POINTS", "MAX_TASKS", "RunVerdict", "reach_run_verdict"]

MAX_TASKS = 4_000_000
MAX_POINTS = 200_000
"""Sizes up to which points are compared between halves: they take 256 bytes per task, and 8 KiB per
point."""


@dataclass(frozen=True, eq=False)
class RunVerdict:
    """The verdicts on a run.

    Attributes
    ----------
    run_id
        The run.
    best_task
        On the task that leads by its Sharpe ratio; its trials are all tasks.
    best_point
        On the point that leads by the Sharpe ratio of its mean return over the symbols; its trials
        are the points. With one symbol or a portfolio it is `best_task`.
    symbols
        On the best point of each symbol; None for one symbol or a portfolio.
    choice
        The winners by halves of the sessions, from which PBO follows.
    overfitting
        PBO over the points.
    sharpe
        float64: the annual Sharpe ratios of all points that traded; of all tasks that traded if
        there is no verdict on points.
    """

    run_id: str
    best_task: Verdict
    best_point: Verdict | NoPointSums
    symbols: SymbolVerdicts | None
    choice: Cscv | Missing
    overfitting: Overfitting | Missing
    sharpe: NDArray[np.float64]

    @property
    def level(self) -> Level:
        """The level of the verdict on the best task."""
        return self.best_task.level

    @property
    def sections(self) -> list[VerdictParagraphs]:
        """The verdicts in words, a section on each kind of trial."""
        return describe_run(self.best_task, self.best_point, self.symbols, self.overfitting)

    def __str__(self) -> str:
        return "\n\n".join(
            "\n".join([section.title, *section.paragraphs]) for section in self.sections
        )

    def __repr__(self) -> str:
        return f"RunVerdict({self.run_id!r}, {level_sentence(self.best_task)!r})"

    def _repr_html_(self) -> str:
        """Return the verdicts in words, for a notebook."""
        return "".join(paragraphs(section.title, section.paragraphs) for section in self.sections)

    def to_json(self) -> dict[str, Any]:
        """Return the numbers of all verdicts, and their sentences, as plain JSON."""
        point = self.best_point
        return {
            "run_id": self.run_id,
            "best_task": verdict_json(self.best_task),
            "best_point": verdict_json(point) if isinstance(point, Verdict) else str(point),
            "symbols": None if self.symbols is None else symbols_json(self.symbols),
            "pbo": overfitting_json(self.overfitting),
        }


def reach_run_verdict(data: RunData, max_compared: int = MAX_TASKS) -> RunVerdict:
    """Return the verdicts on a run, complete or not. Raises CorruptObject, StoreError.

    Parameters
    ----------
    data
        The run.
    max_compared
        Number of tasks up to which points are compared between halves. A million tasks take
        minutes.
    """
    best_task = best_task_verdict(data)
    points = read_point_sums(data.store, data.manifest, data.chunk_index)
    # With one symbol, its best point is the best task.
    symbols = symbol_verdicts(data) if data.symbols > 1 else None
    choice: Cscv | Missing
    if data.manifest.tasks > max_compared or len(data.manifest.points) > MAX_POINTS:
        choice = Undefined(f"{data.manifest.tasks:,} tasks are too many to compare here")
    # The series of the points weigh symbols equally on each day, which is what an account would
    # earn. The mean of the symbols' ratios is the substitute if the run has no series.
    elif not isinstance(points, NoPointSums):
        choice = choice_by_series(data, points)
    elif symbols is not None:
        choice = choice_by_mean(data, symbols.blocks)
    else:
        choice = Undefined(points.reason)
    overfitting = _overfitting(choice, by_mean=isinstance(points, NoPointSums))
    best_point: Verdict | NoPointSums
    sharpe = data.scores.sharpe
    if symbols is None:
        # The verdict does not depend on PBO, which is shown beside it: the level stays.
        evidence = replace(best_task.evidence, overfitting=overfitting)
        best_task = best_point = reach_verdict(evidence)
    elif isinstance(points, NoPointSums):
        best_point = points
    else:
        best_point = point_verdict(data, points, overfitting)
        sharpe = point_sharpe_ratios(data, points)
    traded = sharpe[~np.isnan(sharpe)]
    return RunVerdict(
        data.manifest.run_id, best_task, best_point, symbols, choice, overfitting, traded
    )


def _overfitting(choice: Cscv | Missing, *, by_mean: bool) -> Overfitting | Missing:
    if not isinstance(choice, Cscv):
        return choice
    return Overfitting(choice.pbo, len(choice.winners), choice.points, by_mean)
