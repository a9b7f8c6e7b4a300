"""Runs with facts: rows are reused by symbol, and the facts are found again where they are."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

import backfleet as bf
from backfleet.errors import UserError
from backfleet.runs.open import open_run
from backfleet.runs.rerun_inputs import data_paths
from backfleet.runs.task_code import find_task_code
from backfleet.runs.verify import verify_engine

EXAMPLES = Path(__file__).parents[2] / "examples" / "data" / "cn-daily"
SYMBOLS = ["600519", "600559"]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Bars with facts below them."""
    data = tmp_path / "data"
    (data / "facts").mkdir(parents=True)
    for symbol in SYMBOLS:
        (file,) = EXAMPLES.glob(f"*{symbol}*")
        shutil.copy(file, data)
    (data / "facts" / "instruments.csv").write_text("symbol\n600519\n600559\n")
    return data


def job(data: Path, store: Path) -> bf.Job:
    return bf.Job(
        strategy="buy-and-hold",
        data={
            "source": "cn-daily",
            "path": str(data),
            "facts": str(data / "facts"),
            "symbols": SYMBOLS,
        },
        results={"store": str(store)},
    )


def test_edited_facts_recompute_one_symbol_and_reuse_the_others(data: Path, tmp_path: Path) -> None:
    bf.run(job(data, tmp_path / "runs"))
    (data / "facts" / "instruments.csv").write_text("symbol,listed\n600519,2001-08-27\n600559,\n")
    run = bf.run(job(data, tmp_path / "runs"))
    assert run.results().set_index("symbol")["origin"].isna().to_dict() == {
        "600519": True,
        "600559": False,
    }


def test_facts_that_moved_with_the_data_are_found_there(data: Path, tmp_path: Path) -> None:
    run = bf.run(job(data, tmp_path / "runs"))
    moved = data.rename(tmp_path / "moved")
    assert data_paths(run, [str(moved)]).facts == str(moved / "facts")
    facts = (moved / "facts").rename(tmp_path / "facts")
    given = [str(moved), f"facts={facts}"]
    assert data_paths(run, given).facts == str(facts)
    assert not verify_engine(find_task_code(run, "here"), [0], "backtrader", given)


def test_a_run_that_was_never_submitted_here_asks_for_its_facts(data: Path, tmp_path: Path) -> None:
    run = bf.run(job(data, tmp_path / "runs"))
    shutil.rmtree(tmp_path / "runs" / run.id / "submissions")
    run = open_run(run.id, str(tmp_path / "runs"))
    with pytest.raises(UserError, match=r"has facts.*Pass --data facts=DIR, too"):
        data_paths(run, [str(data)])
    assert data_paths(run, [str(data), "facts=there"]).facts == os.path.abspath("there")
    with pytest.raises(UserError, match=r"--data facs=there: .* did you mean 'facts'"):
        data_paths(run, [str(data), "facs=there"])
