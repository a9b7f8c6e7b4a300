"""`backfleet export` and `backfleet import`, and the other commands on an imported run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from workshop import Ask, Workshop


@pytest.fixture
def imported(ask: Ask, finished: str, tmp_path: Path) -> str:
    """The path of an imported run, whose sender is gone."""
    assert ask(f"export {finished} {tmp_path}/run.zip").code == 0
    done = ask(f"import {tmp_path}/run.zip --store {tmp_path}/theirs")
    assert (done.code, done.err) == (0, "")
    return f"{tmp_path}/theirs/{finished}"


def test_a_run_goes_into_a_file_and_out_of_it(ask: Ask, finished: str, tmp_path: Path) -> None:
    exported = ask(f"export {finished} {tmp_path}/run.zip")
    assert (exported.code, exported.err) == (0, "")
    assert f"{tmp_path}/run.zip: run {finished}, " in exported.out
    imported = ask(f"import {tmp_path}/run.zip --store {tmp_path}/theirs")
    assert f"run {finished}: imported; 3 of 3 tasks have a row" in imported.out
    again = ask(f"import {tmp_path}/run.zip --store {tmp_path}/theirs")
    assert (again.code, "already in the store" in again.out) == (0, True)
    facts = json.loads(ask(f"import {tmp_path}/run.zip --store {tmp_path}/more --json").out)
    assert (facts["run_id"], facts["missing"]) == (finished, 0)


def test_an_existing_file_is_written_over_with_force_only(
    ask: Ask, finished: str, tmp_path: Path
) -> None:
    file = tmp_path / "run.zip"
    file.write_text("precious")
    refused = ask(f"export {finished} {file}")
    assert (refused.code, "--force" in refused.err) == (2, True)
    assert file.read_text() == "precious"
    assert ask(f"export {finished} {file} --force").code == 0
    assert file.read_bytes()[:2] == b"PK"


def test_an_incomplete_run_is_exported_and_said_to_be_so(
    workshop: Workshop, ask: Ask, finished: str, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(workshop.folder / "runs" / finished, tmp_path / "x"))
    next((run / "chunks").iterdir()).unlink()
    done = ask(f"export {run} {tmp_path}/run.zip")
    assert done.code == 0
    assert "the run is incomplete: 1 of 3 tasks have no row" in done.err
    assert "2 of 3 tasks have a row" in ask(f"import {tmp_path}/run.zip --store {tmp_path}/y").out


def test_files_that_cannot_be_used_end_with_2_and_one_line(
    ask: Ask, finished: str, tmp_path: Path
) -> None:
    (tmp_path / "text.zip").write_text("no zip file")
    for line in (
        f"export 0123456789abcdef {tmp_path}/run.zip",
        f"export {finished} {tmp_path}/missing/run.zip",
        f"import {tmp_path}/missing.zip --store {tmp_path}/theirs",
        f"import {tmp_path}/text.zip --store {tmp_path}/theirs",
    ):
        refused = ask(line)
        assert refused.code == 2, line
        assert len(refused.err.splitlines()) == 1, line
    assert {path.name for path in tmp_path.iterdir()} == {"text.zip"}


READING = (
    "status {run}",
    "status {run} --json",
    "results {run} --sort sharpe",
    "results {run} --sql 'select count(*) as n from fills'",
    "wait {run}",
    "cancel {run}",
    "logs {run}",
    "logs {run} 0",
    "logs {run} --follow",
    "compare {run} {finished}",
    "report {run} -o {out}/report.html",
    "report {run} 0 -o {out}/task.html",
    "report {run} --compare {finished} -o {out}/both.html",
    "runs --store {store}",
    "runs --store {store} --latest sma-crossover",
    "runs --store {store} tag {run} theirs",
    "export {run} {out}/again.zip",
)


@pytest.mark.parametrize("line", READING)
def test_an_imported_run_is_read_like_any_other(
    ask: Ask, imported: str, finished: str, tmp_path: Path, line: str
) -> None:
    names = {"run": imported, "finished": finished, "out": tmp_path, "store": tmp_path / "theirs"}
    done = ask(line.format(**names))
    assert done.code == 0, done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("resume {run}", "was imported"),
        ("logs {run} --worker 0", "was imported"),
        ("debug {run} 0", "nothing says where its data is. Pass --data DIR"),
        ("verify {run}", "nothing says where its data is. Pass --data DIR"),
    ],
)
def test_what_needs_the_senders_machine_is_refused_with_the_reason(
    ask: Ask, imported: str, line: str, reason: str
) -> None:
    refused = ask(line.format(run=imported))
    assert refused.code == 2
    assert reason in refused.err


def test_an_imported_run_is_removed_like_any_other(ask: Ask, imported: str) -> None:
    assert ask(f"runs rm {imported} --yes").code == 0
    assert not Path(imported).exists()


def test_an_imported_run_is_not_offered_for_reuse(ask: Ask, imported: str) -> None:
    folders = {path.name for path in Path(imported).parent.iterdir()}
    assert folders == {Path(imported).name, "trials"}
