"""All equity curves on one time axis."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

import backfleet as bf
from backfleet.report import equity_fan as module
from backfleet.report.equity_fan import equity_fan


def test_the_fan_holds_the_quantiles_of_all_curves(sweep: bf.Run) -> None:
    fan = equity_fan(sweep)
    assert fan is not None
    assert fan.curves == 8
    last = [sweep.equity(task)["value"].iloc[-1] / 100_000 for task in range(8)]
    for quantile in (0.05, 0.25, 0.5, 0.75, 0.95):
        assert fan.frame[quantile].iloc[-1] == np.quantile(last, quantile)
    assert (fan.frame.iloc[0] == 1.0).all()


def test_the_leaders_curve_is_its_equity_as_it_was_known_then(sweep: bf.Run) -> None:
    fan = equity_fan(sweep, leader=6)
    assert fan is not None
    equity = sweep.equity(6).set_index("time")["value"] / 100_000
    for moment, value in fan.frame["best"].items():
        until = equity[: pd.Timestamp(str(moment), tz="UTC")]
        assert value == (until.iloc[-1] if len(until) else 1.0)


def test_of_too_many_tasks_some_are_left_out_but_never_the_leader(
    sweep: bf.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_CURVES", 4)
    whole = len(sweep.chunk_index.headers())
    assert whole > 2
    for leader in range(8):
        fan = equity_fan(sweep, leader)
        assert fan is not None
        assert fan.curves < 8
        assert "best" in fan.frame


def test_without_curves_there_is_no_fan(all_failed: bf.Run, planned: Callable[..., bf.Run]) -> None:
    assert equity_fan(all_failed) is None
    assert equity_fan(planned()) is None
