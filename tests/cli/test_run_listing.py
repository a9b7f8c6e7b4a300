"""`backfleet runs`: removing, labeling and choosing runs."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import backfleet as bf
from backfleet.store import open_store
from backfleet.submissions.trial_ledger import entry_of
from sample_job import job_of
from stored_records import alter_record
from waiting import until
from workshop import Ask, Workshop


@pytest.fixture
def store(workshop: Workshop, finished: str, failed: str, tmp_path: Path) -> Path:
    """A store with copies of two runs, the index of their rows, and the trial ledger."""
    root = tmp_path / "kept"
    for run in (finished, failed):
        shutil.copytree(workshop.folder / "runs" / run, root / run)
        for key in (f"known/1/base/{run}.json", f"trials/1/family/{run}.json"):
            open_store(str(root)).put_if_absent(key, b"{}")
    return root


def names_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_rm_removes_a_run_and_its_index_entry_and_nothing_else(
    ask: Ask, store: Path, finished: str, failed: str
) -> None:
    before = names_below(store)
    done = ask(f"runs rm {finished[:8]} --store {store} --yes")
    assert (done.code, done.out) == (0, f"removed {store}/{finished}\n")
    assert "3 of 3 tasks done" in done.err
    gone = {name for name in before if name.startswith(f"{finished}/")}
    assert before - names_below(store) == gone | {f"known/1/base/{finished}.json"}
    assert not (store / finished).exists()
    assert [row["run_id"] for row in json.loads(ask(f"runs --store {store} --json").out)] == [
        failed
    ]


def test_rm_takes_paths_and_several_runs_and_the_store_of_the_group(
    ask: Ask, store: Path, finished: str, failed: str
) -> None:
    assert ask(f"runs --store {store} rm {store}/{finished} {failed} --yes").code == 0
    assert {name.split("/")[0] for name in names_below(store)} == {"trials"}


def test_rm_without_a_terminal_needs_yes_and_changes_nothing(
    ask: Ask, store: Path, finished: str
) -> None:
    before = names_below(store)
    refused = ask(f"runs rm {finished} --store {store}")
    assert refused.code == 2
    assert "Pass --yes" in refused.err
    assert names_below(store) == before


@pytest.mark.parametrize(("answer", "is_removed"), [("y", True), ("n", False)])
def test_rm_asks_on_a_terminal(
    workshop: Workshop, store: Path, finished: str, answer: str, is_removed: bool
) -> None:
    controller, terminal = os.openpty()
    process = subprocess.Popen(
        workshop.command("runs", "rm", finished, "--store", store),
        cwd=workshop.folder,
        stdin=terminal,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    os.close(terminal)
    os.write(controller, f"{answer}\n".encode())
    out, _ = process.communicate(timeout=120)
    os.close(controller)
    assert "Remove this run? [y/N]" in out
    assert (store / finished).exists() is not is_removed
    assert process.returncode == (0 if is_removed else 1)


def test_rm_of_an_unknown_run_removes_none_of_the_others(
    ask: Ask, store: Path, finished: str
) -> None:
    before = names_below(store)
    refused = ask(f"runs rm {finished} 0123456789abcdef --store {store} --yes")
    assert refused.code == 2
    assert "0123456789abcdef" in refused.err
    assert names_below(store) == before


@pytest.mark.parametrize("target", ["trials", "known", ""])
def test_rm_removes_no_folder_that_is_no_run(ask: Ask, store: Path, target: str) -> None:
    (store / "manifest.json").write_text('{"name": "an app of the web"}')
    before = names_below(store)
    refused = ask(f"runs rm {store}/{target} --yes")
    assert refused.code == 2
    assert names_below(store) == before


def test_rm_removes_a_damaged_run_and_finishes_an_interrupted_removal(
    ask: Ask, store: Path, finished: str, failed: str
) -> None:
    (store / finished / "manifest.json").write_text("{}")
    (store / failed / "manifest.json").unlink()
    for run in (finished, failed):
        done = ask(f"runs rm {store}/{run} --yes")
        assert done.code == 0, done.err
        assert "no readable manifest" in done.err
    assert {name.split("/")[0] for name in names_below(store)} == {"trials"}


KILLED_REMOVAL = """
import os, shutil, signal
from backfleet.cli import main

