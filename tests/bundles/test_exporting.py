"""Exporting a run: a file that is the same every time, and names nothing of this machine."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

import pytest

import backfleet as bf
from backfleet.bundles import export_bundle, import_bundle
from backfleet.chunks.chunk import Chunk
from backfleet.chunks.undeclared import UndeclaredFile
from backfleet.errors import CorruptObject, ObjectMissing, UserError
from bundle_files import unzipped
from sample_job import SAMPLE_DATA, job_of

NAME = re.compile(r"[a-z0-9]+([/.][a-z0-9]+)*")


@pytest.fixture
def copy(finished_run: bf.Run, tmp_path: Path) -> bf.Run:
    """A copy of the run in another store."""
    return bf.open_run(shutil.copytree(finished_run.url, tmp_path / "store" / finished_run.id))


def test_a_bundle_lists_every_file_with_its_size_and_hash(bundle: Path) -> None:
    files = unzipped(bundle)
    record = json.loads(files.pop("bundle.json"))
    assert record["format"] == "bundle/1"
    assert {file["key"]: (file["size"], file["sha256"]) for file in record["files"]} == {
        name: (len(content), hashlib.sha256(content).hexdigest()) for name, content in files.items()
    }


def test_a_bundle_holds_manifest_rows_details_labels_and_windows_and_nothing_of_this_machine(
    finished_run: bf.Run, bundle: Path
) -> None:
    names = set(unzipped(bundle))
    folders = {name.partition("/")[0] for name in names}
    assert {"manifest.json", "bundle.json", "chunks", "blobs", "labels"} <= folders
    assert folders <= {
        "manifest.json",
        "bundle.json",
        "code.json",
        "validation.json",
        *("chunks", "blobs", "labels"),
        "code",
    }
    assert {"submissions", "results.parquet"} <= {
        path.name for path in Path(finished_run.url).iterdir()
    }
    assert all(NAME.fullmatch(name) for name in names)
    local = [SAMPLE_DATA, finished_run.url, Path.home(), Path.cwd(), os.uname().nodename]
    content = b"\0".join(unzipped(bundle).values())
    assert not [text for text in map(str, local) if len(text) > 3 and text.encode() in content]


def test_equal_runs_of_a_file_strategy_name_no_folder(tmp_path: Path) -> None:
    folder = tmp_path / "secret-folder"
    folder.mkdir()
    strategy = folder / "mine.py"
    strategy.write_text("import backtrader as bt\n\n\nclass Mine(bt.Strategy):\n    pass\n")
    job = job_of(folder / "runs", strategy=f"{strategy}:Mine", params={})
    run = bf.run(job, progress=None)
    file = tmp_path / "run.zip"
    export_bundle(run, file)
    assert b"secret-folder" not in b"\0".join(unzipped(file).values())


def test_the_same_run_gives_the_same_bytes(copy: bf.Run, bundle: Path, tmp_path: Path) -> None:
    for path in Path(copy.url).rglob("*"):
        os.utime(path, (10**9, 10**9))
    for name in ("logs", "verify", "results.parquet"):
        path = Path(copy.url, name)
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    Path(copy.url, "blobs", "0" * 64).write_bytes(b"of no chunk")
    file = tmp_path / "again.zip"
    export_bundle(copy, file)
    assert file.read_bytes() == bundle.read_bytes()


def test_entries_are_sorted_stored_dated_alike_and_plain_files(bundle: Path) -> None:
    with ZipFile(bundle) as archive:
        entries = archive.infolist()
    assert [entry.filename for entry in entries[:-1]] == sorted(e.filename for e in entries[:-1])
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert {entry.compress_type for entry in entries} == {0}
    assert {entry.external_attr >> 16 for entry in entries} == {0o100644}


def test_only_the_valid_generation_of_a_chunk_is_exported(
    copy: bf.Run, bundle: Path, tmp_path: Path
) -> None:
    Path(copy.url, "chunks", "000000.1").write_bytes(b"damaged")
    export_bundle(copy, tmp_path / "run.zip")
    assert unzipped(tmp_path / "run.zip").keys() == unzipped(bundle).keys()


def test_an_existing_file_is_kept_unless_told_otherwise(copy: bf.Run, tmp_path: Path) -> None:
    file = tmp_path / "run.zip"
    file.write_text("precious")
    with pytest.raises(UserError, match=r"run\.zip exists.*--force"):
        export_bundle(copy, file)
    assert file.read_text() == "precious"
    export_bundle(copy, file, overwrite=True)
    assert "manifest.json" in unzipped(file)


@pytest.mark.parametrize("fault", ["altered", "missing"])
def test_a_damaged_detail_is_named_and_the_existing_file_stays(
    copy: bf.Run, tmp_path: Path, fault: str
) -> None:
    blob = next(Path(copy.url, "blobs").iterdir())
    blob.write_bytes(b"altered") if fault == "altered" else blob.unlink()
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "run.zip").write_text("precious")
    with pytest.raises((CorruptObject, ObjectMissing), match=blob.name):
        export_bundle(copy, folder / "run.zip", overwrite=True)
    assert [(path.name, path.read_text()) for path in folder.iterdir()] == [("run.zip", "precious")]


def test_a_folder_that_does_not_exist_is_named(copy: bf.Run, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"missing/run\.zip: No such file"):
        export_bundle(copy, tmp_path / "missing" / "run.zip")


def with_undeclared_file(run: bf.Run, path: str, host: str) -> bf.Run:
    """Return a run of which a chunk says that its strategy has read a file."""
    file = next(Path(run.url, "chunks").iterdir())
    chunk = Chunk.from_bytes(file.read_bytes())
    header = replace(chunk.header, undeclared=(UndeclaredFile(path, "0" * 64, host),))
    file.write_bytes(replace(chunk, header=header).to_bytes())
    return bf.open_run(run.url)


def test_a_run_that_has_read_a_file_of_this_machine_is_not_exported(
    copy: bf.Run, tmp_path: Path
) -> None:
    run = with_undeclared_file(copy, "/home/ann/tuned.json", "anns-laptop")
    with pytest.raises(UserError, match=r"has read '/home/ann/tuned\.json'"):
        export_bundle(run, tmp_path / "run.zip")
    assert not list(tmp_path.glob("*.zip"))


def test_a_run_that_has_read_a_file_beside_its_strategy_is_exported(
    copy: bf.Run, tmp_path: Path
) -> None:
    run = with_undeclared_file(copy, "tuned.json", "")
    export_bundle(run, tmp_path / "run.zip")
    imported = import_bundle(tmp_path / "run.zip", str(tmp_path / "theirs")).run
    imported.counts()
    assert [
        file.path for header in imported.chunk_index.headers() for file in header.undeclared
    ] == ["tuned.json"]
