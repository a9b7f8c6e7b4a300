"""`where` of `[sweep]` and of `[validation]`: which points to keep, as a small expression over the
names of parameters or metrics.

The text is parsed with `ast`, checked node by node against what is allowed, and interpreted here
over whole columns at once; nothing is ever compiled or evaluated by Python. What it means is what
Python means by it, with `and`, `or` and chained comparisons looking no further than they must.
"""

from __future__ import annotations

import ast
import math
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backfleet.job import where_arithmetic as arithmetic
from backfleet.job.job_errors import invalid_value, suggestion

__all__ = ["KEY", "Where"]

KEY = "sweep.where"
MAX_CONDITION_CHARS = 1_000
MAX_DEPTH = 50
MAX_INT = 2**63 - 1
LITERALS = {"true": True, "false": False}
ALLOWED = "comparisons, + - * / // %, and, or, not, in (a, b), numbers, text and parameters"

Column = NDArray[Any]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Where:
    """A condition on parameter points.

    Attributes
    ----------
    text
        In canonical form: equal conditions that differ in spaces or parentheses have the same text.
    names
        The parameters or metrics that it looks at, sorted.
    key
        The key of the job that it is the value of.
    """

    text: str
    names: tuple[str, ...]
    _tree: ast.expr
    key: str = KEY

    @classmethod
    def parse(
        cls, text: str, names: Iterable[str], key: str = KEY, noun: str = "parameter"
    ) -> Where:
        """Read a condition over `names`, each of which is a `noun`. Raises JobError."""
        try:
            return cls(*_read(text, list(names), noun), key)
        except _Refused as error:
            raise invalid_value(key, text, str(error)) from None

    def mask(self, columns: Mapping[str, Column], count: int) -> Mask:
        """For which of `count` points the condition holds: bool, shape (count,).

        `columns` holds one array of shape (count,) for each of `names`: int64, float64, bool, or
        object for text. Raises JobError for a division by zero, a number that does not fit 64 bits,
        and for comparing or calculating with values of different kinds.
        """
        try:
            result = _Rows(self.text, columns, count).evaluate(self._tree)
        except _Refused as error:
            raise invalid_value(self.key, self.text, str(error)) from None
        # A condition such as `fast - slow` has a number for each point.
        if result.dtype != np.bool_:
            reason = "is a value, not a condition; compare it with something"
            raise invalid_value(self.key, self.text, reason)
        # A copy, because a constant is a read-only view of one value.
        return np.array(result, dtype=np.bool_)


class _Refused(Exception):
    """The reason why a condition cannot be used."""


@dataclass(frozen=True)
class _Rows:
    """The points that a part of the expression is evaluated for."""

    text: str
    columns: Mapping[str, Column]
    count: int

    def only(self, mask: Mask) -> _Rows:
        """Return the rows where `mask` holds."""
        columns = {name: column[mask] for name, column in self.columns.items()}
        return _Rows(self.text, columns, int(np.count_nonzero(mask)))

    def evaluate(self, node: ast.expr) -> Column:
        """One value per row: int64, float64, bool or object for text."""
        try:
            match node:
                case ast.Constant(value=value):
                    # A view with stride 0: a constant takes no memory for each row.
                    return np.broadcast_to(np.array(value, _dtype(value)), self.count)
                case ast.Name(id=name):
                    return arithmetic.column(name, self.columns[name])
                case ast.BinOp(left=left, op=op, right=right):
                    return arithmetic.calculate(op, self.evaluate(left), self.evaluate(right))
                case ast.UnaryOp(op=ast.Not(), operand=operand):
                    return ~arithmetic.condition(self.evaluate(operand))
                case ast.UnaryOp(op=op, operand=operand):
                    return arithmetic.signed(op, self.evaluate(operand))
                case ast.BoolOp(op=op, values=values):
                    return self._combined(values, stop_at=isinstance(op, ast.Or))
                case ast.Compare():
                    return self._compared(node)
        # Raised by the innermost part and turned into `_Refused`, which the outer parts let
        # through. So the message names the smallest part that is wrong.
        except ValueError as error:
            part = ast.unparse(node)
            place = "" if part == self.text else f" in {part!r}"
            raise _Refused(f"{error}{place}") from None
        raise AssertionError(f"{type(node).__name__} was let through by the check")

    def _combined(self, values: list[ast.expr], *, stop_at: bool) -> Mask:
        """`and` stops at the first false, `or` at the first true, row by row."""
        result = np.full(self.count, not stop_at)
        for value in values:
            undecided = result != stop_at
            # Rows that are decided are not evaluated: `a != 0 and b / a > 1` must not divide by
            # zero.
            result[undecided] = arithmetic.condition(self.only(undecided).evaluate(value))
        return result

    def _compared(self, node: ast.Compare) -> Mask:
        """`a < b < c`: row by row up to the first link that does not hold."""
        result = np.ones(self.count, dtype=np.bool_)
        left, rows = self.evaluate(node.left), self
        for op, right in zip(node.ops, node.comparators, strict=True):
            if isinstance(right, ast.Tuple):
                # The check allows a tuple only as the last comparator, so nothing follows.
                options = [rows.evaluate(option) for option in right.elts]
                holds = arithmetic.is_one_of(left, options)
                result[result] = ~holds if isinstance(op, ast.NotIn) else holds
                break
            value = rows.evaluate(right)
            holds = arithmetic.compare(op, left, value)
            # `holds` has one value for each row that is still true: only those are looked at.
            result[result] = holds
            left, rows = value[holds], rows.only(holds)
        return result


