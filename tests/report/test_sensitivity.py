"""Whether the best point of a sweep stands on a plateau or on a spike."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from backfleet.report.sensitivity import Sensitivity, sensitivity

PERIODS = list(range(1, 12))


def of_period(values: list[float]) -> Sensitivity:
    rows = pd.DataFrame({"period": PERIODS, "sharpe": values})
    result = sensitivity(rows, ["period"], "sharpe")
    assert result is not None
    return result


def test_equal_neighbors_are_a_plateau() -> None:
    result = of_period([0, 0, 0, 0.95, 1, 0.95, 0, 0, 0, 0, 0])
    assert (result.shape, result.neighbors) == ("plateau", 2)
    assert result.around == pytest.approx(0.95)
    assert result.best == {"period": 5}
    assert result.value == 1.0


def test_a_point_that_towers_over_its_neighbors_is_a_spike() -> None:
    assert of_period([0, 0, 0, 0.1, 1, 0.0, 0, 0, 0, 0, 0]).shape == "spike"


def test_of_two_points_neither_is_a_spike() -> None:
    rows = pd.DataFrame({"k": [1, 2], "sharpe": [0.5, 1.5]})
    result = sensitivity(rows, ["k"], "sharpe")
    assert result is not None
    assert (result.best, result.neighbors, result.shape) == ({"k": 2}, 1, "unknown")


def test_the_leader_of_the_leaderboard_is_compared_with_its_neighbors() -> None:
    rows = pd.DataFrame({"k": [1, 2, 3, 4, 5], "sharpe": [0.0, 0.1, 1.0, 0.1, 9.0]})
    result = sensitivity(rows, ["k"], "sharpe", {"k": 2, "symbols": 3})
    assert result is not None
    assert (result.best, result.value, result.around) == ({"k": 2}, 0.1, 0.5)
    assert result.shape == "plateau"


def test_what_is_between_is_a_slope() -> None:
    assert of_period([0, 0, 0, 0.6, 1, 0.7, 0.2, 0, 0, 0, 0]).shape == "slope"


def test_a_point_is_the_mean_over_its_symbols() -> None:
    rows = pd.DataFrame(
        {"symbol": ["A", "A", "B", "B"], "k": [1, 2, 1, 2], "sharpe": [9.0, 4.0, 0.0, 6.0]}
    )
    result = sensitivity(rows, ["k"], "sharpe")
    assert result is not None
    assert (result.best, result.value, result.points) == ({"k": 2}, 5.0, 2)


def test_the_best_volatility_is_the_least() -> None:
    rows = pd.DataFrame({"k": [1, 2, 3], "volatility": [0.3, 0.1, 0.2]})
    result = sensitivity(rows, ["k"], "volatility")
    assert result is not None
    assert result.best == {"k": 2}


def test_neighbors_differ_in_one_number_and_agree_in_all_else() -> None:
    grid = [(x, y, kind) for x in (1, 2, 3) for y in (10, 20, 40) for kind in ("a", "b")]
    rows = pd.DataFrame(grid, columns=["x", "y", "kind"])
    rows["sharpe"] = np.where((rows["x"] == 2) & (rows["y"] == 20) & (rows["kind"] == "a"), 2, 1)
    result = sensitivity(rows, ["x", "y", "kind"], "sharpe")
    assert result is not None
    assert result.best == {"x": 2, "y": 20, "kind": "a"}
    assert (result.neighbors, result.around) == (4, 1.0)


def test_text_alone_has_no_neighbors() -> None:
    rows = pd.DataFrame({"kind": ["a", "b"], "sharpe": [1.0, 2.0]})
    result = sensitivity(rows, ["kind"], "sharpe")
    assert result is not None
    assert (result.shape, result.around) == ("unknown", None)


def test_a_marginal_holds_quartiles_and_the_slice_through_the_best_point() -> None:
    rows = pd.DataFrame(
        {"x": [1, 1, 1, 2, 2], "y": [1, 2, 3, 1, 2], "sharpe": [0.0, 1.0, 5.0, 2.0, 4.0]}
    )
    result = sensitivity(rows, ["x", "y"], "sharpe")
    assert result is not None
    marginal = result.marginals["x"]
    assert marginal["middle"].tolist() == [1.0, 3.0]
    assert marginal["low"].tolist() == [0.5, 2.5]
    assert marginal["best"].iloc[0] == 5.0
    assert np.isnan(marginal["best"].iloc[1])


def test_the_slice_goes_through_a_best_point_that_lacks_a_parameter() -> None:
    rows = pd.DataFrame(
        {"x": [1, 2, 1, 2], "y": ["a", "a", None, None], "sharpe": [0.0, 1.0, 3.0, 2.0]}
    )
    result = sensitivity(rows, ["x", "y"], "sharpe", {"x": 1, "y": None})
    assert result is not None
    assert result.marginals["x"]["best"].tolist() == [3.0, 2.0]


def test_without_a_value_there_is_nothing_to_say() -> None:
    rows = pd.DataFrame({"k": [1, 2], "sharpe": [np.nan, np.nan]})
    assert sensitivity(rows, ["k"], "sharpe") is None
