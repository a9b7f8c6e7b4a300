"""The verdict on a run's best task, wherever a command shows how the run ended."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import backfleet as bf
from workshop import Ask, Workshop


@pytest.fixture(scope="module")
def sweep(workshop: Workshop) -> str:
    """The id of a run of 12 points on one symbol."""
    shop = workshop
    shop.write_job(
        "sweep.toml", "sma-crossover", "period = { start = 5, stop = 16, step = 1 }", ["600519"]
    )
    summary = shop.json("run", "sweep.toml", "--json")
    assert summary["verdict"]["trials"] == 12
    return str(summary["run_id"])


def verdict_in(text: str) -> list[str]:
    """Return the lines of the verdict in the end of a run."""
    lines = text.splitlines()
    first = next(place for place, line in enumerate(lines) if line.startswith("verdict: "))
    more = [line for line in lines[first + 1 :] if line.startswith(" " * 9)]
    return [lines[first].removeprefix("verdict: "), *map(str.strip, more)]


def test_end_of_a_run_gives_the_verdict_in_words(ask: Ask, sweep: str) -> None:
    level, best, luck = verdict_in(ask(f"wait {sweep}").out)
    assert level == (
        "Too little data: the best point has 607 sessions, and 741 are needed to tell a Sharpe "
        "ratio of 0.94 from 0."
    )
    assert best == (
        "The best of 12 points (task 10: 600519, period 15) has a Sharpe ratio of 0.94 per year "
        "over 2.5 years."
    )
    assert luck.startswith("Luck alone, with no skill in any point, would give ")
    assert luck.endswith(" on average.")


def test_status_gives_the_same_verdict(ask: Ask, sweep: str) -> None:
    level, *more = verdict_in(ask(f"wait {sweep}").out)
    lines = ask(f"status {sweep}").out.splitlines()
    assert f"verdict     {level}" in lines
    assert all(f"            {line}" in lines for line in more)
    assert json.loads(ask(f"status {sweep} --json").out)["verdict"]["words"][0].endswith(level)


def test_verdict_of_several_symbols_is_on_the_best_task(ask: Ask, finished: str) -> None:
    level, best, luck, *_ = verdict_in(ask(f"wait {finished}").out)
    assert level.startswith("Too little data: ")
    assert best.startswith("The best of 2 tasks (task 0: 600519) has a Sharpe ratio of 0.94 ")
    assert "with no skill in any task" in luck
    verdict = json.loads(ask(f"wait {finished} --json").out)["verdict"]
    assert (verdict["trial"], verdict["symbols"], verdict["trials"]) == ("task", 3, 2)


def test_json_has_the_numbers_behind_the_words(ask: Ask, sweep: str, workshop: Workshop) -> None:
    verdict = json.loads(ask(f"wait {sweep} --json").out)["verdict"]
    assert verdict["level"] == "too little data"
    assert verdict["best"] == {
        "point": 10,
        "params": {"period": 15},
        "task": 10,
        "symbol": "600519",
    }
    best = bf.open_run(workshop.folder / "runs" / sweep).results()["sharpe"].max()
    assert verdict["sharpe"] == pytest.approx(best)
    deflated = verdict["deflated_sharpe"]
    assert 0.0 < deflated["probability"] < 1.0
    assert (deflated["trials"], verdict["counted_trials"]) == (12, 12)
    assert 0.0 < deflated["luck"] < deflated["needed_sharpe"]
    low, high = verdict["interval"]["low"], verdict["interval"]["high"]
    assert low < verdict["sharpe"] < high


def test_failed_tasks_count_as_trials_and_are_mentioned(ask: Ask, failed: str) -> None:
    level, *more = verdict_in(ask(f"wait {failed}").out)
    assert level == (
        "Too little data: the Sharpe ratio is undefined, because no task traded with returns that "
        "vary."
    )
    assert more == [
        "4 tasks never traded and do not count. The number of trials includes 2 failed tasks."
    ]


def test_damaged_sums_cost_the_verdict_and_nothing_else(
    ask: Ask, sweep: str, workshop: Workshop
) -> None:
    copy = workshop.folder / "damaged" / sweep
    shutil.copytree(workshop.folder / "runs" / sweep, copy)
    run = bf.open_run(copy)
    for header in run.chunk_index.headers():
        Path(copy, "blobs", header.blobs["sums"]).write_bytes(b"damaged")
    answer = ask(f"wait {copy}")
    assert answer.code == 0
    assert verdict_in(answer.out)[0].startswith("Not available: ")
    assert "results: backfleet results" in answer.out
    assert json.loads(ask(f"status {copy} --json").out)["verdict"] is None


def test_table_of_results_ends_with_the_verdict_on_standard_error(ask: Ask, sweep: str) -> None:
    level = verdict_in(ask(f"wait {sweep}").out)[0]
    answer = ask(f"results {sweep} --where 'period > 10' --limit 2")
    command = f"backfleet verdict runs/{sweep}"
    assert answer.err.splitlines()[-1] == f"verdict: {level} See {command}"
    assert "verdict" not in answer.out
    for form in ("--format csv", "--json", "-o rows.txt"):
        assert "verdict" not in ask(f"results {sweep} {form}").err


def test_command_prints_all_verdicts_as_text_and_as_json(ask: Ask, finished: str) -> None:
    text = ask(f"verdict {finished}").out
    assert text.startswith("Best task, of all points on 3 symbols\nThe best of 2 tasks ")
    assert "\n\nBest point over 3 symbols\n" in text
    assert "\n\nBest point of each symbol\n" in text
    facts = json.loads(ask(f"verdict {finished} --json").out)
    assert list(facts) == ["run_id", "best_task", "best_point", "symbols", "pbo"]


def test_test_windows_are_part_of_the_verdict(ask: Ask, sweep: str, workshop: Workshop) -> None:
    sets = "--set validation.windows=rolling --set validation.train=252 --set validation.test=63"
    run = workshop.json("run", "sweep.toml", *sets.split(), "--json")
    assert (run["run_id"], run["reused"]) == (sweep, 0)
    folds = json.loads(ask(f"folds {sweep} --json").out)
    assert run["verdict"]["folds"]["test_sharpe"] == folds["account"]["sharpe"]
    text = ask(f"verdict {sweep}").out
    assert f"Walk-forward, {len(folds['folds'])} folds: the chosen points have " in text
    assert "folds:   " in ask(f"wait {sweep}").out
