"""A run's id: one for the same numbers, whatever else a job says, and another for other numbers."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from backfleet.job import Job
from backfleet.plan.manifest import Manifest
from backfleet.plan.plan import plan_job

Planner = Callable[..., Manifest]
Cli = Callable[..., subprocess.CompletedProcess[str]]

GOLDEN = [
    ["600519", 164109.44, 0.6411, 76, 16],
    ["600559", 106285.36, 0.0629, 6, 290],
    ["600560", 100000.00, 0.0000, 0, 302],
]
SCRIPT = """
import json
import backfleet as bf

job = bf.Job(
    strategy="sma-crossover",
    params={{"period": 15}},
    data={{
        "source": "cn-daily",
        "path": "{data}",
        "symbols": ["600519", "600559", "600560"],
        "timezone": "Asia/Shanghai",
    }},
    broker={{"cash": 100_000, "commission": 0.0002}},
    results={{"store": "{store}"}},
)
run = bf.run(job, progress=None)
columns = ["symbol", "final_value", "total_return", "orders_completed", "orders_rejected"]
rows = run.results()[columns].round({{"final_value": 2, "total_return": 4}})
print(json.dumps([run.id, rows.values.tolist()]))
"""
"""As a user writes it: without a guard for `__main__`."""


@pytest.mark.parametrize(
    "saying",
    [
        "name='another'",
        "results.store='elsewhere'",
        "resources.cpus=2",
        "resources.memory='3 GiB'",
        "resources.task_timeout='9 min'",
        "seed=0",
        "engine='auto'",
        "plugins=[]",
        "broker.cash=1e5",
        "broker.minimum_commission=0",
        "broker.commission={rate=0.0002}",
        "broker.slippage={per_share=0, limit=false}",
        "broker.fund_start_value=100",
        "broker.symbols={}",
        "data.warmup=0",
        "data.universe='each'",
        "results.detail='full'",
        "results.benchmark='buy-and-hold'",
        "results.periods_per_year='auto'",
        "results.risk_free_rate=0",
        "results.extended=false",
        "params.sizing='all-in'",
        "params.period=15.0",
        "params.period=[15]",
        "data.symbols=['600560', '600519', '600559']",
        "data.symbols='*'",
        "strategy='backfleet_strategies.sma_crossover:SmaCrossover'",
    ],
)
def test_what_decides_no_number_does_not_change_the_id(plan: Planner, saying: str) -> None:
    assert plan(saying).run_id == plan().run_id


@pytest.mark.parametrize(
    "saying",
    [
        "seed=1",
        "engine='backtrader-stock'",
        "broker.cash=100001",
        "broker.commission=0.0003",
        "broker.minimum_commission=5",
        "broker.slippage=0.01",
        "broker.slippage={rate=0.01}",
        "broker.commission={rate=0.0002, per_share=0.01}",
        "broker.symbols.600519.minimum_commission=5",
        "results.detail='summary'",
        "results.benchmark='600560'",
        "results.periods_per_year=252",
        "results.risk_free_rate=0.02",
        "results.extended=true",
        "params.period=16",
        "params.period=[15, 16]",
        "params.sizing='fee-aware'",
        "data.symbols=['600519', '600559']",
        "data.start=2019-01-03",
        "data.end=2021-07-02",
        "data.timezone='UTC'",
        "data.session_end='16:00'",
        "strategy='buy-and-hold'",
    ],
)
def test_what_decides_numbers_changes_the_id(plan: Planner, saying: str) -> None:
    params = ["params={}"] if saying.startswith("strategy") else []
    assert plan(saying, *params).run_id != plan().run_id


def test_a_parameter_from_the_command_line_makes_the_run_that_it_makes_in_the_file(
    plan: Planner,
) -> None:
    assert plan("params={}", params=("period=15",)).run_id == plan().run_id
    assert plan("params={period=99}", params=("period=15",)).run_id == plan().run_id


def test_a_range_and_the_list_of_its_values_are_one_sweep(plan: Planner) -> None:
    ways = [
        plan(params=("period=5:20:5",)),
        plan(params=("period=5,10,15,20",)),
        plan(params=("period={start=5, stop=20, step=5}",)),
        plan(params=("period={low=5, high=20, count=4}",)),
    ]
    assert len({manifest.run_id for manifest in ways}) == 1
    assert ways[0].run_id != plan(params=("period=5:25:5",)).run_id


def test_the_order_in_which_parameters_are_written_decides_nothing(plan: Planner) -> None:
    strategy = "strategy='dual-moving-average'"
    one = plan(strategy, "params={fast=[5, 6], slow=[20, 30]}")
    other = plan(strategy, "params={slow=[20, 30], fast=[5, 6]}")
    assert one.run_id == other.run_id
    assert [one.task(i).params for i in range(4)] == [other.task(i).params for i in range(4)]


def test_symbols_in_another_order_are_the_same_tasks(plan: Planner) -> None:
    backwards = plan(symbols="600560,600559,600519")
    assert [backwards.task(i).symbols for i in range(3)] == [
        plan().task(i).symbols for i in range(3)
    ]


def test_an_option_of_the_source_written_out_as_its_default_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "A.csv").write_text(
        "date,open,high,low,close,volume\n2020-01-02,1,2,1,2,5\n2020-01-03,1,2,1,2,5\n"
    )

    def run(**options: str) -> str:
        data = {"source": "csv", "path": str(tmp_path), "options": options}
        values: dict[str, Any] = {"strategy": "buy-and-hold", "data": data}
        return plan_job(Job(**values)).manifest.run_id

    assert run() == run(delimiter=",")


@dataclass(frozen=True)
class CopiedData:
    """A copy of the sample data that a test may change, and the plan of a job on it."""

    folder: Path
    plan: Planner

    def run(self, *sets: str) -> str:
        return self.plan(f"data.path='{self.folder}'", *sets).run_id

    def edit(self, change: Callable[[str], str]) -> None:
        file = self.folder / "600519.csv"
        file.write_text(change(file.read_text()))


@pytest.fixture
def copied(tmp_path: Path, sample_data: Path, plan: Planner) -> CopiedData:
    return CopiedData(shutil.copytree(sample_data, tmp_path / "copied"), plan)


LATER = (
    '"600519","600519.SH","2021-07-06","1990.0","2000.0","1980.0","1985.0","1.0","1.0","8.0","true"'
)


def test_a_copy_of_the_data_elsewhere_is_the_same_run(copied: CopiedData, plan: Planner) -> None:
    assert copied.run() == plan().run_id


def test_a_row_appended_after_the_end_does_not_change_the_id(copied: CopiedData) -> None:
    before = copied.run("data.end=2021-07-05")
    copied.edit(lambda text: f"{text.rstrip()}\n{LATER}\n")
    assert copied.run("data.end=2021-07-05") == before
    assert copied.run("data.end=2021-07-06") != before


def test_a_changed_price_changes_the_id(copied: CopiedData) -> None:
    before = copied.run()
    copied.edit(lambda text: text.replace('"598.98"', '"598.99"', 1))
    assert copied.run() != before


def test_a_changed_price_before_the_start_does_not_change_the_id(copied: CopiedData) -> None:
    before = copied.run("data.start=2019-06-03")
    copied.edit(lambda text: text.replace('"598.98"', '"598.99"', 1))
    assert copied.run("data.start=2019-06-03") == before


def test_changed_code_of_a_strategy_in_a_file_changes_the_id(tmp_path: Path, plan: Planner) -> None:
    file = tmp_path / "mine" / "idle.py"
    file.parent.mkdir()
    file.write_text("import backtrader as bt\n\nclass Idle(bt.Strategy):\n    pass\n")
    job = (f"strategy='{file}:Idle'", "params={}")
    before = plan(*job).run_id
    assert plan(*job).run_id == before
    file.write_text(file.read_text() + "    # changed\n")
    assert plan(*job).run_id != before


def test_the_same_file_in_another_folder_is_the_same_strategy(
    tmp_path: Path, plan: Planner
) -> None:
    runs = set()
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
        file = tmp_path / folder / "idle.py"
        file.write_text("import backtrader as bt\n\nclass Idle(bt.Strategy):\n    pass\n")
        runs.add(plan(f"strategy='{file}:Idle'", "params={}").run_id)
    assert len(runs) == 1


@pytest.fixture
def data_on_s3(s3_store_url: str, sample_data: Path) -> str:
    """The sample data on S3, beside a store."""
    from backfleet.store.s3_client import s3_client

    bucket = s3_store_url.removeprefix("s3://").partition("/")[0]
    for file in sample_data.iterdir():
        s3_client().upload_file(str(file), bucket, f"data/{file.name}")
    return f"s3://{bucket}/data"


def test_the_reference_job_is_one_run_from_a_directory_and_from_s3_by_command_and_by_script(
    backfleet: Cli, sample_job: Path, sample_data: Path, data_on_s3: str, tmp_path: Path
) -> None:
    store_on_s3 = data_on_s3.replace("/data", "/runs")
    answers = [
        by_command(backfleet, sample_job),
        by_command(
            backfleet, sample_job, f"data.path='{data_on_s3}'", f"results.store='{store_on_s3}'"
        ),
        by_script(tmp_path, str(sample_data), str(tmp_path / "other")),
        by_script(tmp_path, data_on_s3, f"{store_on_s3}/other"),
    ]
    assert len({run for run, _ in answers}) == 1
    assert [rows for _, rows in answers] == [GOLDEN] * 4


def by_command(backfleet: Cli, job: Path, *sets: str) -> tuple[str, list[list[object]]]:
    """The id and the rows of a run by the command line."""
    done = backfleet(
        "run", job, "--json", *(part for setting in sets for part in ("--set", setting))
    )
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    rows = json.loads(backfleet("results", summary["store"], "--format", "json").stdout)
    return summary["run_id"], [
        [
            row["symbol"],
            round(row["final_value"], 2),
            round(row["total_return"], 4),
            row["orders_completed"],
            row["orders_rejected"],
        ]
        for row in rows
    ]


def by_script(folder: Path, data: str, store: str) -> tuple[str, list[list[object]]]:
    """The id and the rows of a run by a user's script."""
    script = folder / "script.py"
    script.write_text(SCRIPT.format(data=data, store=store))
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, cwd=folder, check=False
    )
    assert done.returncode == 0, done.stderr
    run, rows = json.loads(done.stdout)
    return run, rows
