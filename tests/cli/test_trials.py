"""`backfleet trials`: what the ledger of a store counts, and declaring more."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import backfleet as bf
from backfleet.runs.remove import find_run_folder, remove_run
from sample_job import job_of
from workshop import Ask

FAMILY = "backfleet_strategies.sma_crossover:SmaCrossover"


@pytest.fixture(scope="module")
def submitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with two runs of overlapping sweeps, one of which was removed."""
    store = tmp_path_factory.mktemp("trials") / "runs"
    run = bf.run(job_of(store), progress=None)
    bf.run(job_of(store, params={"period": [15, 20]}), progress=None)
    remove_run(find_run_folder(run.id, str(store)))
    return store


@pytest.fixture
def store(submitted: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(submitted, tmp_path / "runs"))


def row_of(ask: Ask, store: Path) -> dict[str, Any]:
    (row,) = json.loads(ask(f"trials --store {store} --json").out)
    return dict(row)


def test_families_are_listed_with_their_points_those_of_removed_runs_too(
    ask: Ask, store: Path
) -> None:
    row = row_of(ask, store)
    assert row.pop("last").startswith("20")
    assert row == {
        "family": FAMILY,
        "points": 3,
        "present": 3,
        "runs": 2,
        "declared": 0,
        "total": 3,
    }
    table = ask(f"trials --store {store}")
    assert (table.code, table.err) == (0, "")
    assert FAMILY in table.out


def test_a_family_shows_its_runs_and_declarations(ask: Ask, store: Path) -> None:
    assert ask(f"trials --store {store} declare {FAMILY} 40 --note 'a notebook'").code == 0
    shown = json.loads(ask(f"trials show {FAMILY} --store {store} --json").out)
    assert [entry["points"] for entry in shown["entries"]] == [2, 2]
    assert all(entry["is_present"] and entry["symbols"] == 2 for entry in shown["entries"])
    assert [(d["trials"], d["note"]) for d in shown["declarations"]] == [(40, "a notebook")]
    text = ask(f"trials --store {store} show {FAMILY}").out
    assert "total       43" in text
    assert all(entry["run_id"] in text for entry in shown["entries"])


def test_a_declaration_raises_the_total_and_never_lowers_it(ask: Ask, store: Path) -> None:
    for number, declared in ((1000, "1,000"), (3, "1,000"), (2000, "2,000")):
        done = ask(f"trials declare {FAMILY} {number} --note elsewhere --store {store}")
        assert (done.code, done.err) == (0, "")
        assert done.out == f"{FAMILY}: {declared} trials outside {store}\n"
    assert row_of(ask, store)["total"] == 2003
    assert "no run of the family" in ask(f"trials declare F 1 --note x --store {store}").err


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (f"trials declare {FAMILY} 0 --note x", "is not between 1 and"),
        (f"trials declare {FAMILY} 1.5 --note x", "not a valid integer"),
        (f"trials declare {FAMILY} 5", "Missing option '--note'"),
        ("trials show SmaCrossover", "has no family 'SmaCrossover'"),
        ("trials show backfleet_strategies.sma_crossover:SmaCrosover", f"did you mean '{FAMILY}'"),
        (f"trials --json show {FAMILY}", "--json cannot be combined with 'show'"),
    ],
)
def test_a_wrong_request_ends_with_2_and_changes_nothing(
    ask: Ask, store: Path, line: str, message: str
) -> None:
    before = {path for path in store.rglob("*") if path.is_file()}
    refused = ask(line if "--json" in line else f"{line} --store {store}")
    assert refused.code == 2
    assert message in refused.err
    assert {path for path in store.rglob("*") if path.is_file()} == before


def test_a_store_without_runs_has_no_trials(ask: Ask, tmp_path: Path) -> None:
    assert ask(f"trials --store {tmp_path}").out == f"no trials in {tmp_path}\n"
    assert ask(f"trials --store {tmp_path} --json").out.strip() == "[]"


def test_a_damaged_entry_costs_one_line(ask: Ask, store: Path) -> None:
    damaged, *_ = sorted((store / "trials").rglob("*.json"))
    damaged.write_bytes(damaged.read_bytes()[:-9])
    listed = ask(f"trials --store {store} --json")
    assert listed.code == 0
    assert json.loads(listed.out)[0]["points"] == 2
    (line,) = listed.err.splitlines()
    assert str(damaged) in line
