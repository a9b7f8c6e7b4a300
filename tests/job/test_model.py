"""A job has every key of the job file."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from backfleet.job import Broker, Data, Job
from job.job_files import DATA, in_data, load

FULL = """
name = "sma-sweep"
strategy = "sma-crossover"
engine = "backtrader"
seed = 7
plugins = ["extra-metrics"]
modules = ["late_import"]
files = ["tuned.json", "weights/*.npy"]

[params]
period = { start = 5, stop = 60, step = 5 }

[sweep]
where = "period > 5"
points = "points.parquet"
sample = 200

[data]
source = "cn-daily"
path = "data/cn-daily"
symbols = ["600519", "6005*"]
universe = "each"
start = 2019-01-01
end = "2021-12-31"
warmup = 0
timezone = "Asia/Shanghai"
columns = ["pe_ttm"]
options = { date_column = "Date" }
facts = "data/facts"
session_end = "16:00"

[broker]
cash = 50_000
commission = 0.0002
minimum_commission = 5
slippage = 0.01
fill_at_close = true
[signals]
long_inv = "MACD"

[sizer]
class = "FixedSize"
stake = 20
[results.analyzers]
sqn = "SQN"

[market]
rules = "cn-a"
actions = "none"
off = ["t1"]
orders = "wait"
limit_fill = "bar"
volume_share = 0.25
strict = true

[results]
store = "runs"
detail = "summary"
benchmark = "buy-and-hold"
periods_per_year = 252
risk_free_rate = 0.02
extended = true

[validation]
family = "averages"
prior_trials = 500
prior_note = "a notebook"
windows = "rolling"
train = "3 years"
test = "6 months"
step = "1 year"
purge = 5
select = "sortino"
where = "trades>=30 and (max_drawdown > -0.3)"
plateau = true
per = "symbol"
holdout = 2025-01-01

