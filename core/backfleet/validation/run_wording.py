"""The verdicts on a run in sections of sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backfleet.results.point_sums import NoPointSums
from backfleet.validation.multiple_testing import FALSE_SHARE
from backfleet.validation.task_verdicts import SymbolVerdicts
from backfleet.validation.verdict import MIN_TRADES
from backfleet.validation.wording import choice_sentences, count_of, describe_verdict

if TYPE_CHECKING:
    from backfleet.validation.run_verdict import RunVerdict

__all__ = ["Section", "describe_run"]


@dataclass(frozen=True)
class Section:
    """Paragraphs on one kind of trial, under a title."""

    title: str
    paragraphs: Sequence[str]


def describe_run(run: RunVerdict) -> list[Section]:
    """Return the verdicts on a run in words: on the best task, the best point, and each symbol."""
    if run.symbols is None:
        return [Section("Best point", describe_verdict(run.best_task))]
    symbols = count_of(run.best_task.evidence.symbols, "symbols")
    return [
        Section(f"Best task, of all points on {symbols}", describe_verdict(run.best_task)),
        Section(f"Best point over {symbols}", list(_point(run))),
        Section("Best point of each symbol", [" ".join(_symbols(run.symbols))]),
    ]


def _point(run: RunVerdict) -> Iterator[str]:
    point = run.best_point
    if not isinstance(point, NoPointSums):
        yield from describe_verdict(point)
        return
    yield f"The verdict on the best point over all symbols is {point}"
    choice = " ".join(choice_sentences(run.overfitting, None))
    if choice:
        yield choice


def _symbols(symbols: SymbolVerdicts) -> Iterator[str]:
    discoveries = symbols.discoveries
    tests, rate = count_of(discoveries.tests, "symbols"), f"{FALSE_SHARE:.0%}"
    if not discoveries.tests:
        yield "Too little data: no symbol is a test."
    elif not discoveries.count:
        yield (
            f"The best point stands out from luck on none of {tests}, at a false discovery rate of "
            f"{rate}."
        )
    else:
        yield (
            f"The best point stands out from luck on {discoveries.count:,} of {tests}, at a false "
            f"discovery rate of {rate}; about {discoveries.expected_false:.1f} of these are "
            "expected to be luck."
        )
    left_out = len(symbols.verdicts) - discoveries.tests
    if left_out:
        yield (
            "Symbols with fewer than "
            f"{MIN_TRADES} trades or without a Sharpe ratio are no tests: {left_out:,}."
        )
