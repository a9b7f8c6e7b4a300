"""Metrics of strategies and plugins enter rows in one place, by one rule for values and names."""

from __future__ import annotations

import math

import numpy as np
import pytest

from backfleet.worker.own_metrics import own_columns


def test_numpy_scalars_become_plain_scalars() -> None:
    metrics = {
        "flag": np.bool_(True),
        "count": np.int32(3),
        "share": np.float32(0.5),
        "long": np.longdouble(0.25),
        "nothing_but_a_number": np.array(2.0),
        "word": np.str_("up"),
        "none": None,
    }
    columns = own_columns(metrics, [])

    assert list(columns.values()) == [True, 3, 0.5, 0.25, 2.0, "up", None]
    types = [bool, int, float, float, float, str, type(None)]
    assert [type(value) for value in columns.values()] == types


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, np.float32("nan")])
def test_an_undefined_number_becomes_none(value: float) -> None:
    assert own_columns({"a": value}, []) == {"a": None}


def test_large_integers_keep_all_digits() -> None:
    assert own_columns({"a": 2**60 + 1, "b": np.uint64(2**64 - 1)}, []) == {
        "a": 2**60 + 1,
        "b": 2**64 - 1,
    }


def test_text_that_utf8_cannot_encode_is_escaped() -> None:
    assert own_columns({"a\udc80": "b\udc80"}, []) == {"a\\udc80": "b\\udc80"}


def test_a_name_of_another_column_gets_a_prefix_whatever_its_case() -> None:
    columns = own_columns({"Trades": 1, "PERIOD": 2, "mine": 3}, ["period"])

    assert columns == {"metric_Trades": 1, "metric_PERIOD": 2, "mine": 3}


@pytest.mark.parametrize("names", [("Hits", "hits"), ("sharpe", "metric_sharpe")])
def test_two_metrics_of_one_column_are_an_error(names: tuple[str, str]) -> None:
    message = f"metrics '{names[0]}' and '{names[1]}' would be one column"
    with pytest.raises(ValueError, match=message):
        own_columns(dict.fromkeys(names, 1.0), [])


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        ({"curve": [1.0]}, r"metrics\['curve'\] must be a bool, int, float, str or None, not list"),
        ({"when": np.datetime64("2020-01-01")}, r"metrics\['when'\] must be .* not date"),
        ({"two": np.zeros(2)}, r"metrics\['two'\] must be .* not ndarray"),
        ({3: 1.0}, "the key 3 is not a str"),
        ([1.0], "metrics must be a dict, not list"),
    ],
)
def test_metrics_that_are_no_scalars_are_reported_by_name(metrics: object, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        own_columns(metrics, [])


def test_an_integer_beyond_all_floats_is_an_error() -> None:
    with pytest.raises(OverflowError):
        own_columns({"a": 10**400}, [])