[resources]
cpus = 2
memory = "4 GiB"
task_timeout = "10 min"
"""


def test_every_key_of_the_job_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "elsewhere"
    here.mkdir()
    monkeypatch.chdir(here)
    job = load(tmp_path, FULL)
    assert job.model_dump() == {
        "name": "sma-sweep",
        "strategy": "sma-crossover",
        "engine": "backtrader",
        "seed": 7,
        "plugins": ("extra-metrics",),
        "modules": ("late_import",),
        "files": ("tuned.json", "weights/*.npy"),
        "params": {"period": {"start": 5, "stop": 60, "step": 5}},
        "sweep": {
            "where": "period > 5",
            "points": str(tmp_path / "points.parquet"),
            "sample": 200,
        },
        "data": {
            "source": "cn-daily",
            "preset": None,
            "path": str(tmp_path / "data/cn-daily"),
            "symbols": ("600519", "6005*"),
            "exclude": (),
            "on_bad_symbol": "refuse",
            "universe": "each",
            "start": date(2019, 1, 1),
            "end": date(2021, 12, 31),
            "warmup": 0,
            "timezone": "Asia/Shanghai",
            "columns": ("pe_ttm",),
            "options": {"date_column": "Date"},
            "auxiliary": {},
            "feeds": (),
            "facts": str(tmp_path / "data/facts"),
            "session_end": "16:00:00",
        },
        "broker": {
            "cash": 50_000.0,
            "commission": 0.0002,
            "minimum_commission": 5.0,
            "slippage": 0.01,
            "symbols": {},
            "check_cash_at_submission": True,
            "fill_at_close": True,
            "cheat_on_open": False,
            "session_end_fills": False,
            "short_cash": True,
            "interest_in_pnl": True,
            "fund_mode": False,
            "fund_start_value": 100.0,
            "volume_filler": None,
        },
        "sizer": {"class": "FixedSize", "stake": 20},
        "signals": {"long_inv": ({"class": "MACD"},)},
        "market": {
            "rules": "cn-a",
            "actions": "none",
            "off": ("t1",),
            "orders": "wait",
            "limit_fill": "bar",
            "volume_share": 0.25,
            "rights": "lapse",
            "dividend_tax": False,
            "strict": True,
        },
        "results": {
            "store": str(here / "runs"),
            "detail": "summary",
            "benchmark": "buy-and-hold",
            "periods_per_year": 252.0,
            "risk_free_rate": 0.02,
            "extended": True,
            "analyzers": {"sqn": {"class": "SQN"}},
        },
        "validation": {
            "family": "averages",
            "prior_trials": 500,
            "prior_note": "a notebook",
            "windows": "rolling",
            "train": "3 years",
            "test": "6 months",
            "step": "1 year",
            "groups": 10,
            "test_groups": 2,
            "purge": 5,
            "embargo": 0,
            "start": "running",
            "select": "sortino",
            "where": "trades >= 30 and max_drawdown > -0.3",
            "plateau": True,
            "per": "symbol",
            "holdout": date(2025, 1, 1),
        },
        "resources": {"cpus": 2, "memory": 4 * 2**30, "task_timeout": 600.0},
    }


def test_only_strategy_and_data_are_needed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    job = Job(strategy="sma-crossover", data=DATA)
    assert (job.name, job.engine, job.seed, job.params) == ("sma-crossover", "auto", 0, {})
    assert (job.data.symbols, job.data.timezone, job.data.start) == (("*",), "UTC", None)
    assert (job.broker.cash, job.broker.commission) == (100_000.0, 0.0)
    assert (job.results.store, job.results.detail) == (str(tmp_path / "runs"), "full")
    assert job.results.periods_per_year == "auto"
    assert (job.resources.cpus, job.resources.memory) == (1, 2 * 2**30)
    assert job.resources.task_timeout == 300.0


def test_a_job_survives_json_and_takes_sections_as_objects() -> None:
    data = Data(source="csv", path="prices", start=date(2020, 1, 1))
    job = Job(strategy="my.module:Class", data=data, broker=Broker(cash=5))
    assert Job(**job.model_dump(mode="json")) == job


@pytest.mark.parametrize(
    ("strategy", "name"),
    [
        ("sma-crossover", "sma-crossover"),
        ("pkg.module:Sma", "Sma"),
        ("dir/my.py:Sma.Inner", "Inner"),
        ("my.plugin", "my.plugin"),
        ("pkg:Größe", "unnamed"),
    ],
)
def test_the_name_is_the_strategys_unless_given(strategy: str, name: str) -> None:
    assert Job(strategy=strategy, data=DATA).name == name
    assert Job(strategy=strategy, data=DATA, name="mine").name == "mine"


def test_params_take_what_python_writes() -> None:
    params = {
        "a": range(1, 4),
        "b": (1.5, 2.5),
        "c": np.array([1, 2]),
        "d": np.float64(0.5),
        "e": {"start": np.int64(1), "stop": 3, "step": 1},
    }
    assert Job(strategy="s", data=DATA, params=params).params == {
        "a": [1, 2, 3],
        "b": [1.5, 2.5],
        "c": [1, 2],
        "d": 0.5,
        "e": {"start": 1, "stop": 3, "step": 1},
    }


def test_a_single_symbol_or_glob_needs_no_list() -> None:
    assert Job(strategy="s", **in_data(symbols="6005*")).data.symbols == ("6005*",)


# Paths


def test_paths_in_a_file_start_at_its_folder_and_others_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, here = tmp_path / "jobs", tmp_path / "here"
    folder.mkdir()
    here.mkdir()
    monkeypatch.chdir(here)
    text = (
        'strategy = "my.py:Sma"\n[data]\nsource = "csv"\npath = "../prices"\n[results]\nstore = "r"'
    )
    preset = load(folder, text.replace('source = "csv"', 'preset = "mine.toml"'))
    assert preset.data.options == {"preset": f"{folder}/mine.toml"}
    job = load(folder, text)
    assert job.strategy == f"{folder}/my.py:Sma"
    assert job.data.path == str(tmp_path / "prices")
    assert job.results.store == str(here / "r")
    changed = load(folder, text, sets=["data.path=prices", "strategy=my.py:Sma"])
    assert changed.data.path == str(here / "prices")
    assert changed.strategy == f"{here}/my.py:Sma"
    relative = Job.load(Path("..", "jobs", "job.toml"))
    assert relative == job


def test_urls_and_modules_are_left_alone(tmp_path: Path) -> None:
    text = (
        'strategy = "pkg.module:Sma"\nsweep.points = "s3://b/points.parquet"\n'
        'data = { source = "csv", path = "s3://b/prices" }\nresults.store = "s3://b/runs"'
    )
    job = load(tmp_path, text)
    assert job.strategy == "pkg.module:Sma"
    assert job.sweep.points == "s3://b/points.parquet"
    assert job.data.path == "s3://b/prices"
    assert job.results.store == "s3://b/runs"


def test_a_job_cannot_be_changed() -> None:
    job = Job(strategy="s", data=DATA)
    with pytest.raises(ValueError, match="frozen"):
        job.seed = 5


def test_a_further_feed_takes_what_it_does_not_say_from_the_jobs_data(tmp_path: Path) -> None:
    file = tmp_path / "job.toml"
    file.write_text(
        "strategy = 'sma-crossover'\n"
        "[data]\nsource = 'csv'\npath = 'stocks'\ntimezone = 'Asia/Shanghai'\n"
        "columns = ['pe']\nstart = 2020-01-01\nwarmup = 5\noptions = { delimiter = ';' }\n"
        "[data.auxiliary.like]\nsymbols = 'X'\n"
        "[data.auxiliary.own]\nsymbols = ['Y']\nsource = 'parquet'\npath = 'indices'\n"
        "columns = []\n"
    )
    data = Job.load(file).data
    like, own = data.of_feed("like"), data.of_feed("own")
    assert like == data.model_copy(update={"symbols": ("X",), "auxiliary": {}})
    assert (own.symbols, own.source, own.columns, own.options) == (("Y",), "parquet", (), {})
    assert (own.timezone, own.warmup) == ("Asia/Shanghai", 5)
    assert data.auxiliary_paths == {
        "like": str(tmp_path / "stocks"),
        "own": str(tmp_path / "indices"),
    }
