"""Words for metrics, and tables as the page's script reads them."""

from __future__ import annotations

import base64
import math

import numpy as np
import pandas as pd
import pytest

from backfleet.chunks.column_names import METRICS
from backfleet.report.data_table import Heading, data_table, heading_of
from backfleet.report.downsample import MAX_POINTS, downsample
from backfleet.report.metric_labels import format_value, metric_label, notation


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_has_a_label_and_its_documented_formula(name: str) -> None:
    words = metric_label(name)
    assert words.label != name
    assert words.formula.endswith((".", ")."))


def test_the_letters_of_the_formulas_are_explained() -> None:
    assert "p the number of periods per year" in notation()


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("sharpe", 1.23456, "1.235"),
        ("total_return", -0.12345, "-12.35%"),
        ("final_value", 1234567.891, "1,234,567.89"),
        ("trades", 1234, "1,234"),
        ("mine", 1234.5678, "1,234.57"),
        ("total_return", -0.00004, "0.00%"),
        ("sharpe", -0.0004, "0.000"),
        ("final_value", -0.001, "0.00"),
        ("mine", -0.0, "0"),
        ("sharpe", None, "–"),
        ("sharpe", math.nan, "–"),
    ],
)
def test_numbers_are_written_in_the_form_of_their_metric(
    name: str, value: float | None, text: str
) -> None:
    assert format_value(name, value) == text


def test_a_column_of_a_strategy_keeps_its_name() -> None:
    column = pd.Series([1.0], name="mine")
    assert heading_of("mine", column).label == "mine"
    assert heading_of("words", pd.Series(["a"])).form == "text"


def test_text_flags_and_gaps_become_codes() -> None:
    frame = pd.DataFrame({"flag": [True, False, True], "text": ["a", None, "a"]})
    table = data_table(frame, [heading_of(str(name), frame[name]) for name in frame])
    flag, text = table["columns"]
    assert flag["texts"] == ["true", "false"]
    assert text["texts"] == ["a"]


def test_a_long_series_keeps_its_ends_and_extremes() -> None:
    series = pd.Series(np.random.default_rng(1).normal(size=50_000).cumsum())
    short = downsample(series)
    assert len(short) <= MAX_POINTS
    assert {0, 49_999, series.idxmin(), series.idxmax()} <= set(short.index)
    assert downsample(series.head(10)).equals(series.head(10))


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1.0, -128.0], "i1"),
        ([1.0, 128.0], "i2"),
        ([40_000.0], "i4"),
        ([3e9], "f8"),
        ([1.0, math.nan], "f8"),
        ([0.5], "f8"),
        ([-0.0], "f8"),
        ([], "f8"),
    ],
)
def test_whole_numbers_take_few_bytes_and_no_bit_is_lost(values: list[float], kind: str) -> None:
    column = data_table(pd.DataFrame({"x": values}, dtype=float), [Heading("x", "X", "number")])
    block = column["columns"][0]
    assert block["type"] == kind
    numbers = np.frombuffer(base64.b64decode(block["numbers"]), f"<{kind}").astype("<f8")
    assert numbers.tobytes() == np.array(values, "<f8").tobytes()
