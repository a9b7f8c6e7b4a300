"""The trial ledger counts each point of a family once, and loses none."""

from __future__ import annotations

import itertools
import json
import random
import shutil
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

import backfleet as bf
from backfleet.errors import CorruptObject, UserError
from backfleet.job import Points
from backfleet.job.grid import GridPoints
from backfleet.job.point_filter import PointFilter
from backfleet.job.point_table import TablePoints
from backfleet.job.points import column_of
from backfleet.plan.manifest import Manifest, PlannedSymbol
from backfleet.plan.point_hashes import hash_points
from backfleet.store import Store, open_store
from backfleet.store.records import encode_record
from backfleet.submissions import trial_ledger
from backfleet.submissions.trial_ledger import TRIALS, add_to_ledger, declare_trials, entry_of
from backfleet.validation.trial_counts import (
    count_points,
    count_trials_of_run,
    read_families,
    read_family,
)
from identities import make_identity
from sample_job import job_of
from stored_records import sealed

FAMILY = "mine.py:Mine"
SYMBOLS = ("A", "B")
GRID = GridPoints({"fast": [1, 2], "slow": [10, 20, 30]})


def manifest_of(
    points: Points = GRID,
    *,
    symbols: Sequence[str] = SYMBOLS,
    universe: Literal["each", "portfolio"] = "each",
    logic: str = "l" * 64,
    files: dict[str, str] | None = None,
    **changes: Any,
) -> Manifest:
    identity = replace(make_identity(points, universe), files=files or {}, **changes)
    return Manifest(
        name="",
        created="2024-01-01T00:00:00+00:00",
        identity=identity,
        parameters=(),
        symbols=[PlannedSymbol(name, "", 1, "2019-01-02", "2021-07-05", 252.0) for name in symbols],
        points=points,
        chunk_size=1,
        family=FAMILY,
        logic=logic,
    )


def table_of(points: Points) -> TablePoints:
    rows = list(points)
    return TablePoints({name: column_of([row[name] for row in rows]) for name in points.names})


def count(store: Store, *manifests: Manifest) -> int:
    for manifest in manifests:
        add_to_ledger(store, manifest)
    return count_points(read_family(store, FAMILY).entries)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "runs"))


# -- what counts once --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "other",
    [
        manifest_of(),
        manifest_of(seed=1),
        manifest_of(GridPoints({"fast": [2, 1], "slow": [30, 10, 20]})),
        manifest_of(GridPoints({"slow": [10, 20, 30], "fast": [1, 2]})),
        manifest_of(GridPoints({"fast": [1, 2], "slow": [10, 20, 30]}, PointFilter("fast == 1"))),
        manifest_of(table_of(GRID)),
        manifest_of(symbols=("B", "A")),
        manifest_of(backfleet="1" * 64),
    ],
    ids=["again", "seed", "permuted", "axes", "narrowed", "table", "symbols", "backfleet"],
)
def test_the_same_points_in_another_run_count_once(store: Store, other: Manifest) -> None:
    assert count(store, manifest_of(), other) == 6


def test_overlapping_grids_count_their_union(store: Store) -> None:
    wider = GridPoints({"fast": [2, 3], "slow": [20, 30, 40]})
    assert count(store, manifest_of(), manifest_of(wider)) == 6 + 6 - 2


def test_points_of_a_table_that_are_listed_twice_count_once(store: Store) -> None:
    table = TablePoints({"k": column_of([1, 2, 1, 3, 2])})
    assert count(store, manifest_of(table)) == 3


# -- what counts again -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "other",
    [
        manifest_of(seed=1, logic="m" * 64),
        manifest_of(files={"tuned.json": "0" * 64}),
        manifest_of(seed=1, symbols=("A",)),
        manifest_of(universe="portfolio"),
        manifest_of(GridPoints({"fast": [1.0, 2.0], "slow": [10, 20, 30]})),
        manifest_of(GridPoints({"quick": [1, 2], "slow": [10, 20, 30]})),
    ],
    ids=["logic", "files", "symbols", "portfolio", "types", "names"],
)
def test_another_idea_counts_again(store: Store, other: Manifest) -> None:
    assert count(store, manifest_of(), other) == 12


def test_the_present_code_is_that_of_the_newest_run(store: Store) -> None:
    newest = replace(manifest_of(seed=1, logic="m" * 64), created="2024-01-02T00:00:00+00:00")
    assert count(store, newest, manifest_of()) == 12
    family = read_family(store, FAMILY)
    assert [entry.run_id for entry in family.present] == [newest.run_id]
    assert family.last == "2024-01-02T00:00:00+00:00"


