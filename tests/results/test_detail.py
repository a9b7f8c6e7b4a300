"""Equity, orders, fills and trades of a task, as they are kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import backfleet as bf
from backfleet.chunks.schemas import SCHEMAS
from backfleet.engine import NOT_YET, OrderKind, OrderStatus, RejectReason
from backfleet.errors import RunNotFound

WORDS = {"type": OrderKind, "status": OrderStatus, "reason": RejectReason}
TIMES = {"time", "created", "closed", "opened"}


@pytest.mark.parametrize("name", ["equity", "orders", "fills", "trades"])
@pytest.mark.parametrize("task", [1, 2])
def test_what_is_kept_equals_what_the_task_gives_in_this_process(
    whole_job: bf.Job, whole: bf.Run, name: str, task: int
) -> None:
    frame: pd.DataFrame = getattr(whole, name)(task)
    records: Any = getattr(bf.run_task(whole_job, task).outcome, name)
    assert len(frame) == len(records) > 0
    for column in SCHEMAS[name].columns:
        if column.field in records.dtype.names:
            symbol = ["600519", "600559"][task // 2]
            compare(frame[column.name], records[column.field], column.name, symbol)


def test_details_have_the_session_and_the_local_time(whole: bf.Run) -> None:
    """Midnight in Shanghai is 16:00 of the day before in UTC."""
    equity, trades = whole.equity(1), whole.trades(1)
    orders, fills = whole.orders(1), whole.fills(1)

    assert equity["time"].iloc[0] == pd.Timestamp("2019-01-01 16:00", tz="UTC")
    assert equity["local_time"].iloc[0] == pd.Timestamp("2019-01-02")
    for frame, local in (
        (equity, "local_time"),
        (orders, "created_local"),
        (fills, "local_time"),
        (trades, "opened_local"),
    ):
        assert frame["session"].tolist() == frame[local].dt.date.tolist()
        assert set(frame[local].dt.hour) == {0}
    assert orders["closed_local"].isna().tolist() == orders["closed"].isna().tolist()
    assert (trades["closed_local"] > trades["opened_local"]).all()


def test_trades_have_side_exit_price_return_and_excursions(whole: bf.Run) -> None:
    trades, fills = whole.trades(1), whole.fills(1)
    closed = trades[trades["closed"].notna()]

    assert set(trades["side"]) == {"long"}
    assert closed["exit_price"].tolist() == pytest.approx(
        fills[fills["size"] < 0]["price"].tolist(), rel=1e-12
    )
    assert closed["return"].tolist() == pytest.approx(
        (closed["pnl_net"] / (closed["size"] * closed["price"])).tolist(), rel=1e-12
    )
    gross = closed["exit_price"] / closed["price"] - 1.0
    assert (closed["mae"] <= gross.clip(upper=0.0)).all()
    assert (closed["mfe"] >= gross.clip(lower=0.0)).all()


def test_details_can_be_queried_by_session_and_side(whole: bf.Run) -> None:
    answer = whole.query(
        "SELECT side, count(*) AS n, avg(return) AS mean, min(session) AS first FROM trades "
        "WHERE task = 1 AND closed IS NOT NULL GROUP BY side"
    )
    trades = whole.trades(1)

    assert answer["mean"].tolist() == pytest.approx([trades["return"].mean()])
    assert pd.Timestamp(answer["first"][0]).date() == trades["session"].min()
    undefined = whole.query("SELECT count(*) AS n FROM orders WHERE fill_price > 1e300")
    assert undefined["n"].tolist() == [0]


def compare(column: pd.Series[Any], records: NDArray[Any], name: str, symbol: str) -> None:
    if name == "symbol":
        assert set(column) == {symbol}
    elif name in WORDS:
        assert column.tolist() == [WORDS[name](code).name.lower() for code in records]
    elif name in TIMES:
        assert str(column.dtype) == "datetime64[ns, UTC]"
        assert column.isna().tolist() == (records == NOT_YET).tolist()
        there = column.dropna().dt.tz_convert(None).to_numpy("datetime64[ns]").astype("i8")
        assert there.tolist() == records[records != NOT_YET].tolist()
    else:
        np.testing.assert_array_equal(column.to_numpy(), records)


def test_a_rejected_order_says_why(whole: bf.Run) -> None:
    orders = whole.orders(3)
    rejected = orders[orders["status"] == "margin"]
    assert len(rejected) == 290
    assert set(rejected["reason"]) == {"cash_at_submission"}
    assert set(orders[orders["status"] == "completed"]["reason"]) == {"none"}


def test_a_run_that_keeps_no_detail_says_how_to_get_it(brief: bf.Run) -> None:
    with pytest.raises(RunNotFound, match=r"keeps no orders.*--set results.detail=full"):
        brief.orders(0)


@pytest.mark.parametrize("task", [-1, 4])
def test_a_task_that_does_not_exist_is_an_index_error(whole: bf.Run, task: int) -> None:
    with pytest.raises(IndexError, match=f"tasks 0 to 3, no task {task}"):
        whole.equity(task)


def test_a_task_without_a_result_says_how_to_get_one(copied: Path) -> None:
    (copied / "chunks" / "000001.0").unlink()
    with pytest.raises(RunNotFound, match=r"task 1 has no result yet; 'backfleet resume"):
        bf.open_run(copied).trades(1)


def test_a_task_that_failed_has_empty_tables_of_the_usual_columns(
    sample_data: Path, tmp_path: Path, whole: bf.Run
) -> None:
    (tmp_path / "fails.py").write_text(
        "import backtrader as bt\n"
        "class Fails(bt.Strategy):\n"
        "    def next(self):\n"
        "        raise ValueError(1)\n"
    )
    settings: dict[str, Any] = {
        "strategy": f"{tmp_path}/fails.py:Fails",
        "data": {"source": "cn-daily", "path": str(sample_data), "symbols": ["600519"]},
        "results": {"store": str(tmp_path / "runs")},
    }
    run = bf.run(bf.Job(**settings), progress=None)
    assert run.results()["error"].tolist() == ["ValueError: 1 (fails.py, line 4, in next)"]
    for name in ("equity", "orders", "fills", "trades"):
        empty, usual = getattr(run, name)(0), getattr(whole, name)(1)
        assert len(empty) == 0
        assert list(empty) == list(usual)
