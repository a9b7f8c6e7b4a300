"""Amounts of money in words."""

from __future__ import annotations

import pytest

from backfleet.cost import money


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        (None, "0.00"),
        (0.0, "0.00"),
        (1234.567, "1,234.57"),
        (0.1, "0.10"),
        (0.0123, "0.012"),
        (0.0009803, "0.00098"),
        (8.333e-05, "0.000083"),
    ],
)
def test_small_amounts_have_two_digits_and_no_exponent(amount: float | None, words: str) -> None:
    assert money(amount) == words
