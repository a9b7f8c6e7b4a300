"""The verdicts on a run in sections of sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from backfleet.console import count_of
from backfleet.results.point_sums import NoPointSums
from backfleet.validation.missing import Missing
from backfleet.validation.multiple_testing import FALSE_SHARE
from backfleet.validation.task_verdicts import SymbolVerdicts
from backfleet.validation.verdict import MIN_TRADES, Level, Overfitting, Verdict
from backfleet.validation.wording import choice_sentences, describe_verdict

__all__ = ["VerdictParagraphs", "describe_run"]


@dataclass(frozen=True)
class VerdictParagraphs:
    """Paragraphs on one kind of trial, under a title; with the level, if it has a verdict."""

    title: str
    paragraphs: Sequence[str]
    level: Level | None = None


def describe_run(
    best_task: Verdict,
    best_point: Verdict | NoPointSums,
    symbols: SymbolVerdicts | None,
    overfitting: Overfitting | Missing,
) -> list[VerdictParagraphs]:
    """Return the verdicts on a run in words; the arguments are the fields of `RunVerdict`."""
    # One symbol or a portfolio: the tasks are the points, so there is one kind of trial.
    if symbols is None:
        return [VerdictParagraphs("Best point", describe_verdict(best_task), best_task.level)]
    count = count_of(best_task.evidence.symbols, "symbol")
    return [
        VerdictParagraphs(
            f"Best task, of all points on {count}", describe_verdict(best_task), best_task.level
        ),
        VerdictParagraphs(
            f"Best point over {count}",
            list(_point(best_point, overfitting)),
            best_point.level if isinstance(best_point, Verdict) else None,
        ),
        VerdictParagraphs("Best point of each symbol", [" ".join(_symbols(symbols))]),
    ]


def _point(point: Verdict | NoPointSums, overfitting: Overfitting | Missing) -> Iterator[str]:
    if not isinstance(point, NoPointSums):
        yield from describe_verdict(point)
        return
    yield f"The verdict on the best point over all symbols is {point}"
    choice = " ".join(choice_sentences(overfitting, None))
    if choice:
        yield choice


def _symbols(symbols: SymbolVerdicts) -> Iterator[str]:
    discoveries = symbols.discoveries
    tests, rate = count_of(discoveries.tests, "symbol"), f"{FALSE_SHARE:.0%}"
    if not discoveries.tests:
        yield "Too little data: no symbol can be tested."
    elif not discoveries.count:
        yield f"None stands out from luck, at a false discovery rate of {rate}. Tested: {tests}."
    else:
        yield (
            f"The best point stands out from luck on {discoveries.count:,} of {tests}, at a false "
            f"discovery rate of {rate}; about {discoveries.expected_false:.1f} of these are "
            "expected to be luck."
        )
    # Symbols without any Sharpe ratio have no verdict, and are not counted here either.
    left_out = len(symbols.verdicts) - discoveries.tests
    if left_out:
        yield (
            f"Not tested, with fewer than {MIN_TRADES} trades or without a Sharpe ratio: "
            f"{count_of(left_out, 'symbol')}."
        )
