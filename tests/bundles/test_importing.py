"""Importing a bundle: a colleague gets the run, whole or not at all."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import backfleet as bf
from backfleet.bundles import export_bundle, import_bundle
from backfleet.errors import UserError
from backfleet.runs.labels import Labels, add_labels
from backfleet.runs.open import list_runs
from backfleet.store import open_store
from backfleet.validation.trial_counts import read_families
from stored_rows import stored_rows


def test_rows_details_and_labels_are_those_of_the_run(
    finished_run: bf.Run, bundle: Path, store_url: str
) -> None:
    imported = import_bundle(bundle, store_url)
    run = imported.run
    assert not imported.was_stored
    assert (run.id, run.url) == (finished_run.id, f"{store_url}/{finished_run.id}")
    assert stored_rows(run) == stored_rows(finished_run)
    for task in range(run.manifest.tasks):
        for name in ("equity", "orders", "fills", "trades"):
            assert getattr(run, name)(task).equals(getattr(finished_run, name)(task))
    assert run.labels() == Labels(("paper",), ("the one in print",))
    assert run.state() == "complete"
    assert run.folds().choices == finished_run.folds().choices


def test_an_imported_run_is_exported_with_the_same_bytes(
    bundle: Path, store_url: str, tmp_path: Path
) -> None:
    again = tmp_path / "again.zip"
    export_bundle(import_bundle(bundle, store_url).run, again)
    assert again.read_bytes() == bundle.read_bytes()


def test_importing_twice_is_success_and_changes_nothing(bundle: Path, store_url: str) -> None:
    import_bundle(bundle, store_url)
    before = {entry.key: entry.version for entry in open_store(store_url).list()}
    assert import_bundle(bundle, store_url).was_stored
    assert {entry.key: entry.version for entry in open_store(store_url).list()} == before


def test_a_run_is_imported_into_the_store_it_came_from(finished_run: bf.Run, bundle: Path) -> None:
    assert import_bundle(bundle, str(Path(finished_run.url).parent)).was_stored


def test_the_points_of_an_imported_run_are_trials_of_the_store(
    finished_run: bf.Run, bundle: Path, store_url: str
) -> None:
    import_bundle(bundle, store_url)
    (family,) = read_families(open_store(store_url))
    assert family.name == finished_run.manifest.family
    assert [entry.run_id for entry in family.entries] == [finished_run.id]
    assert family.entries[0].logic == finished_run.manifest.logic


def test_labels_are_added_to_a_run_that_is_there(
    finished_run: bf.Run, bundle: Path, tmp_path: Path
) -> None:
    run = import_bundle(bundle, str(tmp_path / "a")).run
    add_labels(run.store, ["reviewed"])
    export_bundle(run, tmp_path / "reviewed.zip")
    store = str(tmp_path / "b")
    import_bundle(bundle, store)
    imported = import_bundle(tmp_path / "reviewed.zip", store)
    assert imported.was_stored
    assert imported.run.labels().tags == ("paper", "reviewed")


@pytest.mark.parametrize("change", ["other", "less"])
def test_a_run_that_is_there_with_other_content_is_kept(
    bundle: Path, store_url: str, change: str
) -> None:
    run = import_bundle(bundle, store_url).run
    key = next(entry.key for entry in run.store.list("chunks/"))
    run.store.replace(key, b"other") if change == "other" else run.store.delete(key)
    before = [entry.key for entry in run.store.list()]
    with pytest.raises(UserError, match=f"same run with other content.*{key}"):
        import_bundle(bundle, store_url)
    assert [entry.key for entry in run.store.list()] == before


def test_what_lies_in_the_folder_of_no_run_is_named_and_kept(bundle: Path, tmp_path: Path) -> None:
    run = import_bundle(bundle, str(tmp_path)).run
    run.store.delete("manifest.json")
    run.store.put_if_absent("submissions/1.json", b"{}")
    with pytest.raises(UserError, match=r"holds submissions/1\.json and no manifest.*runs rm"):
        import_bundle(bundle, str(tmp_path))
    assert not run.store.exists("manifest.json")


KILLED_IMPORT = """
import os, signal, sys
from backfleet.bundles import import_bundle
from pathlib import Path

link, left = os.link, int(sys.argv[3])

def linked(*paths):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    link(*paths)

os.link = linked
import_bundle(Path(sys.argv[1]), sys.argv[2])
"""


@pytest.mark.parametrize("objects", [0, 1, 3, 5])
def test_a_killed_import_shows_no_run_and_importing_again_completes_it(
    finished_run: bf.Run, bundle: Path, tmp_path: Path, objects: int
) -> None:
    store = str(tmp_path / "runs")
    command = [sys.executable, "-c", KILLED_IMPORT, str(bundle), store, str(objects)]
    assert subprocess.run(command).returncode == -signal.SIGKILL
    assert list(list_runs(store)) == []
    imported = import_bundle(bundle, store)
    assert not imported.was_stored
    assert stored_rows(imported.run) == stored_rows(finished_run)


def test_a_full_disk_leaves_no_run(bundle: Path, small_disk: Path) -> None:
    (small_disk / "filler").write_bytes(b"x" * 240 * 1024)
    with pytest.raises(bf.BackfleetError, match="no space is left"):
        import_bundle(bundle, str(small_disk / "runs"))
    assert list(list_runs(str(small_disk / "runs"))) == []


def test_an_incomplete_run_is_exported_and_imported_as_it_is(
    finished_run: bf.Run, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(finished_run.url, tmp_path / "store" / finished_run.id))
    next((copy / "chunks").iterdir()).unlink()
    export_bundle(bf.open_run(copy), tmp_path / "run.zip")
    run = import_bundle(tmp_path / "run.zip", str(tmp_path / "theirs")).run
    assert run.state() == "incomplete"
    assert run.counts().missing == bf.open_run(copy).counts().missing > 0


def test_importing_runs_no_code_and_reads_no_data(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = (
        "import sys; from pathlib import Path; from backfleet.bundles import import_bundle;"
        "import_bundle(Path(sys.argv[1]), sys.argv[2]).run.results();"
        "print([name for name in sys.modules if 'backfleet_strategies' in name])"
    )
    command = [sys.executable, "-c", code, str(bundle), str(tmp_path / "runs")]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"


def test_the_job_of_an_imported_run_finds_it_done(
    finished_run: bf.Run, bundle: Path, tmp_path: Path
) -> None:
    from sample_job import job_of

    run = import_bundle(bundle, str(tmp_path / "runs")).run
    again: Any = bf.run(job_of(tmp_path / "runs"), progress=None)
    assert again.url == run.url
    assert json.loads(Path(run.url, "manifest.json").read_text())["run_id"] == run.id
    assert not Path(run.url, "submissions").exists()
