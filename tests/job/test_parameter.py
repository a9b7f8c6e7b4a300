"""A parameter takes the type of its default, and nothing else."""

from __future__ import annotations

import json
import math
from enum import Enum, IntEnum

import pytest

from backfleet.errors import JobError
from backfleet.job import Parameter
from backfleet.job.parameter import Value

BIG = 2**63


class Mode(str, Enum):  # noqa: UP042  # str() of a StrEnum gives its text
    FAST = "fast"
    SLOW = "slow"


class Level(IntEnum):
    HIGH = 3


@pytest.mark.parametrize(
    ("default", "given", "expected"),
    [
        (15, 5, 5),
        (15, 5.0, 5),
        (1.5, 2, 2.0),
        (1.5, 0.25, 0.25),
        (1.5, -0.0, 0.0),
        (True, False, False),
        ("a", "b", "b"),
        (None, 5, 5),
        (None, 5.5, 5.5),
        (None, "x", "x"),
        (None, True, True),
        (None, None, None),
        ([1, 2], [3], [3]),
        ((1, 2), (3, "x", [4]), [3, "x", [4]]),
        (Mode.FAST, "slow", "slow"),
        (Mode.FAST, Mode.SLOW, "slow"),
        (Level.HIGH, Level.HIGH, 3),
    ],
)
def test_a_value_takes_the_type_of_the_default(
    default: object, given: object, expected: Value
) -> None:
    value = Parameter.of("p", default).coerce(given)
    assert (value, type(value)) == (expected, type(expected))
    if isinstance(value, float):
        assert math.copysign(1, value) == math.copysign(1, expected)


@pytest.mark.parametrize(
    ("default", "given"),
    [
        (15, 5.5),
        (15, True),
        (15, "5"),
        (15, None),
        (15, [5]),
        (15, BIG),
        (15, 1e300),
        (15, math.nan),
        (1.5, True),
        (1.5, "1"),
        (1.5, math.inf),
        (1.5, math.nan),
        (1.5, BIG),
        (True, 1),
        (True, "true"),
        ("a", 5),
        ("a", True),
        (None, [5]),
        (None, math.nan),
        (None, Mode.FAST),
        (None, BIG),
        ([1], 5),
        ([1], "x"),
        ([1], [math.nan]),
        ([1], [None]),
    ],
)
def test_another_type_is_refused_with_path_and_value(default: object, given: object) -> None:
    with pytest.raises(JobError, match=r"^params\.period = .*: \w+") as caught:
        Parameter.of("period", default).coerce(given)
    assert "\n" not in str(caught.value)


def test_the_error_shows_the_value_and_the_key_it_is_given() -> None:
    with pytest.raises(JobError, match=r"params\.period\[3\] = 5\.5: must be a whole number"):
        Parameter.of("period", 15).coerce(5.5, "params.period[3]")


def test_a_long_value_is_cut_in_the_error() -> None:
    with pytest.raises(JobError) as caught:
        Parameter.of("period", 15).coerce("x" * 1000)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("default", "kind", "describable"),
    [
        (5, "int", True),
        (5.0, "float", True),
        (True, "bool", True),
        ("x", "str", True),
        (None, "any", True),
        ((1, 2), "list", True),
        (math.inf, "float", False),
        ([object()], "list", False),
        (print, "any", False),
        (int, "any", False),
        (BIG, "int", False),
        (Mode.FAST, "str", False),
        (Level.HIGH, "int", False),
    ],
)
def test_the_kind_follows_from_the_default(default: object, kind: str, describable: bool) -> None:
    parameter = Parameter.of("p", default)
    assert (parameter.kind, parameter.describable) == (kind, describable)


@pytest.mark.parametrize("default", [5, 5.5, True, "x", None, [1, [2, "a"]], print])
def test_a_parameter_survives_json(default: object) -> None:
    parameter = Parameter.of("p", default, doc="One line.")
    assert Parameter.from_json(json.loads(json.dumps(parameter.to_json()))) == parameter


def test_a_list_is_copied_so_that_the_given_one_can_change() -> None:
    given = [1, [2]]
    value = Parameter.of("p", [0]).coerce(given)
    given[1].append(3)  # type: ignore[attr-defined]  # the list in the list
    assert value == [1, [2]]
