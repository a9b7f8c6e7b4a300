"""What a strategy says is made fit for a row, or refused where the task can be blamed."""

from __future__ import annotations

import json
import re
from bdb import BdbQuit

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfleet.worker.storable import MAX_ERROR_CHARS, describe_error, storable

any_text = st.text(st.characters(codec=None))


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


@given(any_text)
def test_any_text_becomes_one_that_utf8_can_hold(text: str) -> None:
    kept = storable(text)

    assert kept.encode().decode() == kept
    if not any("\ud800" <= character <= "\udfff" for character in text):
        assert kept == text


@given(any_text)
def test_an_errors_message_can_be_stored_and_is_not_endless(message: str) -> None:
    described = describe_error(ValueError(message * 500), "acme")

    assert described.startswith("ValueError")
    assert len(described.encode().decode()) <= 12 * MAX_ERROR_CHARS


def test_who_changes_bars_is_told_where() -> None:
    def targets(close: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
        close[0] = 1.0

    close = np.ones(3)
    close.flags.writeable = False
    with pytest.raises(ValueError, match="read-only") as caught:
        targets(close)
    described = describe_error(caught.value, __name__.partition(".")[0])
    assert described.startswith("ValueError: assignment destination is read-only; bars cannot be")
    assert re.search(r"only copies of them \(test_storable.py, line \d+, in targets\)$", described)


def test_an_error_is_placed_in_the_deepest_code_of_the_strategy() -> None:
    def next_bar() -> None:
        json.loads("{")

    with pytest.raises(ValueError, match="Expecting") as caught:
        next_bar()
    elsewhere = describe_error(caught.value, "acme")
    assert re.fullmatch(
        re.escape(elsewhere) + r" \(test_storable.py, line \d+, in next_bar\)",
        describe_error(caught.value, __name__.partition(".")[0]),
    )


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (BdbQuit(), "BdbQuit; a worker has no terminal for breakpoint(): run 'backfleet debug"),
        (EOFError("EOF when reading a line"), "EOFError: EOF when reading a line; a worker has no"),
    ],
)
def test_a_strategy_that_waits_for_the_terminal_is_told_what_to_do(
    error: Exception, hint: str
) -> None:
    assert describe_error(error, "acme").startswith(hint)


def test_an_end_of_file_that_is_not_the_terminals_has_no_hint() -> None:
    assert describe_error(EOFError("Ran out of input"), "acme") == "EOFError: Ran out of input"


def test_equal_errors_are_described_alike_wherever_they_are_raised() -> None:
    first, second = (describe_error(KeyError(object()), "acme") for _ in range(2))

    assert first == second == "KeyError: <object object at 0x...>"
    assert (
        describe_error(ValueError("limit 0x10 at 0.5"), "acme") == "ValueError: limit 0x10 at 0.5"
    )


def test_an_error_without_words_is_described_by_its_type() -> None:
    assert describe_error(ValueError(), "acme") == "ValueError"
    assert describe_error(Mute(), "acme") == "Mute: (its message cannot be shown)"
