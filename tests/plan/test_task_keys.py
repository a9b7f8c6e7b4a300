"""Base keys: which parts of an identity the tasks of two runs must share."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest

from backfleet.engine import BrokerSettings
from backfleet.job.grid import GridPoints
from backfleet.plan.identity import (
    AuxiliaryIdentity,
    Component,
    Identity,
    ResultsIdentity,
)
from backfleet.plan.manifest import Manifest, PlannedSymbol
from backfleet.plan.task_keys import TaskMatch, base_key
from identities import make_identity

POINTS = GridPoints({"k": [1, 2]})


def identity(universe: Literal["each", "portfolio"] = "each", **digests: str) -> Identity:
    made = make_identity(POINTS, universe)
    return replace(made, data=replace(made.data, digests=digests))


def manifest(points: GridPoints, *symbols: PlannedSymbol, portfolio: bool = False) -> Manifest:
    universe: Literal["each", "portfolio"] = "portfolio" if portfolio else "each"
    return Manifest("", "", make_identity(points, universe), (), symbols, points, 1)


def symbol(name: str, digest: str = "d", sessions_per_year: float = 252.0) -> PlannedSymbol:
    return PlannedSymbol(name, digest, 10, "2020-01-01", "2020-02-01", sessions_per_year)


def feed(digest: str) -> AuxiliaryIdentity:
    return AuxiliaryIdentity(Component("m:S", "0"), {}, "UTC", (), "index", digest)


def test_points_symbols_detail_and_benchmark_are_not_in_the_base_key() -> None:
    one = identity(a="1")
    assert base_key(one) == base_key(identity(a="2", b="1"))
    assert base_key(one) == base_key(replace(one, points=GridPoints({"k": [7]}).to_json()))
    others = ResultsIdentity("summary", "000300", one.results.periods_per_year)
    assert base_key(one) == base_key(replace(one, results=others))


@pytest.mark.parametrize(
    "change",
    [
        {"backfleet": "1" * 64},
        {"versions": {"numpy": "3.0"}},
        {"strategy": Component("mine:Mine", "1" * 64)},
        {"plugins": (Component("p:P", "1" * 64, "p"),)},
        {"engines": (Component("e:E", "1" * 64, "vector"),)},
        {"seed": 1},
        {"broker": BrokerSettings(cash=2.0, commission=0.0)},
        {"results": ResultsIdentity("full", "buy-and-hold", 252.0)},
    ],
    ids=lambda change: str(next(iter(change))),
)
def test_all_else_is_in_the_base_key(change: dict[str, Any]) -> None:
    one = identity(a="1")
    assert base_key(one) != base_key(replace(one, **change))


@pytest.mark.parametrize(
    "change", [{"start": "2020-01-01"}, {"warmup": 5}, {"auxiliary": {"i": feed("1")}}]
)
def test_the_data_apart_from_its_symbols_is_in_the_base_key(change: dict[str, Any]) -> None:
    one = identity(a="1")
    assert base_key(one) != base_key(replace(one, data=replace(one.data, **change)))


def test_the_digest_of_an_auxiliary_feed_is_in_the_base_key() -> None:
    one = identity()
    first, second = (
        replace(one, data=replace(one.data, auxiliary={"i": feed(digest)})) for digest in "12"
    )
    assert base_key(first) != base_key(second)


def test_a_portfolio_has_its_symbols_in_the_base_key() -> None:
    assert base_key(identity("portfolio", a="1")) != base_key(identity("portfolio", a="2"))
    assert base_key(identity("portfolio", a="1", b="1")) != base_key(
        identity("portfolio", b="1", a="1")
    )


def test_tasks_match_by_symbol_and_point() -> None:
    earlier = manifest(GridPoints({"k": [1, 2]}), symbol("a"), symbol("b"), symbol("c"))
    later = manifest(GridPoints({"k": [3, 2, 1]}), symbol("b"), symbol("c", "other"), symbol("d"))
    match = TaskMatch(later, earlier)
    assert match.earlier_tasks(np.arange(9)).tolist() == [-1, 3, 2, -1, -1, -1, -1, -1, -1]


def test_a_symbol_with_another_annualization_is_another_one() -> None:
    earlier = manifest(POINTS, symbol("a"))
    assert TaskMatch(manifest(POINTS, symbol("a", sessions_per_year=365.0)), earlier).is_empty


def test_a_portfolio_matches_with_all_of_its_symbols_only() -> None:
    both = manifest(POINTS, symbol("a"), symbol("b"), portfolio=True)
    assert not TaskMatch(both, both).is_empty
    assert TaskMatch(both, manifest(POINTS, symbol("a"), portfolio=True)).is_empty