# -- the numbers of a run ----------------------------------------------------------------------


def test_a_run_has_the_points_of_its_family_behind_it(store: Store) -> None:
    single = manifest_of(GridPoints({"fast": [1], "slow": [10]}))
    count(store, single, manifest_of())
    trials = count_trials_of_run(store, single)
    assert (trials.points, trials.counted, trials.declared, trials.total) == (1, 6, 0, 6)


def test_a_run_that_the_ledger_lacks_counts_itself(store: Store) -> None:
    trials = count_trials_of_run(store, manifest_of())
    assert (trials.points, trials.family, trials.counted) == (6, FAMILY, 6)


def test_a_run_of_two_families_has_the_larger_one_behind_it(store: Store) -> None:
    renamed = manifest_of()
    add_to_ledger(store, renamed)
    add_to_ledger(store, renamed, "all of mine")
    add_to_ledger(store, manifest_of(GridPoints({"k": [1, 2, 3]})), "all of mine")
    trials = count_trials_of_run(store, renamed)
    assert (trials.family, trials.counted) == ("all of mine", 9)


def test_the_largest_declaration_counts_beside_the_store(store: Store) -> None:
    add_to_ledger(store, manifest_of())
    for number, note in ((500, "a notebook"), (300, "another"), (500, "a notebook")):
        declare_trials(store, FAMILY, number, note)
    family = read_family(store, FAMILY)
    assert family.declared == 500
    assert [declared.trials for declared in family.declarations].count(500) == 1
    assert count_trials_of_run(store, manifest_of()).total == 506


@pytest.mark.parametrize(
    ("family", "number", "note"),
    [
        (FAMILY, 0, ""),
        (FAMILY, -5, ""),
        (FAMILY, 10**13, ""),
        ("", 5, ""),
        ("a\nb", 5, ""),
        (FAMILY, 5, "two\nlines"),
        (FAMILY, 5, "x" * 2000),
    ],
)
def test_a_declaration_that_cannot_be_is_refused_and_nothing_is_written(
    store: Store, family: str, number: int, note: str
) -> None:
    with pytest.raises(UserError, match="trials of"):
        declare_trials(store, family, number, note)
    assert list(store.list()) == []


# -- families ----------------------------------------------------------------------------------


def test_families_whose_names_look_alike_stay_apart(store: Store) -> None:
    names = ["a.py:B", "a-py:B", "A.py:B", "a.py_B", "chunks", "...", "ä", "x" * 900]
    for name in names:
        add_to_ledger(store, manifest_of(), name)
    assert sorted(family.name for family in read_families(store)) == sorted(names)


# -- damage ------------------------------------------------------------------------------------


def altered(**changes: Any) -> Callable[[bytes], bytes]:
    """A change of fields with a checksum that fits, as whoever writes to the store can make it."""
    return lambda content: sealed(json.loads(content) | changes)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:-20],
        lambda content: content.replace(b'"count": 6', b'"count": 1'),
        lambda content: content.replace(TRIALS.encode(), b"trials/9"),
        altered(count=0),
        altered(count=7),
        altered(count="6"),
        altered(symbols=0),
        altered(more=1),
        altered(family="another"),
        altered(family="two\nlines"),
        altered(run_id="../../up"),
        altered(created="yesterday"),
        altered(last="tomorrow"),
        altered(points=None),
        altered(hashes="no base64"),
        altered(hashes="AAAA"),
        altered(points={"kind": "grid", "axes": 5}),
        altered(points={"kind": "grid", "axes": [["k", [1]]]}),
        altered(points={}),
        altered(points={"kind": "other"}),
        altered(points={"kind": "grid", "axes": [["k", [1] * 9000], ["m", [1] * 90000]]}),
    ],
)
def test_a_damaged_entry_costs_one_line_and_nothing_else(
    store: Store, damage: Callable[[bytes], bytes]
) -> None:
    sound = manifest_of(GridPoints({"k": [1, 2, 3, 4]}))
    count(store, manifest_of(), sound)
    key = entry_of(manifest_of()).key
    store.replace(key, damage(store.read(key)))
    lines: list[CorruptObject] = []
    (family,) = read_families(store, lines.append)
    assert count_points(family.entries, lines.append) == 4
    (line,) = lines
    assert key in str(line)
    assert "\n" not in str(line)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-20],
        lambda content: content.replace(b"500", b"5"),
        lambda content: encode_record(
            "declared-trials/1",
            {"family": FAMILY, "trials": 9, "note": "", "created": "2024-01-01"},
        ),
    ],
)
def test_a_damaged_declaration_costs_one_line_and_nothing_else(
    store: Store, damage: Callable[[bytes], bytes]
) -> None:
    declare_trials(store, FAMILY, 500, "a notebook")
    declare_trials(store, FAMILY, 40, "another")
    (key,) = (d.key for d in read_family(store, FAMILY).declarations if d.trials == 500)
    store.replace(key, damage(store.read(key)))
    lines: list[CorruptObject] = []
    assert read_family(store, FAMILY, lines.append).declared == 40
    (line,) = lines
    assert key in str(line)


