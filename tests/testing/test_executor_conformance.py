"""The conformance tests of executors hold for the local executor and find executors at fault."""

from __future__ import annotations

import pytest

from backfleet.executor import (
    Cost,
    Diagnosable,
    Executor,
    Prewarmed,
    Priced,
    Recoverable,
    Remote,
    Workload,
)
from backfleet.testing import ExecutorConformance
from backfleet_executors.local import LocalExecutor

GROUPS = {Remote, Priced, Recoverable, Diagnosable, Prewarmed}


class TestLocal(ExecutorConformance):
    executor = "local"
    options = ("workers=2",)

    def test_it_implements_two_groups(self) -> None:
        groups = {group for group in GROUPS if issubclass(LocalExecutor, group)}
        assert groups == {Prewarmed, Recoverable}


class Overlooked(LocalExecutor):
    """Defines a method of a group without being of the group, so that core never calls it."""

    def cost(self, work: Workload, shards: int) -> Cost | None:
        return Cost(1.0, "USD", "one dollar")


def test_a_method_of_a_group_that_the_executor_is_not_of_is_a_fault() -> None:
    class Tests(ExecutorConformance):
        executor = "overlooked"

        def _open(self) -> Executor:
            return Overlooked(LocalExecutor.Settings())

    with pytest.raises(AssertionError, match="cost"):
        Tests().test_more_work_never_costs_less()


def test_an_executor_without_groups_has_the_neutral_behavior() -> None:
    executor = Overlooked(LocalExecutor.Settings())
    assert Remote.of(executor).installed() is None
    assert Remote.of(executor).stage_data("data", ["600519"]) == "data"
    assert Remote.of(executor).results_store("runs") == "runs"
    assert [*Diagnosable.of(executor).diagnose(), *Diagnosable.of(executor).diagnose_live()] == []
    assert Recoverable.of(executor) is executor
