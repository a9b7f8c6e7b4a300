"""The job of a report is the run's: planned again, it is the same run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import backfleet as bf
from backfleet.plan.manifest_store import save_manifest
from backfleet.plan.plan import plan_job
from backfleet.report.job_text import job_text
from backfleet.store import open_store
from backfleet.store.records import DamagedRecord
from backfleet.submissions.prepare import draft_of
from backfleet.submissions.submission_log import SubmissionLog

MakeJob = Callable[..., bf.Job]


def submitted(job: bf.Job) -> bf.Run:
    """A run of which all is stored but results."""
    plan = plan_job(job)
    store = open_store(job.results.store).at(plan.manifest.run_id)
    save_manifest(store, plan.manifest)
    SubmissionLog(store).append(draft_of(plan))
    return bf.Run(store)


def planned_again(run: bf.Run, folder: Path) -> str:
    """The id of the run that the report's job makes."""
    file = folder / "job.toml"
    file.write_text(job_text(run))
    return plan_job(bf.Job.load(file)).manifest.run_id


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"strategy": "dual-moving-average", "params": {"fast": [5, 10, 20], "slow": [10, 30]}}
        | {"sweep": {"where": "fast < slow", "sample": 3}, "seed": 7},
        {"engine": "backtrader", "broker": {"cash": 5.5, "commission": 0, "slippage": 0.01}},
        {"params": {"period": 15, "sizing": "fee-aware"}, "results": {"periods_per_year": 250}},
        {
            "broker": {
                "commission": {"per_share": 0.01, "margin": 500, "multiplier": 2},
                "slippage": {"rate": 0.001, "open": False},
                "symbols": {"600519": {"commission": {"leverage": 3}}},
                "fill_at_close": True,
            }
        },
        {
            "broker": {
                "commission": {"class": "CommissionInfo", "commission": 0.1},
                "symbols": {"600519": {"commission": {"class": "CommInfo", "mult": 2}}},
                "volume_filler": {"class": "FixedBarPerc", "perc": 10},
            },
            "results": {"analyzers": {"sqn": "SQN", "dd": {"class": "DrawDown", "fund": True}}},
        },
    ],
    ids=["plain", "sampled", "engine and broker", "fixed", "tables of costs", "classes"],
)
def test_the_jobs_text_makes_the_same_run(
    make_job: MakeJob, tmp_path: Path, settings: Mapping[str, Any]
) -> None:
    results = {"store": str(tmp_path / "runs"), **settings.get("results", {})}
    run = submitted(make_job(tmp_path / "runs", **{**settings, "results": results}))
    assert planned_again(run, tmp_path) == run.id


OPTIONAL = """
import backtrader as bt


class Optional(bt.Strategy):
    params = (("limit", None), ("k", 1))
"""


def test_a_parameter_that_is_none_by_default_is_left_out(make_job: MakeJob, tmp_path: Path) -> None:
    (tmp_path / "optional.py").write_text(OPTIONAL)
    strategy = f"{tmp_path}/optional.py:Optional"
    run = submitted(make_job(tmp_path / "runs", strategy=strategy, params={"k": [1, 2]}))
    assert "limit" not in job_text(run)
    assert planned_again(run, tmp_path) == run.id


def test_values_that_toml_cannot_write_are_named(make_job: MakeJob, tmp_path: Path) -> None:
    (tmp_path / "optional.py").write_text(OPTIONAL)
    strategy = f"{tmp_path}/optional.py:Optional"
    run = submitted(make_job(tmp_path / "runs", strategy=strategy, params={"limit": [None, 2]}))
    assert "# params.limit has None among its values: TOML cannot write it" in job_text(run)


def test_windows_feeds_and_portfolios_are_in_it(make_job: MakeJob, tmp_path: Path) -> None:
    job = make_job(tmp_path / "runs", params={"period": 15})
    data = job.data.model_dump(mode="python", exclude_none=True) | {
        "universe": "portfolio",
        "start": "2019-06-03",
        "end": "2020-12-31",
        "warmup": 20,
        "session_end": "15:00",
        "auxiliary": {"index": {"symbols": ["600560"]}, "weekly": {"resample": "1w"}},
    }
    run = submitted(make_job(tmp_path / "runs", params={"period": 15}, data=data))
    text = job_text(run)
    assert "start = 2019-06-03" in text
    assert 'session_end = "15:00:00"' in text
    assert "[data.auxiliary.index]" in text
    assert 'resample = "1w"' in text
    assert planned_again(run, tmp_path) == run.id


def test_feeds_of_one_strategy_and_signals_are_in_it(make_job: MakeJob, tmp_path: Path) -> None:
    job = make_job(tmp_path / "runs")
    data = job.data.model_dump(mode="python", exclude_unset=True) | {
        "feeds": ["600559", "index", "600519"],
        "auxiliary": {"index": {"symbols": ["600560"]}},
    }
    del data["symbols"]
    signals = {"longshort": ["MACD", {"class": "RSI", "period": 9}]}
    strategy = "backtrader:SignalStrategy"
    run = submitted(
        make_job(tmp_path / "runs", strategy=strategy, params={}, data=data, signals=signals)
    )
    text = job_text(run)
    assert 'feeds = ["600559", "index", "600519"]' in text
    assert "symbols = [" not in text.replace('symbols = ["600560"]', "")
    assert planned_again(run, tmp_path) == run.id


def test_a_table_of_points_is_named_and_not_written_out(make_job: MakeJob, tmp_path: Path) -> None:
    pq.write_table(pa.table({"period": [5, 7, 11]}), tmp_path / "points.parquet")
    sweep = {"points": str(tmp_path / "points.parquet")}
    run = submitted(make_job(tmp_path / "runs", params={}, sweep=sweep))
    text = job_text(run)
    assert "# The 3 points came from a table" in text
    assert run.manifest.identity.points["digest"] in text


def test_short_lists_take_one_line(make_job: MakeJob, tmp_path: Path) -> None:
    text = job_text(submitted(make_job(tmp_path / "runs")))
    assert "period = [5, 10, 15, 20]" in text
    assert 'symbols = ["600519", "600559"]' in text


def test_a_run_whose_submission_is_damaged_still_has_its_job(
    make_job: MakeJob, tmp_path: Path
) -> None:
    run = submitted(make_job(tmp_path / "runs"))
    Path(run.url, "submissions", "1.json").write_bytes(b"{}")
    with pytest.warns(DamagedRecord, match=r"1\.json: .* The page does not name the data's folder"):
        text = job_text(bf.open_run(run.url))
    assert 'path = "where the data lies"' in text
