"""Quantities come out in seconds and bytes, and nonsense is refused with advice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfleet.job.quantities import parse_duration, parse_memory


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5 min", 300.0),
        ("5min", 300.0),
        ("1.5 h", 5400.0),
        ("90 s", 90.0),
        ("2 days", 172800.0),
        ("0.1 s", 0.1),
        (90, 90.0),
        (0.5, 0.5),
    ],
)
def test_durations_are_seconds(text: object, seconds: float) -> None:
    assert parse_duration(text) == seconds
    assert isinstance(parse_duration(text), float)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("2 GiB", 2 * 1024**3),
        ("512 MiB", 512 * 1024**2),
        ("512 mib", 512 * 1024**2),
        ("2 GB", 2 * 10**9),
        ("1.5 KiB", 1536),
        ("0.3 KiB", 307),
        (1024, 1024),
    ],
)
def test_sizes_are_bytes(text: object, size: int) -> None:
    assert parse_memory(text) == size
    assert isinstance(parse_memory(text), int)


@given(st.integers(1, 10**6), st.sampled_from(["KiB", "MiB", "GiB"]))
def test_binary_units_are_powers_of_1024(number: int, unit: str) -> None:
    power = {"KiB": 1, "MiB": 2, "GiB": 3}[unit]
    assert parse_memory(f"{number} {unit}") == number * 1024**power


@pytest.mark.parametrize(
    "value",
    [
        "",
        "5",
        "min",
        "-5 min",
        "5 min 3 s",
        "0 s",
        0,
        -1,
        True,
        None,
        [5],
        float("nan"),
        float("inf"),
        10**400,
        "5 fortnights",
    ],
)
def test_what_is_no_duration_is_refused_with_an_example(value: object) -> None:
    with pytest.raises(ValueError, match="such as '5 min'"):
        parse_duration(value)


def test_an_unknown_unit_is_named() -> None:
    with pytest.raises(ValueError, match="unknown unit 'GiBi'"):
        parse_memory("2 GiBi")
