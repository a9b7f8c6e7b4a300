"""The ranking of results: enough trades, one row per outcome, points over all symbols."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import backfleet as bf
from backfleet.errors import UserError
from backfleet.plan.manifest import Manifest
from backfleet.plan.plan import plan_job
from backfleet.results.leaderboard import Leaderboard, Ranking, leaders_of, swept_columns
from sample_job import job_of

Rank = Callable[..., Leaderboard]
Sharpe = float | None


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """Three points over two symbols: tasks 0 to 2 are of the first symbol."""
    job = job_of(tmp_path_factory.mktemp("plan"), params={"period": [10, 15, 20]})
    return plan_job(job).manifest


@pytest.fixture
def board(manifest: Manifest) -> Callable[..., Leaderboard]:
    """Rank rows with these Sharpe ratios and numbers of trades, one per task."""

    def rank(
        sharpe: list[Sharpe], trades: list[int], limit: int | None = None, **ranking: Any
    ) -> Leaderboard:
        return leaders_of(rows_of(sharpe, trades), manifest, Ranking(**ranking), limit)

    return rank


def rows_of(sharpe: list[Sharpe], trades: list[int], **columns: list[Any]) -> pa.Table:
    count = len(sharpe)
    values = pa.array(sharpe, pa.float64())
    return pa.table(
        {
            "task": pa.array(range(count), pa.int64()),
            "symbol": ["AAA" if task < 3 else "BBB" for task in range(count)],
            "period": pa.array([(10, 15, 20)[task % 3] for task in range(count)], pa.int64()),
            "sizing": ["all-in"] * count,
            "status": ["ok"] * count,
            **dict.fromkeys(("final_value", "total_return", "sharpe"), values),
            **dict.fromkeys(("max_drawdown", "fees"), values),
            "trades": pa.array(trades, pa.int64()),
            **columns,
        }
    )


def test_points_are_ranked_by_the_mean_over_their_symbols(board: Rank) -> None:
    leaders = board([1.0, 2.0, 0.0, 3.0, 1.0, 0.5], [20, 20, 20, 30, 30, 30])

    assert leaders.rows.select(["point", "period", "symbols", "sharpe", "trades"]).to_pylist() == [
        {"point": 0, "period": 10, "symbols": 2, "sharpe": 2.0, "trades": 50},
        {"point": 1, "period": 15, "symbols": 2, "sharpe": 1.5, "trades": 50},
        {"point": 2, "period": 20, "symbols": 2, "sharpe": 0.25, "trades": 50},
    ]
    assert leaders.describe() == "All 3 points by sharpe, the mean over all symbols."


def test_points_of_one_symbol_or_portfolio_are_no_means(board: Rank) -> None:
    leaders = board([1.0, 2.0, 0.0], [20] * 3, by="point")
    assert leaders.describe() == "All 3 points by sharpe."
    assert "symbols" not in leaders.rows.column_names


def test_symbols_are_ranked_by_the_mean_over_their_points(board: Rank) -> None:
    leaders = board([1.0, 2.0, 0.0, 3.0, 1.0, 0.5], [20] * 6, by="symbol")

    assert leaders.rows["symbol"].to_pylist() == ["BBB", "AAA"]
    assert leaders.rows["sharpe"].to_pylist() == [1.5, 1.0]
    assert "period" not in leaders.rows.column_names


def test_results_with_few_trades_do_not_lead(board: Rank) -> None:
    sharpe, trades = [9.0, 2.0, None, 1.0, 3.0, 0.5], [2, 10, 0, 11, 12, 9]
    tasks = board(sharpe, trades, by="task", limit=2)

    assert tasks.rows["task"].to_pylist() == [4, 1]
    assert tasks.describe() == (
        "The 2 best of 6 tasks by sharpe. 3 of them have at least 10 trades; the others "
        "are not ranked."
    )
    assert board(sharpe, trades, by="task", min_trades=0).rows["task"][0].as_py() == 0
    complete = board(sharpe, trades, by="task", limit=6)
    assert complete.rows["task"].to_pylist() == [4, 1, 3, 0, 5, 2]
    assert complete.describe().endswith("trades; the others come last.")


def test_all_are_ranked_if_none_has_enough_trades(board: Rank) -> None:
    leaders = board([1.0, 2.0, None, 0.0, 0.0, 0.0], [1] * 6, by="task", limit=2)

    assert leaders.rows["task"].to_pylist() == [1, 0]
    assert "No task has enough trades, so all with a sharpe are ranked." in leaders.describe()


def test_the_rule_of_a_ranking_has_no_wrong_plurals(board: Rank) -> None:
    one_of_three = board([1.0, 2.0, 0.0, 3.0, 1.0, 0.5], [20] * 6, limit=1)
    assert one_of_three.describe() == "The best of 3 points by sharpe, the mean over all symbols."

    failed = board([None] * 6, [None] * 6, by="symbol")
    assert failed.describe() == (
        "All 2 symbols by sharpe, the mean over all points. "
        "No symbol has a sharpe, so none is ranked."
    )


def test_identical_outcomes_are_one_row_per_symbol(board: Rank) -> None:
    tasks = board([2.0, 2.0, 1.0, 2.0, 2.0, 2.0], [20] * 6, by="task")

    assert tasks.rows["task"].to_pylist() == [0, 3, 2]
    assert tasks.rows["identical"].to_pylist() == [2, 3, 1]
    assert tasks.describe().endswith("Identical outcomes are shown once.")
    points = board([2.0, 2.0, 1.0, 2.0, 2.0, 2.0], [20] * 6)
    assert points.rows["point"].to_pylist() == [0, 2]


def test_equal_ratios_with_other_trades_are_other_outcomes(board: Rank) -> None:
    tasks = board([2.0] * 6, [20, 21, 20, 20, 20, 20], by="task")

    assert tasks.rows["identical"].to_pylist() == [2, 1, 3]


def test_a_run_without_any_sharpe_is_ranked_by_what_it_has(manifest: Manifest) -> None:
    rows = rows_of([None] * 6, [20] * 6, total_return=[0.1, 0.2, 0.3, 0.1, 0.2, 0.3])
    leaders = leaders_of(rows, manifest, Ranking())

    assert (leaders.metric, leaders.rows["point"].to_pylist()) == ("total_return", [2, 1, 0])


def test_own_metrics_are_averaged_and_can_be_ranked_by(manifest: Manifest) -> None:
    rows = rows_of([1.0] * 6, [20] * 6, mine=[1, 2, 3, 1, None, 5])
    leaders = leaders_of(rows, manifest, Ranking("mine"))

    assert leaders.rows["mine"].to_pylist() == [4.0, 2.0, 1.0]
    smallest = leaders_of(rows, manifest, Ranking("mine", ascending=True))
    assert smallest.rows["mine"].to_pylist() == [1.0, 2.0, 4.0]


def test_missing_and_failed_tasks_are_not_counted(manifest: Manifest) -> None:
    rows = rows_of([1.0, 2.0, None, 3.0], [20, 20, 0, 20])
    failed = pa.array([20, None, 20, 20], pa.int64())
    rows = rows.set_column(rows.column_names.index("trades"), "trades", failed)
    leaders = leaders_of(rows, manifest, Ranking())

    by_point = dict(
        zip(leaders.rows["point"].to_pylist(), leaders.rows["symbols"].to_pylist(), strict=True)
    )
    assert by_point == {0: 2, 1: 0, 2: 1}
    assert leaders.rows["trades"].to_pylist() == [40, None, 20]


def test_a_column_without_numbers_is_reported_with_the_nearest(board: Rank) -> None:
    with pytest.raises(UserError, match=r"cannot be ranked by 'sharp'.*did you mean 'sharpe'"):
        board([1.0] * 6, [20] * 6, metric="sharp")


def test_swept_parameters_of_a_table_of_points_are_those_that_differ(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    table = pa.table({"period": [10, 12], "sizing": ["all-in", "all-in"]})
    pq.write_table(table, tmp_path / "points.parquet")
    job = job_of(tmp_path, params={}, sweep={"points": str(tmp_path / "points.parquet")})

    assert swept_columns(plan_job(job).manifest) == ["period"]
    assert swept_columns(plan_job(job_of(tmp_path, params={"period": 10})).manifest) == []


def test_without_a_sweep_tasks_are_ranked(tmp_path: Path) -> None:
    manifest = plan_job(job_of(tmp_path, params={"period": 10})).manifest
    rows = rows_of([1.0, 2.0], [20, 20])

    assert leaders_of(rows, manifest, Ranking()).rows["task"].to_pylist() == [1, 0]


def test_a_notebook_shows_the_same_leaders(tmp_path: Path) -> None:
    run = bf.run(job_of(tmp_path), progress=None)
    html = run._repr_html_()

    headings = re.findall(r">(point|period|symbols|sharpe|task)<", html[html.index("point<") - 9 :])
    assert headings == ["point", "period", "symbols", "sharpe"]
