"""`backfleet compare` on the command line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from workshop import Ask, Workshop


def test_a_run_and_itself_are_alike(ask: Ask, finished: str) -> None:
    answer = ask(f"compare {finished} {finished}")
    assert answer.code == 0
    assert answer.out.startswith("the setup is the same\n")
    assert "3 tasks matched by symbol; 0 only in the first" in answer.out
    assert "all metrics are the same to the last bit" in answer.out


def test_two_runs_are_side_by_side(ask: Ask, finished: str, failed: str) -> None:
    """Of strategies that have no parameter in common; one has several points."""
    answer = ask(f"compare {finished} {failed}")
    assert answer.code == 2
    assert "cannot be matched" in answer.err


def test_json_has_all_of_it(ask: Ask, finished: str) -> None:
    comparison = json.loads(ask(f"compare {finished} {finished} --json").out)
    assert (comparison["first"], comparison["config"], comparison["matched"]) == (finished, [], 3)
    assert {pair["metric"] for pair in comparison["metrics"]} >= {"sharpe", "final_value"}


def test_a_chunk_that_was_damaged_after_the_run_has_ended_is_named(
    ask: Ask, workshop: Workshop, finished: str, tmp_path: Path
) -> None:
    """Its rows are in `results.parquet`; the verdict once ended with a StopIteration."""
    copy = Path(shutil.copytree(workshop.folder / "runs" / finished, tmp_path / "run"))
    for chunk in (copy / "chunks").iterdir():
        chunk.write_bytes(b"?" + chunk.read_bytes()[1:])
    answer = ask(f"compare {copy} {copy}")
    assert answer.code == 2
    assert "and not its sums" in answer.err
    assert "Traceback" not in answer.err


def test_an_unknown_run_is_refused(ask: Ask, finished: str) -> None:
    answer = ask(f"compare {finished} 0123456789")
    assert answer.code == 2
    assert "0123456789" in answer.err
