"""`backfleet new` on the command line."""

from __future__ import annotations

import pytest

from workshop import Ask, Workshop


def test_it_says_what_to_do_next(ask: Ask, workshop: Workshop) -> None:
    answer = ask("new strategy my-factor --kind backtrader")
    assert answer.code == 0
    assert "src/my_factor/strategy.py" in answer.out
    assert "backfleet check my-factor" in answer.out
    text = (workshop.folder / "my-factor" / "src" / "my_factor" / "strategy.py").read_text()
    assert "class MyFactor(bt.Strategy)" in text


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("MyFactor", "did you mean 'my-factor'"),
        ("sma-crossover", "already exists"),
        ("my-own --kind vektor", "'vektor' is not one of"),
        ("", "Missing argument 'NAME'"),
    ],
)
def test_a_bad_request_makes_nothing(ask: Ask, workshop: Workshop, line: str, reason: str) -> None:
    before = sorted(workshop.folder.iterdir())
    answer = ask(f"new strategy {line}")
    assert answer.code == 2
    assert reason in answer.err
    assert sorted(workshop.folder.iterdir()) == before


def test_an_existing_folder_is_left_alone(ask: Ask, workshop: Workshop) -> None:
    folder = workshop.folder / "taken"
    folder.mkdir()
    answer = ask("new strategy taken")
    assert answer.code == 2
    assert "taken already exists" in answer.err
    assert not list(folder.iterdir())
