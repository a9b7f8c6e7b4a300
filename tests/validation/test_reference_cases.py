"""Every reference case within its tolerance, and none of the values of other conventions.

`cases.json` holds the inputs, the formula, the values and who agrees on them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backfleet.metrics.sums import SegmentSums, stack_sums, sum_returns
from backfleet.plan.windows import Sessions, WalkForward, group_folds, group_paths, walk_forward
from backfleet.validation.accounts import equal_weight, stitch
from backfleet.validation.bootstrap import BlockLength, block_length
from backfleet.validation.cscv import cscv
from backfleet.validation.luck import expected_maximum
from backfleet.validation.moments import Moments, moments_of
from backfleet.validation.multiple_testing import benjamini_hochberg, benjamini_yekutieli, holm
from backfleet.validation.sharpe import (
    Deflated,
    annualize,
    deflated_sharpe,
    minimum_backtest_years,
    minimum_sessions,
    probabilistic_sharpe,
    sharpe_variance,
    standard_error,
)
from backfleet.validation.superior_ability import (
    long_run_deviations,
    reality_check,
    superior_ability,
)
from backfleet.validation.trials import effective_ranks, effective_trials, mean_correlation

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "cases.json").read_text())[
    "cases"
]


def moments(returns: list[float]) -> Moments:
    sums = sum_returns(np.array(returns), np.array([0, len(returns)]))
    result = moments_of(sums)
    assert isinstance(result, Moments)
    return result


def given_moments(sharpe: float, n: int, skew: float, kurtosis: float, rho: float) -> Moments:
    return Moments(n, sharpe, 1.0, sharpe, skew, kurtosis, rho)


def block_sums(returns: list[list[float]], blocks: int) -> SegmentSums:
    """Return sums of equally long blocks; sessions left over at the end are in none."""
    array = np.array(returns)
    borders = np.arange(blocks + 1) * (len(array) // blocks)
    columns = [np.ascontiguousarray(column) for column in array[: borders[-1]].T]
    return stack_sums([sum_returns(column, borders) for column in columns]).segments


def moments_case(inputs: dict[str, Any]) -> dict[str, float]:
    ours = moments(inputs["returns"])
    n, biased = ours.n, math.sqrt((ours.n - 1) / ours.n)
    return {
        "n": n,
        "mean": ours.mean,
        "sd1": ours.deviation,
        "sr1": ours.sharpe,
        "g1": ours.skew,
        "b2": ours.kurtosis,
        # The other conventions follow from ours.
        "sr0": ours.sharpe / biased,
        "G1": ours.skew * math.sqrt(n * (n - 1)) / (n - 2),
        "K": 3 + (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * (ours.kurtosis - 3) + 6),
    }


def dsr_case(inputs: dict[str, Any]) -> dict[str, float]:
    sharpes = inputs["trial_sharpes"]
    spread = float(np.std(sharpes, ddof=1))
    deflated = deflated_sharpe(moments(inputs["returns"]), spread, len(sharpes))
    assert isinstance(deflated, Deflated)
    return {"benchmark": deflated.luck.mean, "dsr": deflated.probability}


def cscv_case(inputs: dict[str, Any]) -> dict[str, Any]:
    result = cscv(block_sums(inputs["returns"], inputs["blocks"]))
    return {
        "pbo": result.pbo,
        "below": result.below,
        "slope": result.slope,
        "loss": result.loss,
        "logits": result.logits.tolist(),
    }


def multiple_testing_case(inputs: dict[str, Any]) -> dict[str, Any]:
    p_values = np.array(inputs["p"])
    adjustments = {"holm": holm, "bh": benjamini_hochberg, "by": benjamini_yekutieli}
    return {name: adjust(p_values).tolist() for name, adjust in adjustments.items()}


def effective_trials_case(inputs: dict[str, Any]) -> dict[str, float]:
    returns = np.array(inputs["returns"])
    correlation = mean_correlation(returns)
    entropy, participation = effective_ranks(returns)
    return {
        "mean_correlation": correlation,
        "by_mean": effective_trials(correlation, returns.shape[1]),
        "entropy": entropy,
        "participation": participation,
    }


def equal_weight_case(inputs: dict[str, Any]) -> dict[str, Any]:
    returns = np.array(inputs["returns"], float)
    series = equal_weight(np.nansum(returns, axis=1), np.isfinite(returns).sum(axis=1))
    return {"series": series.tolist(), "sr1": moments(series.tolist()).sharpe}


def group_folds_case(inputs: dict[str, Any]) -> dict[str, Any]:
    folds = group_folds(**{"test_groups" if k == "test" else k: v for k, v in inputs.items()})
    paths = group_paths(inputs["groups"], inputs["test"])
    return {
        "train": [fold.train_sessions for fold in folds],
        "paths": int(paths.max()) + 1,
        "path_ids": paths.tolist(),
    }


def walk_forward_case(inputs: dict[str, Any]) -> list[Any]:
    sessions = inputs["sessions"]
    windows = WalkForward(**{key: value for key, value in inputs.items() if key != "sessions"})
    folds = walk_forward(Sessions(sessions), windows)
    return [[fold.train_sessions, fold.test_sessions] for fold in folds]


def block_length_case(inputs: dict[str, Any]) -> dict[str, float]:
    length = block_length(np.array(inputs["series"]))
    assert isinstance(length, BlockLength)
    return {
        "stationary": length.stationary,
        "circular": length.circular,
        "m": length.last_lag,
    }


def spa_case(inputs: dict[str, Any]) -> dict[str, Any]:
    returns, resamples = np.array(inputs["returns"]), np.array(inputs["resamples"])
    result = superior_ability(returns, inputs["mean_block"], resamples)
    return {
        "variance": (long_run_deviations(returns, inputs["mean_block"]) ** 2).tolist(),
        "statistic": result.statistic,
        "p": [result.lower, result.consistent, result.upper],
    }


def annualize_case(inputs: dict[str, Any]) -> dict[str, Any]:
    ours = moments(inputs["returns"])
    error = standard_error(ours)
    assert isinstance(error, float)
    return {
        "sharpe": annualize(ours.sharpe, inputs["periods"]),
        "error": annualize(error, inputs["periods"]),
    }


COMPUTE: dict[str, Callable[[dict[str, Any]], Any]] = {
    "moments": moments_case,
    "psr": lambda inputs: probabilistic_sharpe(moments(inputs["returns"]), inputs["benchmark"]),
    "expected-maximum": lambda inputs: expected_maximum(**inputs),
    "dsr": dsr_case,
    "mintrl": lambda inputs: minimum_sessions(**inputs),
    "minbtl": lambda inputs: minimum_backtest_years(**inputs),
    "sharpe-variance": lambda inputs: sharpe_variance(given_moments(**inputs)),
    "cscv": cscv_case,
    "multiple-testing": multiple_testing_case,
    "effective-trials": effective_trials_case,
    "equal-weight": equal_weight_case,
    "cpcv-folds": group_folds_case,
    "walk-forward": walk_forward_case,
    "block-length": block_length_case,
    "spa": spa_case,
    "annualize": annualize_case,
    "stitch": lambda inputs: stitch([np.array(fold) for fold in inputs["folds"]]).tolist(),
}


def compute(case: dict[str, Any]) -> Any:
    (family,) = [name for name in COMPUTE if case["id"].startswith(name)]
    return COMPUTE[family](case["inputs"])


def leaves(value: object) -> Iterator[Any]:
    """Yield the numbers of a nested value in order."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from leaves(item)
    else:
        yield value


