"""Words for metrics, and tables as the page's script reads them."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from backfleet.chunks.column_names import METRICS
from backfleet.report.data_table import data_table, heading_of
from backfleet.report.metric_words import format_value, metric_words, notation
from backfleet.report.thinning import MOST_POINTS, thinned


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_has_a_label_and_its_documented_formula(name: str) -> None:
    words = metric_words(name)
    assert words.label != name
    assert words.formula.endswith((".", ")."))


def test_the_letters_of_the_formulas_are_explained() -> None:
    assert "p the number of periods a year" in notation()


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("sharpe", 1.23456, "1.235"),
        ("total_return", -0.12345, "-12.35%"),
        ("final_value", 1234567.891, "1,234,567.89"),
        ("trades", 1234, "1,234"),
        ("mine", 1234.5678, "1,234.57"),
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
    short = thinned(series)
    assert len(short) <= MOST_POINTS
    assert {0, 49_999, series.idxmin(), series.idxmax()} <= set(short.index)
    assert thinned(series.head(10)).equals(series.head(10))
