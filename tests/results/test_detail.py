"""Equity, orders, fills and trades of a task, as they are kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

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
    fields = [column.field for column in SCHEMAS[name].columns]
    assert fields == list(records.dtype.names)
    assert len(frame) == len(records) > 0
    for column, field in zip(frame, fields, strict=True):
        compare(frame[column], records[field], str(column), ["600519", "600559"][task // 2])


def compare(found: pd.Series[Any], records: Any, name: str, symbol: str) -> None:
    if name == "symbol":
        assert set(found) == {symbol}
    elif name in WORDS:
        assert found.tolist() == [WORDS[name](code).name.lower() for code in records]
    elif name in TIMES:
        assert str(found.dtype) == "datetime64[ns, UTC]"
        assert found.isna().tolist() == (records == NOT_YET).tolist()
        there = found.dropna().dt.tz_convert(None).to_numpy("datetime64[ns]").astype("i8")
        assert there.tolist() == records[records != NOT_YET].tolist()
    else:
        np.testing.assert_array_equal(found.to_numpy(), records)


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
