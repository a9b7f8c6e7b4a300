"""The line of a listing that tells runs of one strategy apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from backfleet.plan.plan import plan_job
from backfleet.runs.setup_words import setup_words
from sample_job import SAMPLE_DATA, job_of

PORTFOLIO = {
    "source": "cn-daily",
    "path": str(SAMPLE_DATA),
    "symbols": ["600519", "600559"],
    "timezone": "Asia/Shanghai",
    "universe": "portfolio",
}


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({}, "commission 0.0200%; cash 100,000"),
        ({"broker": {"cash": 5_000}}, "no costs; cash 5,000"),
        ({"data": PORTFOLIO}, "portfolio; commission 0.0200%; cash 100,000"),
        (
            {"market": {"rules": "cn-a", "off": ["lots"]}, "broker": {"cash": 1_000}},
            "market cn-a without lots; cash 1,000",
        ),
        (
            {"broker": {"cash": 9, "commission": 0.001, "cheat_on_open": True}},
            "commission 0.1000%; cheat_on_open = true; cash 9",
        ),
        (
            {"results": {"risk_free_rate": 0.02}},
            "commission 0.0200%; cash 100,000; risk-free rate 0.02",
        ),
    ],
)
def test_the_setup_names_what_runs_can_differ_in(
    keys: dict[str, Any], words: str, tmp_path: Path
) -> None:
    results = {"store": str(tmp_path)} | keys.pop("results", {})
    assert setup_words(plan_job(job_of(tmp_path, results=results, **keys)).manifest) == words
