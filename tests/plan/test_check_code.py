"""A worker refuses code that is not the code of the run, and names the files that differ."""

from __future__ import annotations

from pathlib import Path

import pytest

import backfleet as bf
from backfleet.errors import PluginError
from backfleet.plan.check_code import check_code
from backfleet.plan.plan import Plan, plan_job
from sample_job import SAMPLE_DATA

STRATEGY = "import backtrader as bt, near\n\nclass Mine(bt.Strategy):\n    pass\n"


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    for name, text in {"mine": STRATEGY, "near": "", "scratch": ""}.items():
        (tmp_path / f"{name}.py").write_text(text)
    data = {"source": "cn-daily", "path": str(SAMPLE_DATA), "symbols": ["600519"]}
    return plan_job(bf.Job.model_validate({"strategy": f"{tmp_path}/mine.py:Mine", "data": data}))


def test_code_that_did_not_change_is_returned(plan: Plan, tmp_path: Path) -> None:
    (tmp_path / "scratch.py").write_text("x = 1")
    files = check_code(plan.manifest.identity, plan.strategy).files
    assert files == {name: str(tmp_path / name) for name in ("mine.py", "near.py")}


def test_the_file_that_differs_is_named(plan: Plan, tmp_path: Path) -> None:
    (tmp_path / "near.py").write_text("x = 1")
    with pytest.raises(PluginError, match=r"strategy mine\.py:Mine .*files differ: near\.py;"):
        check_code(plan.manifest.identity, plan.strategy)


def test_a_difference_from_a_plan_that_was_made_elsewhere_is_told_by_its_hashes(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "near.py").write_text("x = 1")
    monkeypatch.setenv("BACKFLEET_CACHE", str(tmp_path / "another"))
    with pytest.raises(
        PluginError, match=r"is [0-9a-f]{12} here, [0-9a-f]{12} in the plan; run the"
    ):
        check_code(plan.manifest.identity, plan.strategy)