def test_objects_of_other_names_are_not_the_ledgers(store: Store) -> None:
    assert count(store, manifest_of()) == 6
    content = store.read(entry_of(manifest_of()).key)
    for key in ("trials/1/chunks/000000.0", "trials/1/x.json", "trials/2/x/y.json"):
        store.put_if_absent(key, content)
    lines: list[CorruptObject] = []
    assert len(read_families(store, lines.append)) == 1
    assert not lines


# -- many points -------------------------------------------------------------------------------


def test_hashes_tell_points_apart_as_their_canonical_json_does() -> None:
    chance = random.Random(11)
    values: list[Any] = [0, 1, 1.0, True, None, "1", [1], [1, [2]]]
    for _ in range(20):
        names = chance.sample(["a", "b", "c", "d"], chance.randint(1, 4))
        axes = {name: chance.sample(values, chance.randint(1, len(values))) for name in names}
        points = GridPoints(axes)
        texts = {json.dumps(point, sort_keys=True) for point in points}
        assert len(hash_points(points)) == len(texts)
        assert np.array_equal(hash_points(points), hash_points(table_of(points)))


def test_a_million_points_take_eight_bytes_each_and_little_more_to_count(store: Store) -> None:
    points = GridPoints({name: list(range(100)) for name in "abc"})
    entry = entry_of(manifest_of(points))
    tracemalloc.start()
    try:
        hashes = entry.point_hashes()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert hashes is not None
    assert hashes.nbytes == 8_000_000
    assert peak < 50_000_000
    assert len(encode_record(TRIALS, entry)) < 10_000


def test_grids_that_are_too_large_to_compare_count_in_full(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial_ledger, "MAX_HASHED_POINTS", 5)
    wider = GridPoints({"fast": [2, 3], "slow": [20, 30, 40]})
    small = GridPoints({"fast": [1], "slow": [10]})
    manifests = [manifest_of(grid) for grid in (GRID, wider, small)]
    assert count(store, *manifests, manifest_of(seed=1), manifest_of(table_of(GRID))) == 6 * 3 + 1


def test_tables_that_are_too_large_to_store_count_in_full(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial_ledger, "MAX_LISTED_POINTS", 2)
    tables = [TablePoints({"k": column_of(values)}) for values in ([1, 2, 3], [2, 3, 4], [3])]
    again = manifest_of(tables[0], seed=1)
    assert count(store, *map(manifest_of, tables), again) == 3 + 3 + 1


def test_many_runs_are_united(store: Store) -> None:
    starts = range(0, 60, 4)
    grids = [GridPoints({"k": list(range(start, start + 10))}) for start in starts]
    expected = set(itertools.chain.from_iterable(range(start, start + 10) for start in starts))
    assert count(store, *map(manifest_of, grids)) == len(expected)


# -- runs --------------------------------------------------------------------------------------


def run(store: Path, **changes: Any) -> bf.Run:
    return bf.run(job_of(store, **changes), progress=None)


def test_runs_are_counted_when_they_are_submitted_and_after_they_are_gone(tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    first = run(folder)
    root = open_store(str(folder))
    (family,) = read_families(root)
    assert family.name == first.manifest.identity.strategy.target
    assert count_points(family.entries) == 2
    before = {entry.key: entry.version for entry in root.list("trials/")}
    run(folder)
    assert {entry.key: entry.version for entry in root.list("trials/")} == before
    second = run(folder, params={"period": [15, 20]}, broker={"cash": 5000.0})
    assert second.trials().total == 3
    shutil.rmtree(folder / first.id)
    assert second.trials().total == 3


def test_the_job_names_the_family_and_declares_trials_outside_the_runs_id(tmp_path: Path) -> None:
    plain = run(tmp_path / "runs")
    named = run(
        tmp_path / "runs",
        validation={"family": "averages", "prior_trials": 500, "prior_note": "a notebook"},
    )
    assert named.id == plain.id
    root = open_store(str(tmp_path / "runs"))
    family = read_family(root, "averages")
    assert [(d.trials, d.note) for d in family.declarations] == [(500, "a notebook")]
    trials = named.trials()
    assert (trials.family, trials.counted, trials.declared) == ("averages", 2, 500)
