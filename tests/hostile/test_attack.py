"""The harness itself sees each kind of fault."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from hostile.attack import Case, Ground, assert_withstood, attack, problems


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    return Ground(
        tmp_path / "ground",
        preload=["hostile.faults"],
        secrets=["hidden"],
        cpu_seconds=0.5,
    )


def case(function: str, *arguments: object) -> Case:
    files = {"given.txt": b"content", "fifo": None}
    texts = tuple(map(str, arguments))
    return Case(function, texts, f"hostile.faults:{function}", files, stdin=" and more")


def test_each_kind_of_fault_is_seen(ground: Ground, tmp_path: Path) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text("outside")
    cases = {
        case("raises"): "shows a traceback",
        case("spins"): "took more than 0.5 s of CPU time",
        case("computes"): "took more than 0.5 s of CPU time",
        case("allocates"): "shows a traceback",
        case("says_nothing"): "says nothing",
        case("says_much"): "prints 100 lines",
        case("dies"): "was killed by SIGABRT",
        case("reads", outside): f"read {outside}",
        case("writes", outside): f"write {outside}",
        case("removes", outside): f"write {outside}",
        case("renames", outside): f"write {outside}",
        case("starts"): "start ",
        case("signals", os.getpid()): f"signal {os.getpid()}",
        case("reveals"): "printed the secret 'hidden'",
    }
    outcomes = attack(list(cases), ground)
    texts = {
        attacked.name: problems(attacked, outcome, ground)
        for attacked, outcome in zip(cases, outcomes, strict=True)
    }
    unseen = {
        attacked.name: texts[attacked.name]
        for attacked, problem in cases.items()
        if not any(problem in text for text in texts[attacked.name])
    }
    assert not unseen
    # The harness saw the changes, and prevented them.
    assert outside.read_text() == "outside"


def test_a_case_that_waits_without_end_is_seen(ground: Ground) -> None:
    attacked, briefly = case("waits"), replace(ground, wait_seconds=2.0)
    (outcome,) = attack([attacked], briefly)

    assert problems(attacked, outcome, briefly) == ["is blocked"]


def test_a_device_can_be_written_to(ground: Ground) -> None:
    (outcome,) = attack([case("writes", "/dev/null")], ground)

    assert (outcome.code, outcome.effects) == (0, ())


def test_a_case_without_fault_is_withstood(ground: Ground) -> None:
    (outcome,) = assert_withstood([case("works")], ground)

    assert (outcome.code, outcome.out) == (0, "content and more\n")
    assert outcome.effects == ()


def test_a_failure_names_the_case_and_shows_its_input(ground: Ground) -> None:
    with pytest.raises(AssertionError, match=r"1 of 2 .*(?s:.)*raises: .*(?s:.)*given.txt"):
        assert_withstood([case("works"), case("raises")], ground)


def test_the_command_line_answers_within_the_harness(tmp_path: Path) -> None:
    ground = Ground(tmp_path / "ground")
    cases = [
        Case("help", ("--help",)),
        Case("no job", ("run", "missing.toml", "--dry-run")),
        Case("runs", ("runs",)),
    ]
    outcomes = assert_withstood(cases, ground)

    assert [outcome.code for outcome in outcomes] == [0, 2, 0]
    assert "there is no job file missing.toml" in outcomes[1].err
