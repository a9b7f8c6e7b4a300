"""A verdict as labels and short texts, for two runs side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping

from backfleet.validation.bootstrap import Interval
from backfleet.validation.moments import Moments
from backfleet.validation.sharpe import Deflated, annualize
from backfleet.validation.verdict import Verdict, counted_trials
from backfleet.validation.wording import probability_text

__all__ = ["verdict_facts"]

NONE = "-"


def verdict_facts(verdict: Verdict) -> Mapping[str, str]:
    """Return the texts by their labels; every verdict has the same labels."""
    evidence = verdict.evidence
    interval, folds = evidence.interval, evidence.folds
    bounds = NONE
    if isinstance(interval, Interval):
        bounds = f"{interval.low:z.2f} to {interval.high:z.2f}"
    # A label that one of two runs lacks has the text "-", so that the rows of both stay side by
    # side.
    return {
        "Verdict": str(verdict.level),
        "Best": str(evidence.best or NONE),
        **_sharpe(verdict),
        "Its 95% interval": bounds,
        **_luck(verdict),
        "Trials in the run": f"{evidence.trials:,}",
        "Trials with the ledger": f"{counted_trials(evidence):,}",
        "Trades": f"{evidence.trades:,}",
        "Sharpe ratio of the test windows": f"{folds.test_sharpe:z.2f}" if folds else NONE,
    }


def _sharpe(verdict: Verdict) -> Mapping[str, str]:
    evidence, moments = verdict.evidence, verdict.evidence.moments
    sharpe, years = NONE, NONE
    if isinstance(moments, Moments):
        sharpe = f"{annualize(moments.sharpe, evidence.periods):z.2f}"
        years = f"{moments.n / evidence.periods:.1f}"
    return {"Years of data": years, "Sharpe ratio per year": sharpe}


def _luck(verdict: Verdict) -> Mapping[str, str]:
    counted, periods = verdict.counted, verdict.evidence.periods
    mean, needed, probability = NONE, NONE, NONE
    if isinstance(counted, Deflated):
        probability = probability_text(counted.probability)
        if math.isfinite(counted.needed):
            needed = f"{annualize(counted.needed, periods):z.2f}"
        # With a single trial there is no best of several, and luck's ratio would be a 0 without a
        # meaning.
        if counted.luck.trials > 1:
            mean = f"{annualize(counted.luck.mean, periods):z.2f}"
    return {
        "Luck's average": mean,
        "Deflated Sharpe ratio": probability,
        "Sharpe ratio that would stand out": needed,
    }
