"""The verdict's level and its words."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfleet.validation.bootstrap import Interval
from backfleet.validation.luck import expected_maximum
from backfleet.validation.missing import TooLittle, Undefined
from backfleet.validation.moments import Moments
from backfleet.validation.sharpe import Deflated, probabilistic_sharpe
from backfleet.validation.trial_counts import RunTrials
from backfleet.validation.verdict import (
    TASK,
    Evidence,
    FoldEvidence,
    Level,
    Overfitting,
    counted_trials,
    reach_verdict,
)
from backfleet.validation.wording import describe_verdict, level_sentence

PERIODS = 252
BANNED = ("safe", "validated", "robust", "no overfitting", "probability that")


def evidence(sharpe: float, years: float = 5.0, trials: int = 240, **changes: Any) -> Evidence:
    """Return evidence for an annual Sharpe ratio, with an annual luck of 1.1 for 240 points."""
    n, per_session = round(years * PERIODS), sharpe / math.sqrt(PERIODS)
    dates = np.datetime64("2015-01-01") + np.round(np.arange(n) * 365.25 / PERIODS).astype(int)
    return Evidence(
        trials=trials,
        noun="point",
        spread=1.1 / math.sqrt(PERIODS) / expected_maximum(240) if trials > 1 else None,
        moments=Moments(n, per_session * 0.01, 0.01, per_session, 0.0, 3.0, 0.0),
        dates=dates.astype("datetime64[D]"),
        periods=PERIODS,
        trades=120,
        **changes,
    )


def ledger(counted: int, runs: int, *, declared: int = 0, points: int = 240) -> RunTrials:
    return RunTrials(points, "family", counted, declared, runs)


def folds(low: float) -> FoldEvidence:
    return FoldEvidence(7, 1.2, 0.3, Interval(low, 1.1, 0.95), 5, 12)


def test_verdict_of_a_sweep_that_luck_explains() -> None:
    verdict = reach_verdict(
        evidence(
            1.3,
            overfitting=Overfitting(0.46, 12_870, 240),
            interval=Interval(0.4, 2.2, 0.95),
            folds=folds(-0.5),
            ledger=ledger(3_120, 14),
            failed=1,
            missing=2,
        )
    )
    assert verdict.level is Level.NOT_DISTINGUISHABLE
    assert describe_verdict(verdict) == [
        "The best of 240 points has a Sharpe ratio of 1.30 per year over 5.0 years. Luck alone, "
        "with no skill in any point, would give 1.10 on average. In this store 3,120 points of "
        "this strategy have been tried in 14 runs. Counted with these, luck's average is 1.39. The "
        "best point is not distinguishable from luck (deflated Sharpe ratio 0.42; the usual bar is "
        "0.95, which takes a Sharpe ratio of 2.13).",
        "By resampling blocks of sessions, the 95% interval of the Sharpe ratio per year is 0.40 "
        "to 2.20.",
        "Probability of backtest overfitting (PBO): in 46% of 12,870 splits, the point that was "
        "best in one half of the sessions was at or below the middle in the other half. On noise, "
        "this share is 29% to 72% in 9 of 10 sweeps. The choice of the point hardly matters, or no "
        "point has an edge.",
        "If it had been the only one, 1.6 of these 5.0 years would suffice to tell 1.30 from 0 "
        "(95%). To tell it from luck's 1.10 would take 67.9 years.",
        "Walk-forward, 7 folds: the chosen points have a Sharpe ratio of 1.20 per year in "
        "training, on average, and 0.30 in the account that joins the test windows. The 95% "
        "interval of the latter is -0.50 to 1.10. The chosen point changed in 5 of 12 steps.",
        "The number of trials includes 1 failed task. This is not final: 2 tasks without a result.",
    ]


def test_verdict_of_a_planted_edge() -> None:
    verdict = reach_verdict(evidence(2.5, 10.0, overfitting=Overfitting(0.05, 12_870, 240)))
    assert verdict.level is Level.STANDS_OUT
    text = " ".join(describe_verdict(verdict))
    assert (
        "The best point stands out from luck (deflated Sharpe ratio above 0.99; the usual bar is "
        "0.95, which takes a Sharpe ratio of 1.63)."
    ) in text
    assert "The choice among the points carries over more often than on noise." in text


def test_high_pbo_beside_a_high_dsr_calls_the_choice_arbitrary() -> None:
    verdict = reach_verdict(evidence(2.5, 10.0, overfitting=Overfitting(0.49, 12_870, 240)))
    assert "the choice among its points is arbitrary." in " ".join(describe_verdict(verdict))


def test_test_windows_without_an_edge_withhold_the_best_level() -> None:
    assert reach_verdict(evidence(2.5, 10.0, folds=folds(0.1))).level is Level.STANDS_OUT
    verdict = reach_verdict(evidence(2.5, 10.0, folds=folds(-0.1)))
    assert verdict.level is Level.NOT_DISTINGUISHABLE
    assert level_sentence(verdict).endswith("but the test windows do not show it).")


def test_largest_number_of_trials_decides() -> None:
    alone = reach_verdict(evidence(2.0, 6.0))
    assert alone.level is Level.STANDS_OUT
    for trials in (ledger(10**7, 90), ledger(240, 1, declared=10**7)):
        verdict = reach_verdict(evidence(2.0, 6.0, ledger=trials))
        assert verdict.level is Level.NOT_DISTINGUISHABLE
        assert verdict.deflated == alone.deflated
    same = reach_verdict(evidence(2.0, 6.0, ledger=ledger(240, 1)))
    assert same.counted == alone.counted
    assert "In this store" not in " ".join(describe_verdict(same))


def test_points_of_the_ledger_count_once_for_each_symbol_of_the_best_task() -> None:
    by_point = evidence(2.0, 6.0, ledger=ledger(340, 3))
    by_task = replace(by_point, noun=TASK, symbols=5)
    assert (counted_trials(by_point), counted_trials(by_task)) == (240 + 100, 240 + 5 * 100)


def test_points_that_never_traded_stay_out_of_the_number_with_the_ledger() -> None:
    assert counted_trials(evidence(2.0, trials=200, ledger=ledger(340, 3))) == 300


def test_error_of_autocorrelated_returns_is_the_larger_one_and_the_words_say_so() -> None:
    plain = evidence(2.0, 6.0)
    assert isinstance(plain.moments, Moments)
    correlated = replace(plain, moments=replace(plain.moments, autocorrelation=0.2))
    verdicts = [reach_verdict(plain), reach_verdict(correlated)]
    probabilities = [verdict.deflated.probability for verdict in verdicts]
    assert probabilities[1] < probabilities[0]
    texts = [" ".join(describe_verdict(verdict)) for verdict in verdicts]
    assert "Consecutive returns correlate (0.20)" in texts[1]
    assert "Consecutive" not in texts[0]


def test_single_point_is_compared_with_0() -> None:
    single = evidence(1.3, trials=1)
    verdict = reach_verdict(single)
    assert isinstance(verdict.deflated, Deflated)
    assert isinstance(single.moments, Moments)
    assert verdict.deflated.probability == probabilistic_sharpe(single.moments)
    assert describe_verdict(verdict) == [
        "The only point has a Sharpe ratio of 1.30 per year over 5.0 years. The only point stands "
        "out from luck (probabilistic Sharpe ratio above 0.99; the usual bar is 0.95, which takes "
        "a Sharpe ratio of 0.74).",
        "1.6 of these 5.0 years would suffice to tell 1.30 from 0 (95%).",
    ]


def test_single_point_is_deflated_by_the_trials_of_the_ledger() -> None:
    verdict = reach_verdict(evidence(1.3, trials=1, ledger=ledger(500, 20, points=1)))
    assert verdict.level is Level.NOT_DISTINGUISHABLE
    assert "deflated" in level_sentence(verdict)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"trades": 9}, "Too little data: the best point has 9 trades, and 30 are needed."),
        (
            {"moments": TooLittle("sessions", 2, 3)},
            "Too little data: the best point has 2 sessions, and 3 are needed.",
        ),
        (
            {"moments": Undefined("the returns do not vary")},
            "Too little data: the Sharpe ratio is undefined, because the returns do not vary.",
        ),
    ],
)
def test_too_little_data_names_the_number_needed(changes: dict[str, Any], sentence: str) -> None:
    verdict = reach_verdict(replace(evidence(2.5), **changes))
    assert verdict.level is Level.TOO_LITTLE_DATA
    assert level_sentence(verdict) == sentence
    assert sentence in " ".join(describe_verdict(verdict))


def test_too_short_data_name_the_date_until_which_they_would_have_to_go_on() -> None:
    verdict = reach_verdict(evidence(0.5, trials=1))
    assert verdict.level is Level.TOO_LITTLE_DATA
    assert describe_verdict(verdict) == [
        "The only point has a Sharpe ratio of 0.50 per year over 5.0 years. "
        "Too little data: the only point has 1,260 sessions, and 2,730 are needed to tell a Sharpe "
        "ratio of 0.50 from 0.",
        "Telling 0.50 from 0 (95%) would take 10.8 years, until 2025-10-31; the data have 5.0.",
    ]


def test_losing_sweep_is_not_called_too_short() -> None:
    verdict = reach_verdict(evidence(-0.4))
    assert verdict.level is Level.NOT_DISTINGUISHABLE
    assert "years would tell" not in " ".join(describe_verdict(verdict))


def test_pbo_of_too_few_points_names_the_number_needed() -> None:
    verdict = reach_verdict(evidence(1.3, overfitting=TooLittle("points", 4, 10)))
    assert "PBO is not given: 4 points, 10 are needed." in describe_verdict(verdict)


@given(
    sharpe=st.floats(-3.0, 4.0),
    years=st.floats(0.1, 30.0),
    trials=st.integers(1, 10_000),
    trades=st.integers(0, 200),
    pbo=st.floats(0.0, 1.0),
    low=st.floats(-2.0, 1.0),
    points=st.integers(1, 10**9),
)
def test_no_verdict_claims_certainty(
    sharpe: float, years: float, trials: int, trades: int, pbo: float, low: float, points: int
) -> None:
    overfitting = Overfitting(pbo, 12_870, max(trials, 10))
    case = evidence(
        sharpe,
        years,
        trials,
        overfitting=overfitting,
        folds=folds(low),
        ledger=ledger(trials + points, 3, points=trials),
    )
    verdict = reach_verdict(replace(case, trades=trades))
    text = " ".join(describe_verdict(verdict))
    assert not any(word in text.lower() for word in BANNED)
    assert not re.search(r"\b(nan|inf|None)\b", text)
    assert not re.search(r"ratio (0\.00|1\.00);", text)
    if isinstance(verdict.counted, Deflated) and verdict.level is Level.STANDS_OUT:
        assert verdict.counted.probability >= 0.95
