"""`where` means what Python means, point by point, and can do nothing else."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backfleet.errors import JobError
from backfleet.job.where import Where

NAMES = ("fast", "slow", "rate", "mode", "flag")

Meaning = Callable[[Mapping[str, Any]], Any]
Expression = tuple[str, Meaning]
"""A text, and what it means for one point, built up from Python's own operators side by side."""

NUMBERS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}
DIVISIONS = {"//": operator.floordiv, "%": operator.mod}
COMPARISONS = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


def name(column: str) -> Expression:
    return column, lambda point: point[column]


def constant(value: object) -> Expression:
    return repr(value), lambda point: value


def operation(symbol: str, left: Expression, right: Expression) -> Expression:
    act = (NUMBERS | DIVISIONS | COMPARISONS)[symbol]
    return f"({left[0]} {symbol} {right[0]})", lambda p: act(left[1](p), right[1](p))


def chained(a: Expression, first: str, b: Expression, second: str, c: Expression) -> Expression:
    one, two = COMPARISONS[first], COMPARISONS[second]
    return (
        f"({a[0]} {first} {b[0]} {second} {c[0]})",
        lambda p: one(a[1](p), b[1](p)) and two(b[1](p), c[1](p)),
    )


def member(a: Expression, options: list[Expression], negated: bool) -> Expression:
    word = "not in" if negated else "in"
    return (
        f"({a[0]} {word} ({' '.join(text + ',' for text, _ in options)}))",
        lambda p: (a[1](p) in [option(p) for _, option in options]) != negated,
    )


numbers = st.recursive(
    st.sampled_from(["fast", "slow", "rate"]).map(name)
    | st.integers(0, 9).map(constant)
    | st.sampled_from([0.5, 0.1, 3.0]).map(constant),
    lambda inner: (
        st.builds(operation, st.sampled_from(sorted(NUMBERS | DIVISIONS)), inner, inner)
        | inner.map(lambda term: (f"(-{term[0]})", lambda p: -term[1](p)))
    ),
    max_leaves=4,
)
texts = st.just(name("mode")) | st.sampled_from(["a", "b", ""]).map(constant)
conditions = st.recursive(
    st.builds(operation, st.sampled_from(sorted(COMPARISONS)), numbers, numbers)
    | st.builds(operation, st.sampled_from(sorted(COMPARISONS)), texts, texts)
    | st.builds(
        chained,
        numbers,
        st.sampled_from(sorted(COMPARISONS)),
        numbers,
        st.sampled_from(sorted(COMPARISONS)),
        numbers,
    )
    | st.builds(member, numbers, st.lists(numbers, min_size=1, max_size=3), st.booleans())
    | st.builds(member, texts, st.lists(texts, min_size=1, max_size=3), st.booleans())
    | st.sampled_from([name("flag"), ("true", lambda p: True), ("false", lambda p: False)]),
    lambda inner: (
        st.builds(
            lambda a, b: (f"({a[0]} and {b[0]})", lambda p: a[1](p) and b[1](p)), inner, inner
        )
        | st.builds(
            lambda a, b: (f"({a[0]} or {b[0]})", lambda p: a[1](p) or b[1](p)), inner, inner
        )
        | inner.map(lambda term: (f"(not {term[0]})", lambda p: not term[1](p)))
    ),
    max_leaves=5,
)
points = st.lists(
    st.fixed_dictionaries(
        {
            "fast": st.integers(-5, 5),
            "slow": st.integers(0, 100),
            "rate": st.sampled_from([0.0, 0.1, 0.5, -2.5, 3.0]),
            "mode": st.sampled_from(["a", "b", "c"]),
            "flag": st.booleans(),
        }
    ),
    max_size=12,
)


def columns(rows: list[dict[str, Any]]) -> dict[str, np.ndarray[Any, Any]]:
    types = {"fast": "i8", "slow": "i8", "rate": "f8", "mode": "O", "flag": "?"}
    return {
        column: np.array([row[column] for row in rows], dtype) for column, dtype in types.items()
    }


def mask(text: str, rows: list[dict[str, Any]]) -> list[bool]:
    selected = Where.parse(text, NAMES).mask(columns(rows), len(rows))
    assert selected.dtype == np.bool_
    kept: list[bool] = selected.tolist()
    return kept


def row(**values: Any) -> dict[str, Any]:
    return {"fast": 5, "slow": 20, "rate": 0.5, "mode": "a", "flag": True} | values


@settings(max_examples=400)
@given(conditions, points)
def test_a_condition_holds_where_python_says_so(
    expression: Expression, rows: list[dict[str, Any]]
) -> None:
    text, meaning = expression
    try:
        expected = [bool(meaning(point)) for point in rows]
    except ZeroDivisionError:
        with pytest.raises(JobError, match="divides by zero"):
            mask(text, rows)
    else:
        assert mask(text, rows) == expected


