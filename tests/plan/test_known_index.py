"""The index of runs by base key."""

from __future__ import annotations

from dataclasses import replace

from backfleet.job.grid import GridPoints
from backfleet.plan.known_index import (
    MAX_CANDIDATES,
    add_to_index,
    find_candidates,
    run_folders,
)
from backfleet.plan.manifest import Manifest
from backfleet.store import open_store
from identities import make_identity


def manifest(value: int, seed: int = 0) -> Manifest:
    points = GridPoints({"k": [value]})
    return Manifest("", "", replace(make_identity(points), seed=seed), (), (), points, 1)


def test_other_runs_with_the_same_base_key_are_candidates(store_url: str) -> None:
    store = open_store(store_url)
    runs = [manifest(1), manifest(2), manifest(3, seed=1)]
    for run in runs:
        add_to_index(store, run)
        add_to_index(store, run)
    assert find_candidates(store, runs[0]) == [runs[1].run_id]
    assert set(find_candidates(store, manifest(4))) == {runs[0].run_id, runs[1].run_id}
    assert find_candidates(store, manifest(4, seed=2)) == []


def test_candidates_are_bounded(store_url: str) -> None:
    store = open_store(store_url)
    for value in range(MAX_CANDIDATES + 3):
        add_to_index(store, manifest(value))
    assert len(find_candidates(store, manifest(1000))) == MAX_CANDIDATES


def test_the_index_and_the_trial_ledger_are_no_runs(store_url: str) -> None:
    store = open_store(store_url)
    add_to_index(store, manifest(1))
    store.put_if_absent("trials/1/family/run.json", b"{}")
    store.put_if_absent("0123456789abcdef/manifest.json", b"{}")
    assert list(run_folders(store)) == ["0123456789abcdef"]
