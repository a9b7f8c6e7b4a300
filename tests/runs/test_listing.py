"""The listing of a store: complete runs are read once, and a run that has changed is read again."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import backfleet as bf
from backfleet.errors import CorruptObject
from backfleet.plan.plan import plan_job
from backfleet.runs.labels import add_labels
from backfleet.runs.listing import list_rows
from backfleet.runs.parameter_ranges import parameter_ranges
from backfleet.store import open_store
from backfleet.store.records import DamagedRecord
from sample_job import job_of
from stored_records import sealed


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> bf.Run:
    results = {"store": str(tmp_path_factory.mktemp("listed")), "detail": "summary"}
    return bf.run(job_of("", symbols=["600519"], results=results), progress=None)


@pytest.fixture
def run(finished: bf.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the only run of a store that nobody has listed yet."""
    monkeypatch.setenv("BACKFLEET_CACHE", str(tmp_path / "cache"))
    return Path(shutil.copytree(finished.url, tmp_path / "runs" / finished.id))


def rows_of(run: Path, damage: list[CorruptObject] | None = None) -> list[dict[str, Any]]:
    errors = [] if damage is None else damage
    return [dict(row) for row in list_rows(str(run.parent), errors.append).values()]


def test_rows_are_the_facts_of_the_runs(run: Path) -> None:
    expected = [dict(bf.open_run(run).facts())]
    assert rows_of(run) == expected
    assert rows_of(run) == expected


def test_rows_tell_what_was_swept_over_which_data_and_what_came_out(run: Path) -> None:
    (row,) = rows_of(run)
    opened = bf.open_run(run)
    results = opened.results()
    assert row["parameters"] == "period 10/15, sizing all-in"
    assert (row["first"], row["last"]) == ("2019-01-02", "2021-07-05")
    assert opened.manifest.identity.strategy.code.startswith(row["code"])
    assert row["metric"] == "sharpe"
    ranked = results[results["trades"] >= 10]
    assert row["best"] == ranked["sharpe"].max()
    assert row["median"] == results["sharpe"].median()
    assert row["seconds"] == pytest.approx(results["seconds"].sum())


@pytest.mark.parametrize(
    ("params", "line"),
    [
        ({"period": 15}, "period 15, sizing all-in"),
        ({"sizing": ["all-in", "fee-aware"], "period": 7}, "sizing all-in/fee-aware, period 7"),
        ({"period": [5, 10, 15, 30]}, "period 5 to 30 (4), sizing all-in"),
    ],
)
def test_swept_parameters_come_first_with_their_ranges(
    params: dict[str, Any], line: str, tmp_path: Path
) -> None:
    manifest = plan_job(job_of(tmp_path, params=params)).manifest
    assert parameter_ranges(manifest.points) == line


def test_explicit_points_are_counted(tmp_path: Path) -> None:
    pq.write_table(pa.table({"period": [3, 9]}), tmp_path / "points.parquet")
    sweep = {"points": str(tmp_path / "points.parquet")}
    manifest = plan_job(job_of(tmp_path, params={}, sweep=sweep)).manifest
    assert parameter_ranges(manifest.points) == "2 points of a table"


def test_the_facts_of_a_complete_run_are_those_of_its_chunks(run: Path) -> None:
    expected = rows_of(run)
    for chunk in (run / "chunks").iterdir():
        content = chunk.read_bytes()
        chunk.write_bytes(b"?" + content[1:])
    assert rows_of(run) == expected, "no chunk was read"
    for chunk in (run / "chunks").iterdir():
        chunk.write_bytes(chunk.read_bytes()[1:])
    with pytest.warns(DamagedRecord):
        (row,) = rows_of(run)
    assert (row["state"], row["done"]) == ("incomplete", 0)


@pytest.mark.parametrize(
    "change", [{"ok": 1}, {"created": "x"}, {"ok": -1, "error": 6}, {"more": 1}, {"tasks": None}]
)
def test_facts_that_no_complete_run_has_are_not_believed(
    run: Path, change: dict[str, object]
) -> None:
    expected = rows_of(run)
    file = run / "facts.json"
    record = json.loads(file.read_bytes())
    record["facts"] |= change
    file.write_bytes(sealed(record))
    assert rows_of(run) == expected
    file.write_bytes(b"[" * 100_000)
    assert rows_of(run) == expected


def test_a_complete_run_without_facts_is_read_once(run: Path) -> None:
    (run / "facts.json").unlink()
    listed = rows_of(run)
    manifest = run / "manifest.json"
    before = manifest.stat()
    with manifest.open("r+b") as file:
        file.write(b"?")
    os.utime(manifest, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert rows_of(run) == listed, "nothing of it was read"


def test_a_link_beside_a_run_costs_one_line_and_hides_no_run(run: Path, tmp_path: Path) -> None:
    (run.parent / "link").symlink_to(tmp_path)
    damage: list[CorruptObject] = []
    assert rows_of(run, damage) == [dict(bf.open_run(run).facts())]
    assert [str(error) for error in damage] == [
        f"{run.parent}/link is a link, and backfleet follows no links in a store. Replace it by "
        "what it leads to"
    ]


def test_a_folder_that_cannot_be_read_costs_one_line_and_hides_no_run(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = Path(shutil.copytree(run, run.parent / "closed"))
    listed = [dict(bf.open_run(run).facts())]
    # Tests may run as root, to whom no folder is closed.
    for name in ("open", "scandir", "lstat"):
        monkeypatch.setattr(os, name, denied_below(closed, getattr(os, name)))
    damage: list[CorruptObject] = []
    assert rows_of(run, damage) == listed
    (error,) = damage
    assert str(error).startswith(f"{closed} cannot be read (Permission denied)")


def denied_below(folder: Path, call: Callable[..., Any]) -> Callable[..., Any]:
    def checked(path: str | os.PathLike[str], *more: object, **options: Any) -> Any:
        if str(path).startswith(str(folder)):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return call(path, *more, **options)

    return checked


def test_a_run_that_has_changed_is_read_again(run: Path) -> None:
    (before,) = rows_of(run)
    add_labels(open_store(str(run)), ("seen",))
    (after,) = rows_of(run)
    assert after == before | {"tags": "seen"}
    next((run / "chunks").iterdir()).unlink()
    (incomplete,) = rows_of(run)
    assert incomplete["done"] < before["done"]
    (run / "manifest.json").write_bytes(b"{")
    damage: list[CorruptObject] = []
    assert rows_of(run, damage) == []
    assert len(damage) == 1


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff", b"[" * 100_000])
def test_a_damaged_cache_is_an_empty_one(run: Path, tmp_path: Path, content: bytes) -> None:
    (run / "facts.json").unlink()
    expected = rows_of(run)
    (cache,) = (tmp_path / "cache" / "listings").iterdir()
    cache.write_bytes(content)
    assert rows_of(run) == expected


def test_the_rows_of_a_store_on_s3_are_those_of_the_directory(run: Path, s3_store_url: str) -> None:
    store = open_store(s3_store_url)
    for path in run.rglob("*"):
        if path.is_file():
            store.put_if_absent(str(path.relative_to(run.parent)), path.read_bytes())
    for _ in range(2):
        assert [dict(row) for row in list_rows(s3_store_url).values()] == rows_of(run)