shutil.rmtree = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
main()
"""


def test_a_killed_removal_leaves_no_run_that_is_listed_and_a_second_one_finishes(
    ask: Ask, store: Path, finished: str, failed: str
) -> None:
    command = [sys.executable, "-c", KILLED_REMOVAL, "runs", "rm", str(store / finished), "--yes"]
    killed = subprocess.run(command)
    assert killed.returncode == -signal.SIGKILL
    assert (store / finished / "chunks").exists()
    listed = json.loads(ask(f"runs --store {store} --json").out)
    assert [row["run_id"] for row in listed] == [failed]
    assert not (store / "known/1/base" / f"{finished}.json").exists()
    assert ask(f"runs rm {finished} --store {store} --yes").code == 0
    assert not (store / finished).exists()


def test_rm_does_not_follow_links_out_of_the_run(
    ask: Ask, store: Path, finished: str, tmp_path: Path
) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    (store / finished / "logs").mkdir(exist_ok=True)
    (store / finished / "logs" / "more").symlink_to(mine)
    assert ask(f"runs rm {finished} --store {store} --yes").code == 0
    assert (mine / "thesis.txt").read_text() == "years of work"


@pytest.fixture
def waiting(workshop: Workshop, tmp_path: Path) -> Iterator[str]:
    """A run whose workers wait until it is canceled."""
    gate = tmp_path / "gate"
    workshop.write_job("gated.toml", "mine.py:Waits", f'gate = "{gate}"')
    run = workshop.json(
        "run", "gated.toml", "--set", f"results.store={tmp_path}", "--detach", "--json"
    )
    yield str(run["store"])
    gate.touch()


def test_rm_is_refused_while_workers_are_active(ask: Ask, waiting: str) -> None:
    until(
        lambda: json.loads(ask(f"status {waiting} --json").out)["state"] == "running",
        "the workers run",
    )
    refused = ask(f"runs rm {waiting} --yes")
    assert refused.code == 2
    assert f"Cancel the run first: backfleet cancel {waiting}" in refused.err
    assert Path(waiting, "manifest.json").exists()
    assert ask(f"cancel {waiting}").code == 0
    until(lambda: ask(f"runs rm {waiting} --yes").code == 0, "the workers have stopped")
    assert not Path(waiting).exists()


def test_rm_needs_force_if_the_executor_of_an_incomplete_run_cannot_be_asked(
    ask: Ask, store: Path, finished: str
) -> None:
    alter_record(store / finished / "submissions" / "1.json", executor="elsewhere")
    next((store / finished / "chunks").iterdir()).unlink()
    refused = ask(f"runs rm {finished} --store {store} --yes")
    assert refused.code == 2
    assert "elsewhere" in refused.err
    assert "--force" in refused.err
    assert (store / finished / "manifest.json").exists()
    assert ask(f"runs rm {finished} --store {store} --yes --force").code == 0


def test_rm_of_a_complete_run_asks_no_executor_that_is_not_installed(
    ask: Ask, store: Path, finished: str
) -> None:
    alter_record(store / finished / "submissions" / "1.json", executor="elsewhere")
    assert ask(f"runs rm {finished} --store {store} --yes").code == 0


def test_rm_works_on_s3(ask: Ask, s3_store_url: str) -> None:
    runs = [bf.run(job_of(s3_store_url, params={"period": [at]}), progress=None) for at in (10, 15)]
    root = open_store(s3_store_url)
    for run in runs:
        root.put_if_absent(f"known/1/base/{run.id}.json", b"{}")
    assert ask(f"runs rm {runs[0].url} --yes").code == 0
    keys = [entry.key for entry in root.list()]
    assert {key for key in keys if runs[0].id in key} == {entry_of(runs[0].manifest).key}
    assert f"known/1/base/{runs[1].id}.json" in keys
    assert [
        row["run_id"] for row in json.loads(ask(f"runs --store {s3_store_url} --json").out)
    ] == [runs[1].id]


def test_tags_and_notes_are_shown_everywhere_and_change_no_id(
    workshop: Workshop, ask: Ask, tmp_path: Path
) -> None:
    store = f"--set results.store={tmp_path}"
    first = ask(f"run sma.toml {store} --tag draft --note 'before the fees changed' --json")
    run = json.loads(first.out)["run_id"]
    again = ask(f"run sma.toml {store} --tag paper --tag draft --json")
    assert json.loads(again.out)["run_id"] == run
    row = json.loads(ask(f"runs --store {tmp_path} --json").out)[0]
    assert (row["tags"], row["note"]) == ("draft, paper", "before the fees changed")
    facts = json.loads(ask(f"status {run} --store {tmp_path} --json").out)
    assert (facts["tags"], facts["note"]) == ("draft, paper", "before the fees changed")
    assert "draft, paper" in ask(f"status {run} --store {tmp_path}").out
    assert "before the fees changed" in ask(f"runs --store {tmp_path}").out
    sql = ask(f"results --store {tmp_path} --sql 'select tags, note from runs' --json")
    assert json.loads(sql.out) == [{"tags": "draft, paper", "note": "before the fees changed"}]


def test_tags_can_be_added_later_and_choose_runs(
    ask: Ask, store: Path, finished: str, failed: str
) -> None:
    assert "tags" not in ask(f"runs --store {store}").out
    done = ask(f"runs --store {store} tag {finished} paper 'fig 3' --note 'the one in print'")
    assert done.out == f"run {finished}\ntags  fig 3, paper\nnote  the one in print\n"
    chosen = json.loads(ask(f"runs --store {store} --tag 'fig 3' --json").out)
    assert [row["run_id"] for row in chosen] == [finished]
    assert "no such runs" in ask(f"runs --store {store} --tag other").out
    where = ask(f"""runs --store {store} --where "tags = ''" --json""")
    assert [row["run_id"] for row in json.loads(where.out)] == [failed]


def test_a_resumed_run_gets_the_tags_and_the_note_of_the_command(
    ask: Ask, store: Path, finished: str
) -> None:
    done = ask(f"resume {finished} --store {store} --tag late --note 'after the outage'")
    assert done.code == 0, done.err
    facts = json.loads(ask(f"status {finished} --store {store} --json").out)
    assert (facts["tags"], facts["note"]) == ("late", "after the outage")


@pytest.mark.parametrize("tag", ["", " ", "a,b", " a", "a\nb", "\x1b[31m", "x" * 51])
def test_a_text_that_cannot_be_a_tag_is_refused_before_anything_starts(
    workshop: Workshop, tmp_path: Path, tag: str
) -> None:
    refused = workshop("run", "sma.toml", "--set", f"results.store={tmp_path / 'x'}", "--tag", tag)
    assert refused.returncode == 2
    assert "tag" in refused.stderr
    assert not (tmp_path / "x").exists()


def test_a_damaged_label_costs_one_line(
    workshop: Workshop, ask: Ask, store: Path, finished: str
) -> None:
    for tag in ("good", "bad", "big"):
        assert ask(f"runs --store {store} tag {finished} {tag}").code == 0
    folder = store / finished / "labels"
    bad, big = (
        next(file for file in folder.iterdir() if json.loads(file.read_text())["text"] == name)
        for name in ("bad", "big")
    )
    bad.write_text(bad.read_text().replace('"bad"', '"sad"'))
    big.write_bytes(b" " * 2**20)
    shown = workshop("runs", "--store", store, "--json")
    row = next(row for row in json.loads(shown.stdout) if row["run_id"] == finished)
    assert row["tags"] == "good"
    assert len(shown.stderr.splitlines()) == 2
    assert bad.name in shown.stderr
    assert big.name in shown.stderr


def test_latest_prints_what_other_commands_take(
    workshop: Workshop, ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = bf.run(job_of(tmp_path / "runs", name="mine", params={"period": [10]}), progress=None)
    manifest = Path(older.url, "manifest.json")
    shutil.copytree(workshop.folder / "runs", tmp_path / "runs", dirs_exist_ok=True)
    assert manifest.exists()
    monkeypatch.chdir(tmp_path)
    shown = ask("runs --latest mine")
    assert (shown.code, shown.out) == (0, f"runs/{older.id}\n")
    assert json.loads(ask(f"status {shown.out.strip()} --json").out)["run_id"] == older.id
    assert [row["run_id"] for row in json.loads(ask("runs --latest mine --json").out)] == [older.id]
    none = ask("runs --latest yours")
    assert (none.code, none.out) == (2, "")
    reason, _, names = none.err.partition(": its runs have the names ")
    assert reason.endswith("no run in runs has the job name 'yours'")
    assert "'mine', 'sma-crossover'" in names
    rejected = ask("runs --latest mine --where 'tasks > 100'")
    assert rejected.code == 2
    assert "with the job name 'mine' fits --tag and --where" in rejected.err


def test_latest_is_the_newest_of_several(ask: Ask, store: Path, workshop: Workshop) -> None:
    rows = json.loads(ask(f"runs --store {store} --json").out)
    newest = max(rows, key=lambda row: row["created"])
    shown = ask(f"runs --store {store} --latest {newest['name']}")
    assert shown.out == f"{store}/{newest['run_id']}\n"
