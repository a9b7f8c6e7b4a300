"""An axis has exactly the values that are written, clean to the last digit."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfleet.errors import JobError
from backfleet.job import Parameter, axis_values

WHOLE = Parameter.of("period", 15)
FRACTION = Parameter.of("rate", 0.5)
ANY = Parameter.of("level", None)

decimals = st.decimals(-1000, 1000, places=4, allow_nan=False).map(float)


def exact(value: float) -> Fraction:
    """The number that a float is written as."""
    return Fraction(repr(value))


@pytest.mark.parametrize(
    ("parameter", "spec", "values"),
    [
        (WHOLE, 15, (15,)),
        (WHOLE, [5, 10.0], (5, 10)),
        (WHOLE, {"start": 5, "stop": 20, "step": 5}, (5, 10, 15, 20)),
        (WHOLE, {"start": 5, "stop": 19, "step": 5}, (5, 10, 15)),
        (WHOLE, {"start": 20, "stop": 5, "step": -5}, (20, 15, 10, 5)),
        (WHOLE, {"start": 5, "stop": 5, "step": 5}, (5,)),
        (FRACTION, {"start": 0.1, "stop": 0.5, "step": 0.1}, (0.1, 0.2, 0.3, 0.4, 0.5)),
        (FRACTION, {"start": 1, "stop": 2, "step": 1}, (1.0, 2.0)),
        (ANY, {"start": 1, "stop": 2, "step": 1}, (1, 2)),
        (ANY, {"start": 1, "stop": 2, "step": 0.5}, (1.0, 1.5, 2.0)),
        (ANY, [1, 2.5], (1.0, 2.5)),
        (ANY, [None, "x"], (None, "x")),
        (FRACTION, {"low": 0, "high": 1, "count": 6}, (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)),
        (
            FRACTION,
            {"low": 0.001, "high": 10, "log": True, "count": 5},
            (0.001, 0.01, 0.1, 1.0, 10.0),
        ),
        (WHOLE, {"low": 1, "high": 1000, "log": True, "count": 4}, (1, 10, 100, 1000)),
        (WHOLE, {"low": 5, "high": 61, "log": False, "count": 3}, (5, 33, 61)),
        (WHOLE, {"low": 5, "high": 60, "log": True, "count": 3}, (5, 17, 60)),
        (WHOLE, {"value": 7}, (7,)),
        (Parameter.of("on", False), [True, False], (True, False)),
        (Parameter.of("ls", [1]), {"value": [1, 2]}, ([1, 2],)),
        (Parameter.of("ls", [1]), [[1, 2], [3]], ([1, 2], [3])),
    ],
)
def test_each_form_gives_its_values_in_order(
    parameter: Parameter, spec: object, values: tuple[object, ...]
) -> None:
    computed = axis_values(parameter, spec)
    assert computed == values
    assert [type(value) for value in computed] == [type(value) for value in values]


@given(decimals, decimals.filter(bool), st.integers(0, 300), st.floats(0, 0.99))
def test_steps_are_the_floats_nearest_to_the_exact_numbers(
    start: float, step: float, steps: int, beyond: float
) -> None:
    stop = exact(start) + exact(step) * steps + Fraction(round(beyond * 100), 100) * exact(step)
    values = axis_values(FRACTION, {"start": start, "stop": float(stop), "step": step})
    # A stop that is no short decimal may itself have been rounded across a step.
    assert len(values) == (exact(float(stop)) - exact(start)) / exact(step) // 1 + 1
    assert list(values) == [float(exact(start) + i * exact(step)) for i in range(len(values))]


@given(st.floats(-1e300, 1e300), st.floats(-1e300, 1e300), st.integers(2, 100))
def test_linear_points_are_the_floats_nearest_to_the_exact_numbers(
    a: float, b: float, count: int
) -> None:
    low, high = min(a, b), max(a, b)
    exactly = [
        exact(low) + (exact(high) - exact(low)) * Fraction(i, count - 1) for i in range(count)
    ]
    expected = [float(value) for value in exactly]
    spec = {"low": low, "high": high, "count": count}
    if low == high or len(set(expected)) < count:
        with pytest.raises(JobError, match=r"params\.rate"):
            axis_values(FRACTION, spec)
    else:
        assert list(axis_values(FRACTION, spec)) == expected


@given(
    st.decimals("0.001", "100", places=3).map(float),
    st.integers(2, 60),
    st.integers(2, 50),
)
def test_logarithmic_points_keep_a_constant_factor_and_both_ends(
    low: float, factor: int, count: int
) -> None:
    high = low * factor
    values = axis_values(FRACTION, {"low": low, "high": high, "log": True, "count": count})
    assert (values[0], values[-1], len(values)) == (low, high, count)
    for i, value in enumerate(values):
        assert isinstance(value, float)
        assert math.isclose(value, low * (high / low) ** (i / (count - 1)), rel_tol=1e-12)


@pytest.mark.parametrize(
    ("parameter", "spec", "message"),
    [
        (WHOLE, [], r"params\.period = \[\]: has no values"),
        (WHOLE, [5, 5.0], r"params\.period = 5: is listed twice"),
        (WHOLE, [5, "x"], r"params\.period\[1\] = \"x\": must be a whole number"),
        (WHOLE, {"start": 1, "stop": 5, "step": 0}, r"params\.period\.step = 0: .* zero"),
        (WHOLE, {"start": 1, "stop": 5, "step": -1}, r"params\.period\.step = -1: has the wrong"),
        (WHOLE, {"start": 1, "stop": 2, "step": 0.5}, r"params\.period = 1\.5: must be a whole"),
        (WHOLE, {"start": 1, "stop": 10**9, "step": 1}, "1,000,000,000 values"),
        (FRACTION, {"start": 0, "stop": 1e308, "step": 1e-300}, "values; at most 100,000"),
        (WHOLE, {"start": True, "stop": 5, "step": 1}, r"params\.period\.start = true"),
        (FRACTION, {"start": math.nan, "stop": 5, "step": 1}, r"start = NaN: .* finite"),
        (FRACTION, {"start": 1, "stop": math.inf, "step": 1}, r"stop = Infinity: .* finite"),
        (FRACTION, {"start": 1, "stop": 10**400, "step": 1}, r"stop = 1000.*: .* finite"),
        (WHOLE, {"start": 1, "stop": 5}, r"params\.period = .*: step missing"),
        (WHOLE, {"start": 1, "stop": 5, "stepp": 1}, "not 'stepp'; did you mean 'step'"),
        (WHOLE, {}, r"takes \{start, stop, step\}"),
        (WHOLE, {"low": 5, "high": 1, "count": 3}, r"params\.period\.low = 5: .* less than high"),
        (WHOLE, {"low": 1, "high": 5, "count": 1}, r"params\.period\.count = 1: .* at least 2"),
        (WHOLE, {"low": 1, "high": 5, "count": 2.5}, r"params\.period\.count = 2\.5"),
        (WHOLE, {"low": 1, "high": 5, "count": 10**7}, "10,000,000 values"),
        (WHOLE, {"low": 1, "high": 3, "count": 9}, r"period\.count = 9: .* use count = 3$"),
        (WHOLE, {"low": 10, "high": 15, "count": 4}, r"count = 4: .*1\.66667, .* count = 2 or 6$"),
        (WHOLE, {"low": 1, "high": 3, "log": True, "count": 9}, r"count = 9: .* smaller count"),
        (WHOLE, {"low": 1.5, "high": 3, "count": 2}, r"period\.low = 1\.5: .* not rounded"),
        (WHOLE, {"low": 0, "high": 5, "log": True, "count": 3}, r"period\.low = 0: .* positive"),
        (WHOLE, {"low": 1, "high": 5, "log": 1, "count": 3}, r"period\.log = 1: .* true or false"),
        (WHOLE, {"value": [5]}, r"params\.period\.value = \[5\]: must be a whole number"),
        (ANY, [1, "x"], r"params\.level = .*: mixes types"),
        (ANY, [True, 1], r"params\.level = .*: mixes types"),
        (Parameter.of("ls", [1]), [1, 2], r"params\.ls\[0\] = 1: .*\{value = \[...\]\}"),
        (Parameter.of("mode", "a"), {"start": 1, "stop": 2, "step": 1}, "must be text"),
    ],
)
def test_what_makes_no_axis_is_refused_with_its_path(
    parameter: Parameter, spec: object, message: str
) -> None:
    with pytest.raises(JobError, match=message):
        axis_values(parameter, spec)