class _Literals(ast.NodeTransformer):
    """`true` and `false` as TOML writes them; `[a, b]` after `in` as `(a, b)`."""

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id in LITERALS:
            return ast.copy_location(ast.Constant(LITERALS[node.id]), node)
        return node

    def visit_List(self, node: ast.List) -> ast.expr:
        # The elements first: they may be `true` or further lists.
        self.generic_visit(node)
        return ast.copy_location(ast.Tuple(node.elts, ast.Load()), node)


def _read(text: str, known: list[str], noun: str) -> tuple[str, tuple[str, ...], ast.expr]:
    """Return the canonical text of a condition, the names in it, and its tree."""
    _refuse_length(text)
    parsed = _parse(text)
    # Everything below recurses, so the depth is bounded first.
    _refuse_depth(parsed)
    tree = _Literals().visit(parsed)
    used = tuple(sorted({name.id for name in _check(tree)}))
    for name in used:
        if name not in known:
            raise _Refused(f"no {noun} is called {name!r}{suggestion(name, known)}")
    # The canonical text is stored and read again by workers, and it can be longer than the
    # original.
    canonical = ast.unparse(tree)
    _refuse_length(canonical)
    return canonical, used, tree


def _parse(text: str) -> ast.expr:
    try:
        with warnings.catch_warnings():
            # Python warns of oddities in a text that it will never run.
            warnings.simplefilter("ignore")
            # Spaces at the start would be an indentation, which is an error.
            return ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        place = _position(text, error)
        raise _Refused(f"cannot be read at character {place}: {error.msg}") from None
    except (ValueError, MemoryError, RecursionError) as error:
        raise _Refused(f"cannot be read: {error or 'it is nested too deeply'}") from None


def _position(text: str, error: SyntaxError) -> int:
    """Return the place of an error, counted from 1 in the job's text; behind the end if a part is
    missing."""
    if not error.offset:
        return len(text) + 1
    lines = text.lstrip().splitlines(keepends=True)
    before = sum(len(line) for line in lines[: (error.lineno or 1) - 1])
    return min(len(text) - len(text.lstrip()) + before + error.offset, len(text) + 1)


def _refuse_length(text: str) -> None:
    if len(text) > MAX_CONDITION_CHARS:
        raise _Refused(f"is longer than {MAX_CONDITION_CHARS:,} characters")


def _refuse_depth(tree: ast.expr) -> None:
    # Level by level: a recursive measure would overflow the stack on just the texts that it
    # refuses.
    level: list[ast.AST] = [tree]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return
    raise _Refused(f"is nested more than {MAX_DEPTH} deep")


def _check(node: ast.AST) -> Iterator[ast.Name]:
    """Refuse all but what `_Rows` interprets; yields the names of parameters."""
    match node:
        case ast.Name():
            yield node
            return
        case ast.Constant(value=bool() | int() | float() | str() as value):
            # A literal is never negative: a minus sign is an operator of its own.
            too_large = isinstance(value, int) and value > MAX_INT
            if too_large or (isinstance(value, float) and math.isinf(value)):
                raise _Refused("has a number that does not fit into 64 bits")
            return
        case ast.Compare(ops=ops, comparators=comparators):
            _check_memberships(ops, comparators)
            parts = [node.left, *comparators[:-1], *_options(comparators[-1])]
        case ast.BoolOp(values=values):
            parts = values
        case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.UAdd(), operand=operand):
            parts = [operand]
        case ast.BinOp(op=op, left=left, right=right) if type(op) in arithmetic.OPERATIONS:
            parts = [left, right]
        case _:
            raise _not_allowed(node)
    for part in parts:
        yield from _check(part)


def _check_memberships(ops: list[ast.cmpop], comparators: list[ast.expr]) -> None:
    for op, right in zip(ops, comparators, strict=True):
        if isinstance(op, (ast.In, ast.NotIn)):
            if not isinstance(right, ast.Tuple):
                raise _Refused("`in` needs values in parentheses: (5, 10), or (5,) for one")
        elif type(op) not in arithmetic.COMPARISONS or isinstance(right, ast.Tuple):
            raise _not_allowed(right if isinstance(right, ast.Tuple) else op)


def _options(right: ast.expr) -> list[ast.expr]:
    return right.elts if isinstance(right, ast.Tuple) else [right]


def _not_allowed(node: ast.AST) -> _Refused:
    part = f"{ast.unparse(node)!r}" if isinstance(node, ast.expr) else type(node).__name__
    return _Refused(f"{part} is not allowed here; only {ALLOWED} are")


def _dtype(value: object) -> type | None:
    # numpy would give text a type of fixed width, and columns of text are of type object.
    return object if isinstance(value, str) else None
