"""Frames read by the column against frames read cell by cell."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from backfleet.engines.bt import bt
from backfleet.engines.fast.column_feeds import read_by_the_column
from cerebro_runs import make_frame

Frame = pd.DataFrame


class WithRatio(bt.feeds.PandasData):  # backtrader is untyped
    lines = ("ratio",)
    params = (("ratio", -1),)


class OwnLoad(bt.feeds.PandasData):  # backtrader is untyped
    def _load(self) -> bool:
        loaded = bool(super()._load())
        if loaded:
            self.lines.close[0] *= 2.0
        return loaded


def skip_mondays(data: bt.DataBase) -> bool:
    monday = data.datetime.date(0).weekday() == 0
    if monday:
        data.backwards()
    return bool(monday)


WINDOW = {"fromdate": datetime.datetime(2018, 1, 9), "todate": datetime.datetime(2018, 2, 20)}
SORTS: dict[str, tuple[Callable[[Frame], Frame], Any, dict[str, Any], bool]] = {
    "plain": (lambda frame: frame, bt.feeds.PandasData, {}, True),
    "window": (lambda frame: frame, bt.feeds.PandasData, WINDOW, True),
    "integers": (lambda f: (f * 100).astype("int64"), bt.feeds.PandasData, {}, True),
    "single precision": (lambda f: f.astype("float32"), bt.feeds.PandasData, {}, True),
    "a further line": (lambda f: f.assign(Ratio=1.5), WithRatio, {}, True),
    "times in a column": (
        lambda f: f.reset_index(names="when"),
        bt.feeds.PandasData,
        {"datetime": "when"},
        True,
    ),
    "aware times": (lambda f: f.tz_localize("Asia/Shanghai"), bt.feeds.PandasData, {}, True),
    "no bars": (lambda frame: frame.iloc[:0], bt.feeds.PandasData, {}, True),
    "objects": (lambda f: f.astype(object), bt.feeds.PandasData, {}, False),
    "nullable numbers": (lambda f: f.astype("Float64"), bt.feeds.PandasData, {}, False),
    "unsorted window": (lambda frame: frame.iloc[::-1], bt.feeds.PandasData, WINDOW, False),
    "an own reader": (lambda frame: frame, OwnLoad, {}, False),
    "a filter": (lambda f: f, bt.feeds.PandasData, {"filters": [skip_mondays]}, False),
}


def loaded(feed: bt.DataBase, cerebro: bt.Cerebro) -> tuple[list[str], int, int]:
    feed.setenvironment(cerebro)
    feed._start()
    feed.preload()
    lines = [np.array(line.array).tobytes().hex() for line in feed.lines]
    return lines, len(feed), feed._idx


@pytest.mark.parametrize("sort", SORTS)
def test_a_frame_gives_the_lines_that_backtrader_reads(
    sort: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    change, feed_class, options, at_once = SORTS[sort]
    frame = change(make_frame(60, seed=3))
    cerebro = bt.Cerebro()
    expected = loaded(feed_class(dataname=frame, **options), cerebro)
    feed = feed_class(dataname=frame, **options)
    cells: list[int] = []
    load = bt.feed.AbstractDataBase.load
    monkeypatch.setattr(bt.feed.AbstractDataBase, "load", _counting(load, cells))
    with read_by_the_column([feed]):
        lines = loaded(feed, cerebro)
    assert lines == expected
    assert (not cells) == at_once


def _counting(
    load: Callable[[bt.DataBase], bool], calls: list[int]
) -> Callable[[bt.DataBase], bool]:
    def counted(self: bt.DataBase) -> bool:
        calls.append(1)
        return load(self)

    return counted
