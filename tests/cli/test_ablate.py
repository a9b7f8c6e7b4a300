"""`backfleet ablate`: the table, JSON and the page of one ablation, refusals, and Ctrl-C."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import backfleet as bf
from finished_runs import run_here
from sample_job import job_of
from waiting import until
from workshop import Ask

OTHERS = ["order-size", "t1", "shorts", "minimum", "transfer", "halts"]

WAITS = """
import os
import time
import backtrader as bt

class Waits(bt.Strategy):
    params = (("gate", ""),)

    def next(self):
        if len(self) == 5:
            self.buy(size=100)

    def stop(self):
        while not os.path.exists(self.p.gate):
            time.sleep(0.02)
"""


def market(*off: str) -> dict[str, Any]:
    return {"rules": "cn-a", "actions": "none", "off": [*OTHERS, *off]}


def test_the_table_the_page_and_json_have_the_same_costs(ask: Ask, tmp_path: Path) -> None:
    broker = {"cash": 1_000_000, "commission": 0.00025}
    keys = {"broker": broker, "market": market("lots", "limits")}
    params = {"period": [10, 15], "sizing": "fee-aware"}
    run = run_here(job_of(tmp_path, symbols=["600559"], params=params, **keys))
    dry = ask(f"ablate {run.url} --dry-run")
    assert dry.out.splitlines()[-1] == "2 runs without rules, 2 tasks: 2 to compute"
    assert [path.name for path in tmp_path.iterdir()] == [run.id]
    page = tmp_path / "costs.html"
    shown = ask(f"ablate {run.url} --output {page}")
    assert shown.code == 0, shown.err
    assert shown.err.endswith(f"page: {page}\n")
    lines = shown.out.splitlines()
    assert lines[0].startswith(f"cn-a: 1 task of run {run.id}, the best of 2 points (period ")
    assert "Switching off listing changes nothing" in lines[2]
    assert "the value without the rule minus the value with it" in lines[4]
    facts = json.loads(ask(f"ablate {run.url} --json").out)
    assert (facts["tasks"], facts["untouched"]) == (1, ["listing"])
    (duty,) = facts["rules"]
    assert duty["means"] == facts["together"]["means"]
    (line,) = [line for line in lines if line.startswith("duty ")]
    cells = line.split()
    assert cells[1] == f"{duty['means']['total_return']['mean']:+.2%}"
    assert cells[-2] == f"{duty['means']['total_return']['worst']:+.2%}"
    work = json.loads(ask(f"ablate {run.url} --dry-run --json").out)
    assert (work["runs"], work["tasks"], work["missing"], work["cost"]) == (2, 2, 0, None)
    html = page.read_text()
    assert f'<td class="number">{cells[1]}</td>' in html
    assert f"<dt>Without duty</dt><dd>{duty['run_id']}</dd>" in html
    assert 'data-figure="total_return"' in html


def test_a_run_without_a_market_ends_with_2(ask: Ask, tmp_path: Path) -> None:
    run = run_here(job_of(tmp_path, symbols=["600559"]))
    refused = ask(f"ablate {run.url}")
    assert refused.code == 2
    assert "has no [market], so there is no rule to switch off. Add [market] to" in refused.err


def test_ctrl_c_stops_the_workers_and_the_next_call_goes_on(tmp_path: Path) -> None:
    strategy = tmp_path / "waits.py"
    strategy.write_text(WAITS)
    gate = tmp_path / "gate"
    gate.touch()
    run = bf.run(
        job_of(
            tmp_path / "runs",
            symbols=["600559"],
            strategy=f"{strategy}:Waits",
            params={"gate": str(gate)},
            market=market("lots", "limits", "listing"),
        ),
        progress=None,
    )
    gate.unlink()
    command = [sys.executable, "-m", "backfleet", "ablate", run.url]
    started = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    handles = "runs/*/submissions/1.handle.json"
    until(lambda: len(list(tmp_path.glob(handles))) == 2, "workers were started")
    started.send_signal(signal.SIGINT)
    _, stderr = started.communicate(timeout=60)
    assert started.returncode == 1, stderr
    assert "The same command continues where it stopped" in stderr
    assert "Traceback" not in stderr
    gate.touch()
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "\nall rules  " in done.stdout


@pytest.mark.parametrize("option", ["--points none", "--executor locl"])
def test_an_unknown_choice_is_refused(ask: Ask, tmp_path: Path, option: str) -> None:
    run = run_here(job_of(tmp_path, symbols=["600559"], market=market("lots", "limits")))
    assert ask(f"ablate {run.url} {option}").code == 2
