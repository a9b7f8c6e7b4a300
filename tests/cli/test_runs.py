"""Commands on runs: how they name one, and what they say of it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from workshop import Ask, Workshop

COUNTS = ["tasks", "ok", "suspicious", "error", "missing", "reused"]
SUMMARY = ["run_id", "store", *COUNTS, "seconds", "code_not_kept", "verdict"]


def words_of(text: str) -> dict[str, str]:
    return dict(line.split(None, 1) for line in text.splitlines())


def test_a_run_is_named_by_path_relative_path_id_and_beginning(
    workshop: Workshop, ask: Ask, finished: str
) -> None:
    store = workshop.folder / "runs"
    names = [
        f"runs/{finished}",
        f"./runs/{finished}",
        f"{store}/{finished}",
        f"{store}/{finished}/",
        finished,
        finished[:6],
        f"{finished[:6]} --store runs",
        f"{finished} --store {store}",
    ]
    for name in names:
        assert words_of(ask(f"status {name}").out)["run_id"] == finished, name


def test_a_run_is_named_by_its_folder_from_within_the_store(
    workshop: Workshop, ask: Ask, finished: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(workshop.folder / "runs")
    assert words_of(ask(f"status {finished}").out)["run_id"] == finished
    assert words_of(ask(f"status {finished[:5]} --store .").out)["run_id"] == finished


def test_status_tells_state_and_counts(ask: Ask, finished: str) -> None:
    words = words_of(ask(f"status {finished}").out)
    assert (words["state"], words["tasks"], words["ok"]) == ("complete", "3", "1")
    assert (words["suspicious"], words["error"], words["missing"]) == ("2", "0", "0")
    facts = json.loads(ask(f"status {finished} --json").out)
    assert set(SUMMARY) < set(facts)
    assert (facts["state"], facts["failures"]) == ("complete", [])


def test_runs_are_listed_newest_first(
    workshop: Workshop, ask: Ask, finished: str, failed: str
) -> None:
    rows = json.loads(ask("runs --json").out)
    assert {row["run_id"] for row in rows} == {finished, failed}
    created = [row["created"] for row in rows]
    assert created == sorted(created, reverse=True)
    by_run = {row["run_id"]: row for row in rows}
    assert by_run[failed]["error"] == 2
    assert by_run[finished]["state"] == "complete"
    lines = ask("runs").out.splitlines()
    assert len(lines) == 4
    assert lines[0].split()[:7] == [
        *("run_id", "name", "strategy", "code", "first", "last", "parameters")
    ]


def test_an_empty_store_has_no_runs(ask: Ask) -> None:
    assert ask("runs --store nothing").out == "no runs in nothing: there is no such directory\n"
    assert ask("runs --store nothing --json").out == "[]\n"


def test_a_damaged_run_does_not_hide_the_others(
    workshop: Workshop, ask: Ask, finished: str
) -> None:
    store = workshop.folder / "mixed"
    shutil.copytree(workshop.folder / "runs" / finished, store / finished)
    shutil.copytree(workshop.folder / "runs" / finished, store / "0000")
    (store / "0000" / "manifest.json").write_text("{}")
    done = ask("runs --store mixed --json")
    assert [row["run_id"] for row in json.loads(done.out)] == [finished]
    assert str(store / "0000" / "manifest.json") in done.err
    assert done.code == 0


def test_a_complete_run_is_not_run_again(workshop: Workshop, ask: Ask, finished: str) -> None:
    chunks = Path(workshop.folder, "runs", finished, "chunks")
    before = {path.name: path.stat().st_mtime_ns for path in chunks.iterdir()}
    for line in ("run sma.toml", f"resume {finished}"):
        done = ask(line)
        assert done.code == 0
        assert "all were done already" in done.out
    assert "nothing was started" in ask(f"resume {finished} --detach").out
    for line in (f"wait {finished} --json", f"resume {finished} --json", "run sma.toml --json"):
        assert list(json.loads(ask(line).out)) == SUMMARY
    assert {path.name: path.stat().st_mtime_ns for path in chunks.iterdir()} == before
    assert "no workers were running; 3 of 3 tasks are done" in ask(f"cancel {finished}").out


def test_commands_exit_with_1_where_tasks_failed(ask: Ask, failed: str) -> None:
    for line in ("run fails.toml", f"wait {failed}", f"resume {failed}", f"wait {failed} --json"):
        assert ask(line).code == 1, line
    assert ask(f"status {failed}").code == 0
    assert ask(f"results {failed}").code == 0


def test_the_end_says_in_words_what_is_suspicious(ask: Ask, finished: str) -> None:
    text = ask(f"wait {finished}").out
    assert (
        "1 task had no order filled (rejected: 302 of 303 orders, due to insufficient cash)" in text
    )
    assert (
        "more than half of the orders rejected: 290 of 296 orders, due to insufficient cash."
        in text
    )
    assert (
        "note: 1 ok task had some orders rejected: 16 of 92 orders, due to insufficient cash."
        in text
    )
    assert "To leave room, derive a strategy" in text
    assert f"results: backfleet results runs/{finished}\n" in text
    assert "\nsetup:   commission 0.0200%; cash 100,000\n" in text
    assert "All 3 tasks by sharpe. 1 of them has at least 10 trades; the others come last." in text


def test_the_end_says_what_failed_and_how_to_look_into_it(ask: Ask, failed: str) -> None:
    text = ask(f"wait {failed}").out
    assert "failed: 2 tasks with IndexError, first task 1: no 3 for you" in text
    assert f"backfleet logs runs/{failed} 1, or backfleet debug runs/{failed} 1" in text
    assert "4 suspicious, 2 failed, 0 missing" in text


def test_logs_hold_tracebacks_and_what_tasks_printed(ask: Ask, failed: str) -> None:
    text = ask(f"logs {failed}").out
    assert text.count("== task") == 2
    assert "raise IndexError" in text
    assert "== task" not in ask(f"logs {failed} 1").out
    assert "raise IndexError" in ask(f"logs {failed} 1").out
    silent = ask(f"logs {failed} 0")
    assert (silent.code, silent.out, silent.err) == (0, "", "nothing was printed\n")
    assert ask(f"logs {failed} --worker 0 --follow").code == 0


def test_a_run_without_any_row_yet_is_told_as_such(
    workshop: Workshop, ask: Ask, finished: str
) -> None:
    run = Path(shutil.copytree(workshop.folder / "runs" / finished, workshop.folder / "bare" / "x"))
    shutil.rmtree(run / "chunks")
    (run / "results.parquet").unlink()
    shown = ask("results bare/x --sort sharpe")
    assert (shown.code, shown.out) == (0, "no rows\n")
    assert shown.err == "3 of 3 tasks have no row yet\n"
    assert ask("results bare/x --sort zzz").code == 2
    assert ask("results bare/x --format csv").out.startswith("task,symbol,period,sizing,status")
    assert words_of(ask("status bare/x").out)["state"] == "incomplete"
    ended = ask("wait bare/x")
    assert ended.code == 1
    assert "0 failed, 3 missing" in ended.out
    assert "3 of 3 tasks have no result. Resume with: backfleet resume bare/x" in ended.err


def test_runs_are_chosen_by_what_they_are(ask: Ask, finished: str, failed: str) -> None:
    def chosen(where: str) -> list[str]:
        return [row["run_id"] for row in json.loads(ask(f'runs --json --where "{where}"').out)]

    assert chosen("strategy = 'sma-crossover' and tasks > 2") == [finished]
    assert chosen("error > 0") == [failed]
    assert chosen("tasks > 1000") == []
    assert "no such runs" in ask("runs --where 'tasks > 1000'").out
    refused = ask("runs --where 'taks > 1'")
    assert refused.code == 2
    assert "did you mean 'tasks'" in refused.err
