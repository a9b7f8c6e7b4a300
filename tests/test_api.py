"""The Python interface, from scripts as users write them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import backfleet as bf

SCRIPT = """
import gc
import backfleet as bf

job = bf.Job.load("sample.toml")
same = bf.Job(
    strategy="sma-crossover",
    params={"period": 15},
    data={
        "source": "cn-daily",
        "path": job.data.path,
        "symbols": ["600519", "600559", "600560"],
        "timezone": "Asia/Shanghai",
    },
    broker={"cash": 100_000, "commission": 0.0002},
    results={"store": job.results.store},
)

run = bf.run(job, executor="local", progress=None)
rows = run.results()
print([round(value, 2) for value in rows["final_value"]])

assert bf.run(same, progress=None).id == run.id
assert bf.open_run(run.url).results().equals(rows)
assert bf.open_run(run.id[:8], store=job.results.store).id == run.id

other = job.model_copy(update={"params": {"period": [10, 20]}})
begun = bf.submit(other, options=["workers=1"])
url = begun.run.url
del begun
gc.collect()
print(bf.RunControl(bf.open_run(url)).wait().ok + 0, bf.open_run(url).summary().missing)

done = bf.run_task(job, 0)
print(type(done.strategy).__name__, round(done.row["final_value"], 2), done.verdict.status)
assert len(run.orders(0)) == len(done.outcome.orders)
print(run.summary().to_json()["suspicious"], run.state())
"""
"""Without `if __name__ == "__main__"`: no worker imports the script."""


@pytest.fixture(params=["script", "command"])
def printed(request: pytest.FixtureRequest, sample_job: Path) -> list[str]:
    """What the script prints, run from a file and as `python -c` runs it."""
    folder = sample_job.parent
    (folder / "script.py").write_text(SCRIPT)
    what = ["script.py"] if request.param == "script" else ["-c", SCRIPT]
    done = subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", *what],
        cwd=folder,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.stderr, done.returncode) == ("", 0)
    return done.stdout.splitlines()


def test_a_plain_script_needs_no_main_guard(printed: list[str]) -> None:
    assert printed == [
        "[164109.44, 106285.36, 100000.0]",
        "2 0",
        "SmaCrossover 164109.44 ok",
        "2 complete",
    ]


def test_the_supervising_process_needs_neither_pandas_nor_backtrader(sample_job: Path) -> None:
    """Once the strategy's parameters are known, which its import tells; until results are read."""
    code = f"""
import sys
import backfleet as bf
from backfleet.cli.run_summary import print_summary
job = bf.Job.load({str(sample_job)!r})
bf.submit(job).cancel()
run = bf.run(job.model_copy(update={{"params": {{"period": 12}}}}), progress=None)
print_summary(bf.RunControl(run), run.summary())
print(sorted({{"pandas", "backtrader", "duckdb"}} & set(sys.modules)))
"""
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
        )
    assert done.stdout.splitlines()[-1] == "[]"


def test_everything_public_is_there() -> None:
    for name in bf.__all__:
        assert getattr(bf, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'rum'"):
        bf.rum  # noqa: B018


def test_a_path_is_as_good_as_a_text(sample_job: Path) -> None:
    job = bf.Job.load(sample_job)
    with pytest.raises(bf.BackfleetError, match="there is no run at"):
        bf.open_run(Path(job.results.store) / "ffff")
    with pytest.raises(bf.BackfleetError, match="begins with 'ffff'"):
        bf.open_run("ffff", store=Path(job.results.store))


def test_run_task_finds_the_task_or_says_which_there_are(sample_job: Path) -> None:
    with pytest.raises(IndexError, match="tasks 0 to 2, no task 3"):
        bf.run_task(bf.Job.load(sample_job), 3)


def test_run_task_passes_on_what_the_strategy_raises(sample_job: Path) -> None:
    (sample_job.parent / "raises.py").write_text(
        "import backtrader as bt\n"
        "class Raises(bt.Strategy):\n"
        "    def next(self):\n"
        "        raise ZeroDivisionError('mine')\n"
    )
    text = sample_job.read_text().replace('"sma-crossover"', '"raises.py:Raises"')
    sample_job.write_text(text.replace("period = 15", ""))
    with pytest.raises(ZeroDivisionError, match="mine"):
        bf.run_task(bf.Job.load(sample_job), 0)


def test_progress_goes_to_standard_error(
    sample_job: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = bf.run(bf.Job.load(sample_job), progress=sys.stderr)
    out, err = capfd.readouterr()
    assert out == ""
    assert f"run {run.id}: 3 of 3 tasks" in err
