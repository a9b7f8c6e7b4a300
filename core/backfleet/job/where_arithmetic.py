"""The operators of `[sweep] where`, each over whole columns.

Columns have shape (rows,) and are int64, float64, bool, or object for text. A ValueError says why
an operation has no answer; the caller adds where. Whole numbers are exact or refused: they never
wrap around, and never lose digits on the way to a fraction.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "COMPARISONS",
    "OPERATIONS",
    "calculate",
    "column",
    "compare",
    "condition",
    "is_one_of",
    "signed",
]

Column = NDArray[Any]
Mask = NDArray[np.bool_]

KINDS = {"b": "true or false", "i": "a number", "f": "a number", "O": "text"}
# Half the range of int64: the estimate in floats is off by far less than the other half.
MAX_WHOLE = 2.0**62
# Every whole number up to this one is a float.
MAX_EXACT_FLOAT = 2**53

COMPARISONS: Mapping[type[ast.cmpop], Callable[[Column, Column], Column]] = {
    ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
}
OPERATIONS: Mapping[type[ast.operator], Callable[[Column, Column], Column]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.true_divide,
    ast.FloorDiv: np.floor_divide,
    ast.Mod: np.remainder,
}


def column(name: str, values: Column) -> Column:
    """A parameter's column, if an expression can say anything about it."""
    if values.dtype == object and not all(isinstance(value, str) for value in values):
        has = (
            "lists"
            if any(isinstance(value, list) for value in values)
            else "points without a value"
        )
        raise ValueError(f"{name} has {has}, which cannot be compared")
    return values


def compare(op: ast.cmpop, left: Column, right: Column) -> Mask:
    """`left op right`: numbers with numbers, text with text, true or false with true or false."""
    if KINDS[left.dtype.kind] != KINDS[right.dtype.kind]:
        kinds = f"{KINDS[left.dtype.kind]} with {KINDS[right.dtype.kind]}"
        raise ValueError(f"compares {kinds}")
    if left.dtype != right.dtype:
        # An int64 beside a float64, or the other way around: numpy would round the int64 silently.
        left, right = _fractions(left), _fractions(right)
    # Compared texts give an array of type object.
    return COMPARISONS[type(op)](left, right).astype(np.bool_)


def is_one_of(left: Column, options: Sequence[Column]) -> Mask:
    """`left in (options)`."""
    result = np.zeros(len(left), dtype=np.bool_)
    for option in options:
        result |= compare(ast.Eq(), left, option)
    return result


def calculate(op: ast.operator, left: Column, right: Column) -> Column:
    """`left op right` for numbers; int64 of two int64, except that `/` gives float64."""
    for side in (left, right):
        if side.dtype.kind not in "if":
            raise ValueError(f"calculates with {KINDS[side.dtype.kind]}")
    # np.all is false if any divisor is zero, where numpy would only warn.
    if isinstance(op, (ast.Div, ast.FloorDiv, ast.Mod)) and not np.all(right):
        raise ValueError("divides by zero")
    if left.dtype != right.dtype or isinstance(op, ast.Div):
        left, right = _fractions(left), _fractions(right)
    operation = OPERATIONS[type(op)]
    with np.errstate(all="ignore"):
        if left.dtype.kind == "i":
            # int64 wraps around without a sign, so the size is estimated in floats before.
            about = operation(left.astype(np.float64), right.astype(np.float64))
            if not np.all(np.abs(about) < MAX_WHOLE):
                raise ValueError("has a value that does not fit into 64 bits")
        result = operation(left, right)
    if not np.all(np.isfinite(result)):
        raise ValueError("has a value that is too large")
    return result


def signed(op: ast.unaryop, value: Column) -> Column:
    """`-value` or `+value`."""
    # Subtracted from zero, so that text and bools are refused and -0.0 does not appear.
    zero = np.zeros(len(value), value.dtype if value.dtype.kind == "f" else np.int64)
    return calculate(ast.Sub() if isinstance(op, ast.USub) else ast.Add(), zero, value)


def condition(value: Column) -> Mask:
    """`value`, if it is true or false."""
    if value.dtype != np.bool_:
        raise ValueError(f"uses {KINDS[value.dtype.kind]} as a condition")
    return value


def _fractions(value: Column) -> NDArray[np.float64]:
    if value.dtype.kind == "i" and np.any((value > MAX_EXACT_FLOAT) | (value < -MAX_EXACT_FLOAT)):
        raise ValueError("mixes fractions with a whole number that a fraction cannot hold")
    return value.astype(np.float64)
