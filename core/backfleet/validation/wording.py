"""A verdict in sentences, each number with its reference.

Sharpe ratios are annual, and years of data stand beside them. None of them says that a strategy is
safe, validated or robust, and no p-value or probability is shown as 0 or 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from backfleet.console import count_of
from backfleet.validation.bootstrap import Interval
from backfleet.validation.missing import Missing, TooLittle, Undefined
from backfleet.validation.moments import Moments
from backfleet.validation.noise_band import noise_band
from backfleet.validation.sharpe import BAR, Deflated, annualize
from backfleet.validation.track_record import TrackRecord
from backfleet.validation.verdict import TASK, Evidence, Level, Overfitting, Verdict

__all__ = [
    "choice_sentences",
    "count_of",
    "describe_verdict",
    "level_sentence",
    "probability_text",
    "summarize_verdict",
]


def describe_verdict(verdict: Verdict) -> list[str]:
    """Return the paragraphs of a verdict, the conclusion of each at its end."""
    overfitting = verdict.evidence.overfitting
    parts = (
        _luck(verdict),
        _interval(verdict),
        [] if overfitting is None else choice_sentences(overfitting, verdict.level),
        _length(verdict),
        _folds(verdict),
        _tasks(verdict),
    )
    return [" ".join(sentences) for sentences in map(list, parts) if sentences]


def summarize_verdict(verdict: Verdict) -> list[str]:
    """Return a few lines for a terminal, the conclusion first."""
    more = " ".join([*_ledger(verdict), *_tasks(verdict)])
    return [level_sentence(verdict), *_best(verdict), *([more] if more else [])]


def level_sentence(verdict: Verdict) -> str:
    """Return the level and the statistic that decides it."""
    deflated, reason = verdict.counted, verdict.reason
    if isinstance(reason, TooLittle):
        return f"Too little data: {_lack(verdict.evidence, reason)}."
    if isinstance(reason, Undefined) or not isinstance(deflated, Deflated):
        return f"Too little data: the Sharpe ratio is {reason}."
    # With one trial the benchmark is 0, and DSR is PSR.
    name = "deflated" if deflated.luck.trials > 1 else "probabilistic"
    probability = probability_text(deflated.probability)
    is_lucky = verdict.level is Level.NOT_DISTINGUISHABLE
    text = (
        f"The {_which(verdict.evidence)} {'is ' if is_lucky else ''}{verdict.level} ({name} Sharpe "
        f"ratio {probability}; the usual bar is {BAR}{_needed(verdict, deflated)}"
    )
    # The number alone would say the opposite of the level, so the reason is named.
    if is_lucky and verdict.evidence.folds and deflated.probability >= BAR:
        return f"{text}, but the test windows do not show it)."
    return f"{text})."


def _which(evidence: Evidence) -> str:
    return f"{'best' if evidence.trials > 1 else 'only'} {evidence.noun}"


def _lack(evidence: Evidence, reason: TooLittle) -> str:
    if reason.quantity not in ("trades", "sessions"):
        return f"{reason.counted}, {reason.needed:,} are needed"
    text = f"the {_which(evidence)} has {reason.counted}, and {reason.needed:,} are needed"
    moments = evidence.moments
    if reason.quantity == "trades" or not isinstance(moments, Moments):
        return text
    # backfleet has no minimum here: the error of this Sharpe ratio decides how many are needed.
    sharpe = annualize(moments.sharpe, evidence.periods)
    return f"{text} to tell a Sharpe ratio of {sharpe:z.2f} from 0"


def _needed(verdict: Verdict, deflated: Deflated) -> str:
    if math.isinf(deflated.needed):
        return ""
    annual = annualize(deflated.needed, verdict.evidence.periods)
    # Rounded up, so that a ratio below it does not read as equal.
    return f", which takes a Sharpe ratio of {math.ceil(annual * 100) / 100:.2f}"


def _luck(verdict: Verdict) -> Iterator[str]:
    moments = verdict.evidence.moments
    yield from _best(verdict)
    yield from _ledger(verdict)
    if isinstance(moments, Moments) and moments.is_autocorrelated:
        yield (
            f"Consecutive returns correlate ({moments.autocorrelation:z.2f}), which the error of "
            "the ratio takes into account."
        )
    yield level_sentence(verdict)


def _best(verdict: Verdict) -> Iterator[str]:
    evidence, moments, deflated = verdict.evidence, verdict.evidence.moments, verdict.deflated
    if not isinstance(moments, Moments):
        return
    sharpe = _annual(verdict, moments.sharpe)
    years = _years(moments.n / evidence.periods)
    yield f"{_subject(evidence)} has a Sharpe ratio of {sharpe} per year over {years}."
    # The luck of this run; `_ledger` adds that of all trials that are known.
    if evidence.trials > 1 and isinstance(deflated, Deflated):
        yield (
            f"Luck alone, with no skill in any {evidence.noun}, would give "
            f"{_annual(verdict, deflated.luck.mean)} on average."
        )


def _subject(evidence: Evidence) -> str:
    if evidence.trials > 1:
        subject = f"The best of {count_of(evidence.trials, evidence.noun)}"
    else:
        subject = f"The only {evidence.noun}"
    if evidence.noun != TASK and evidence.symbols > 1:
        # A task is of one symbol, whatever the number of symbols that were tried.
        subject += f" over {evidence.symbols:,} symbols with equal weight"
    if evidence.min_trades is not None:
        per = " per symbol" if evidence.noun != TASK and evidence.symbols > 1 else ""
        those = f"Among those with at least {evidence.min_trades} trades{per}"
        subject = f"{those}, {subject[:1].lower()}{subject[1:]}"
    return f"{subject} ({evidence.best})" if evidence.best and evidence.trials > 1 else subject


def _ledger(verdict: Verdict) -> Iterator[str]:
    ledger, counted = verdict.evidence.ledger, verdict.counted
    # The ledger adds nothing to what the sentence before has said.
    if ledger is None or not ledger.beyond:
        return
    if ledger.counted > ledger.points:
        yield (
            f"In this store {count_of(ledger.counted, 'point')} of this strategy have been tried "
            f"in {count_of(ledger.runs, 'run')}."
        )
    if ledger.declared:
        yield f"Another {count_of(ledger.declared, 'trial')} are declared."
    if isinstance(counted, Deflated):
        # The ledger counts points, and each was tried on all symbols.
        is_other = verdict.evidence.noun == TASK
        tasks = f", as {counted.luck.trials:,.0f} tasks" if is_other else ""
        yield f"Counted with these{tasks}, luck's average is {_annual(verdict, counted.luck.mean)}."


def _interval(verdict: Verdict) -> Iterator[str]:
    interval = verdict.evidence.interval
    if isinstance(interval, Interval):
        yield (
            f"By resampling blocks of sessions, the {interval.level:.0%} interval of the Sharpe "
            f"ratio per year is {interval.low:z.2f} to {interval.high:z.2f}."
        )


def choice_sentences(overfitting: Overfitting | Missing, level: Level | None) -> Iterator[str]:
    """Yield PBO beside that of noise; the level is that of the best point, if it has a verdict."""
    if isinstance(overfitting, TooLittle):
        yield (f"PBO is not given: {overfitting.counted}, {overfitting.needed:,} are needed.")
    if isinstance(overfitting, Undefined):
        yield f"PBO is {overfitting}."
    if not isinstance(overfitting, Overfitting):
        return
    band = noise_band(overfitting.points)
    score = ", by its mean Sharpe ratio over the symbols," if overfitting.by_mean else ""
    yield (
        f"Probability of backtest overfitting (PBO): in {overfitting.pbo:.0%} of "
        f"{overfitting.splits:,} splits, the point that was best in one half of the sessions"
        f"{score} was at or below the middle in the other half. On noise, this share is "
        f"{band.low:.0%} to {band.high:.0%} in 9 of 10 sweeps."
    )
    # A PBO within the band is what noise gives. It says nothing against an edge of all points
    # alike.
    if overfitting.pbo < band.low:
        yield "The choice among the points carries over more often than on noise."
    elif level is Level.STANDS_OUT:
        yield "The strategy may be good, but the choice among its points is arbitrary."
    else:
        yield "The choice of the point hardly matters, or no point has an edge."


def _length(verdict: Verdict) -> Iterator[str]:
    record, moments = verdict.record, verdict.evidence.moments
    if not isinstance(record, TrackRecord) or not isinstance(moments, Moments):
        return
    sharpe = _annual(verdict, moments.sharpe)
    condition = "If it had been the only one, " if verdict.evidence.trials > 1 else ""
    # The ratio is not above 0, so no length of data tells it from 0.
    if math.isinf(record.sessions):
        return
    if record.is_enough:
        text = (
            f"{record.years:.1f} of these {_years(record.available_years)} would suffice to tell "
            f"{sharpe} from 0 ({BAR:.0%})."
        )
    else:
        until = f", until {record.end:%Y-%m-%d}" if record.end else ""
        text = (
            f"telling {sharpe} from 0 ({BAR:.0%}) would take {_years(record.years)}{until}; "
            f"the data have {record.available_years:.1f}."
        )
    # The text begins a sentence or goes on with one.
    sentence = condition + text
    yield sentence[0].upper() + sentence[1:]
    yield from _length_against_luck(verdict)


def _length_against_luck(verdict: Verdict) -> Iterator[str]:
    record, deflated = verdict.luck_record, verdict.deflated
    if verdict.evidence.trials < 2 or not isinstance(deflated, Deflated):
        return
    luck = _annual(verdict, deflated.luck.mean)
    if isinstance(record, TrackRecord) and math.isfinite(record.years):
        yield f"To tell it from luck's {luck} would take {_years(record.years)}."
    elif isinstance(record, TrackRecord):
        yield f"No length of data would tell it from luck's {luck}."


def _folds(verdict: Verdict) -> Iterator[str]:
    folds = verdict.evidence.folds
    # Windows choose a point for all symbols, and no task.
    if folds is None or verdict.evidence.noun == TASK:
        return
    yield (
        f"Walk-forward, {count_of(folds.folds, 'fold')}: the chosen points have a Sharpe ratio of "
        f"{folds.train_sharpe:z.2f} per year in training, on average, and {folds.test_sharpe:z.2f} "
        "in the account that joins the test windows."
    )
    if isinstance(folds.test_interval, Interval):
        interval = folds.test_interval
        yield (
            f"The {interval.level:.0%} interval of the latter is {interval.low:z.2f} to "
            f"{interval.high:z.2f}."
        )
    if folds.steps:
        steps = count_of(folds.steps, "step")
        yield f"The chosen point changed in {folds.changes:,} of {steps}."


def _tasks(verdict: Verdict) -> Iterator[str]:
    evidence = verdict.evidence
    if evidence.idle:
        never = "never traded and does" if evidence.idle == 1 else "never traded and do"
        yield f"{count_of(evidence.idle, evidence.noun)} {never} not count."
    if evidence.failed:
        yield f"The number of trials includes {count_of(evidence.failed, 'failed task')}."
    if evidence.missing:
        yield f"This is not final: {count_of(evidence.missing, 'task')} without a result."


def _annual(verdict: Verdict, sharpe: float) -> str:
    return f"{annualize(sharpe, verdict.evidence.periods):z.2f}"


def _years(years: float) -> str:
    return f"{years:,.1f} years" if years < 1_000 else "more than 1,000 years"


def probability_text(probability: float) -> str:
    """Return a probability with two digits, and never 0 or 1."""
    if probability >= 0.995:
        return "above 0.99"
    if probability < 0.01:
        return "below 0.01"
    # Rounded down below the bar, so that it never reads as the bar.
    is_near = probability < BAR <= round(probability, 2)
    return f"{math.floor(probability * 100) / 100 if is_near else probability:.2f}"