@given(conditions, points)
def test_the_canonical_text_means_the_same_and_stays(
    expression: Expression, rows: list[dict[str, Any]]
) -> None:
    text, meaning = expression
    where = Where.parse(text, NAMES)
    assert Where.parse(where.text, NAMES).text == where.text
    try:
        expected = [bool(meaning(point)) for point in rows]
    except ZeroDivisionError:
        return
    assert mask(where.text, rows) == expected


def test_spaces_and_parentheses_make_no_other_text() -> None:
    texts = ["fast<slow and true", "(  (fast < slow)\n and (true))", " fast < slow and True "]
    assert len({Where.parse(text, NAMES).text for text in texts}) == 1
    assert Where.parse("fast in [1, 2]", NAMES).text == Where.parse("fast in (1,2)", NAMES).text


def test_only_the_parameters_looked_at_are_named() -> None:
    assert Where.parse("slow > 3 and true and slow < rate", NAMES).names == ("rate", "slow")


def test_and_and_or_look_no_further_than_they_must() -> None:
    rows = [row(fast=0), row(fast=2), row(fast=5)]
    assert mask("fast != 0 and slow / fast > 5", rows) == [False, True, False]
    assert mask("fast == 0 or slow / fast > 5", rows) == [True, True, False]
    assert mask("0 < fast < slow / fast", rows) == [False, True, False]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fast < slov", "no parameter is called 'slov'; did you mean 'slow'"),
        ("fast < ", "at character 8: "),
        ("fast << slow)", "at character 13: "),
        ("fast <\n slow", "at character 7: "),
        ("", "at character 1: "),
        ("(" * 300, "too many nested parentheses"),
        ("fast < slow\0", "null bytes"),
        ("fast < mode", "compares a number with text"),
        ("flag == 1", "compares true or false with a number"),
        ("mode in ('a', 5)", "compares text with a number"),
        ("mode + 'x' == 'ax'", "calculates with text in \"mode \\+ 'x'\""),
        ("-flag < 1", "calculates with true or false"),
        ("not fast", "uses a number as a condition"),
        ("fast and slow", "uses a number as a condition"),
        ("fast", "is a value, not a condition"),
        ("slow / (fast - fast) > 1", "divides by zero in 'slow / \\(fast - fast\\)'"),
        ("slow % 0 == 1", "divides by zero"),
        ("fast * 4611686018427387904 > 1", "does not fit into 64 bits"),
        ("fast < 99999999999999999999", "does not fit into 64 bits"),
        ("rate < 1e999", "does not fit into 64 bits"),
        ("rate * 1e308 * 1e308 > 1", "too large"),
        ("fast + 9007199254740993 > rate", "a fraction cannot hold"),
        ("fast in slow", "`in` needs values in parentheses"),
        ("fast in (5)", "`in` needs values in parentheses"),
        ("fast in (5,) in (6,)", "not allowed"),
        ("(fast, slow) == (1, 2)", "not allowed"),
        ("fast is slow", "Is is not allowed"),
        ("fast ** 2 > 1", "'fast \\*\\* 2' is not allowed"),
        ("fast << 2 > 1", "not allowed"),
        ("~fast > 1", "not allowed"),
        ("fast if flag else slow", "not allowed"),
        ("fast == None", "'None' is not allowed"),
        ("fast == 1j", "not allowed"),
        ("mode == b'a'", "not allowed"),
        ("mode == f'{fast}'", "not allowed"),
        ("mode[0] == 'a'", "not allowed"),
        ("mode.upper() == 'A'", "not allowed"),
        ("(lambda: flag)()", "not allowed"),
        ("[x for x in (1, 2)] == 1", "not allowed"),
        ("(fast := 5) > 1", "not allowed"),
        ("__import__('os').system('true')", "not allowed"),
        ("not " * 60 + "flag", "nested more than 50 deep"),
        ("fast < 5 and " * 100 + "flag", "longer than 1,000 characters"),
    ],
)
def test_what_is_no_condition_is_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(JobError, match=message) as caught:
        mask(text, [row()])
    assert str(caught.value).startswith("sweep.where = ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("value", "what"), [(None, "without a value"), ([1], "lists")])
def test_a_parameter_without_comparable_values_is_named(value: object, what: str) -> None:
    column = np.empty(1, dtype=object)
    column[0] = value
    with pytest.raises(JobError, match=f"mode has .*{what}"):
        Where.parse("mode == 'a'", NAMES).mask({"mode": column}, 1)
