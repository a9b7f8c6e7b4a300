"""`backfleet run --dry-run`: says what would be done, and does none of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from workshop import Ask, Workshop


def contents(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_it_tells_tasks_chunks_data_and_what_is_done(
    workshop: Workshop, ask: Ask, finished: str
) -> None:
    text = ask("run sma.toml --dry-run").out
    words = dict(line.split(None, 1) for line in text.splitlines())
    assert words["run_id"] == finished
    assert words["tasks"] == "3 = 3 symbols x 1 point"
    assert words["chunks"] == "3, each stored when its task is done"
    assert words["symbols"] == "600519, 600559, 600560"
    assert words["data"] == "1,824 bars, 2019-01-02 to 2021-07-05"
    assert words["setup"].strip() == "commission 0.0200%; cash 100,000"
    assert words["location"] == str(workshop.folder / "runs" / finished)
    assert words["done"] == "3 tasks; 0 to compute"
    assert words["workers"].startswith("0")


def test_it_writes_nothing_and_starts_nothing(workshop: Workshop, ask: Ask, finished: str) -> None:
    before = contents(workshop.folder / "runs")
    done = ask("run sma.toml -p period=5:60:5 --dry-run --json")
    facts = json.loads(done.out)
    assert (facts["tasks"], facts["points"], facts["done"]) == (36, 12, 0)
    assert facts["run_id"] != finished
    assert contents(workshop.folder / "runs") == before


def test_it_makes_no_store(workshop: Workshop, ask: Ask) -> None:
    assert ask("run sma.toml --set results.store=elsewhere --dry-run").code == 0
    assert not (workshop.folder / "elsewhere").exists()


def test_overrides_change_the_plan(ask: Ask) -> None:
    def facts(options: str) -> Any:
        return json.loads(ask(f"run sma.toml --dry-run --json {options}").out)

    assert facts("-p period=5,10,15")["points"] == 3
    assert facts("-p period=5,10 -p sizing=all-in,fee-aware")["points"] == 4
    assert facts("--symbols '6005*'")["symbols"] == 3
    assert facts("--symbols 600519,600560")["symbols"] == 2
    assert facts("--set broker.cash=50000")["run_id"] != facts("")["run_id"]
    assert facts("--set name=other")["run_id"] == facts("")["run_id"]
    assert facts("-o workers=2 -p period=5:60:5")["workers"] == 2