def matches(ours: object, theirs: object, tolerance: float) -> bool:
    """Return whether all numbers that `theirs` has are those of `ours`."""
    if isinstance(theirs, dict):
        ours = {key: ours.get(key) for key in theirs} if isinstance(ours, dict) else ours
    ours_flat, theirs_flat = list(leaves(ours)), list(leaves(theirs))
    return len(ours_flat) == len(theirs_flat) and all(
        a == b if tolerance == 0 else math.isclose(a, b, rel_tol=tolerance, abs_tol=1e-15)
        for a, b in zip(ours_flat, theirs_flat, strict=True)
    )


def test_there_are_35_cases() -> None:
    assert len(CASES) == len({case["id"] for case in CASES}) == 35


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_value_of_the_case_is_within_its_tolerance(case: dict[str, Any]) -> None:
    ours, expected = compute(case), case["expect"]
    if isinstance(expected, dict):
        expected = {key: value for key, value in expected.items() if key != "valid"}
    assert matches(ours, expected, case["tolerance"])


OTHERS = [
    pytest.param(case, name, id=f"{case['id']}: {name}")
    for case in CASES
    for name in case.get("others", {})
]


@pytest.mark.parametrize(("case", "name"), OTHERS)
def test_value_of_another_convention_does_not_match(case: dict[str, Any], name: str) -> None:
    ours, other = compute(case), case["others"][name]
    if isinstance(ours, dict) and isinstance(other, float):
        ours = ours["dsr"]
    # ffn has no value at all for a trial that stands still; ours has one.
    assert not matches(ours, other, 1e-6) if other is not None else ours["pbo"] >= 0


def test_reality_check_does_not_divide_by_the_deviation() -> None:
    (case,) = [case for case in CASES if case["id"] == "spa"]
    inputs = case["inputs"]
    result = reality_check(
        np.array(inputs["returns"]), inputs["mean_block"], np.array(inputs["resamples"])
    )
    (expected,) = case["others"].values()
    p_values = [result.lower, result.consistent, result.upper]
    assert matches([result.statistic, p_values], [expected["statistic"], expected["p"]], 1e-12)
