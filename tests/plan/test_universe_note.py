"""A strategy that compares symbols says so if it sees them one at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from backfleet.plan.plan import plan_job
from sample_job import job_of


@pytest.mark.parametrize(
    ("keys", "is_noted"),
    [
        ({"strategy": "top-n-momentum", "params": {}}, True),
        ({"strategy": "top-n-momentum", "params": {}, "symbols": ("600519",)}, False),
        ({}, False),
    ],
)
def test_comparing_symbols_one_at_a_time_is_noted(
    keys: dict[str, Any], is_noted: bool, tmp_path: Path
) -> None:
    job = job_of(tmp_path, **keys)
    for _ in range(2):  # The second plan reads the description of the strategy from the cache.
        notes = dict(plan_job(job).manifest.notes.lines(2))
        assert ("universe" in notes) is is_noted
        assert "portfolio_targets" in notes.get("universe", "portfolio_targets")


def test_a_portfolio_is_not_noted(tmp_path: Path) -> None:
    job = job_of(tmp_path, strategy="top-n-momentum", params={})
    data = job.data.model_copy(update={"universe": "portfolio"})
    notes = plan_job(job.model_copy(update={"data": data})).manifest.notes
    assert notes.universe == ""
