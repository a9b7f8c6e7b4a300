"""The problems of a run's rows, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from backfleet.chunks.column_names import FALLBACK
from backfleet.console import count_of
from backfleet.errors import cut_text

__all__ = ["COLUMNS", "describe_problems"]

NO_ROOM = (
    "note: insufficient cash rejects purchases: they are sized at a close and paid at the next "
    "open, and one for all the cash cannot pay a higher open, or with sizing = 'all-in' the fee. "
    "To leave room, derive a strategy of your own with sizing = 'percent-of-cash' and amount = "
    "0.95, as docs/fills.md shows."
)
MAX_KINDS = 3
ROWS_AT_A_TIME = 10_000
MAX_MESSAGE_CHARS = 160
ORDERS = ("completed", "rejected", "canceled", "expired", "open")
TALLIED = ("status", "turnover", "orders_margin", *(f"orders_{status}" for status in ORDERS))
# The columns of `_failures`.
FAILED = ("task", "error")
COLUMNS = (*TALLIED, *FAILED, FALLBACK)
"""The columns that `describe_problems` reads."""


@dataclass
class _Tally:
    """Tasks of one kind, and what became of their orders."""

    tasks: int = 0
    orders: int = 0
    rejected: int = 0
    margin: int = 0

    def add(self, orders: int, rejected: int, margin: int) -> None:
        self.tasks += 1
        self.orders += orders
        self.rejected += rejected
        self.margin += margin

    @property
    def rejections(self) -> str:
        """Return the number of rejected orders and the reasons, in words."""
        if not self.rejected:
            return f"none of {count_of(self.orders, 'order')}"
        return f"{self.rejected:,} of {count_of(self.orders, 'order')}, {self._why}"

    @property
    def _why(self) -> str:
        if self.margin == self.rejected:
            return "due to insufficient cash"
        if not self.margin:
            return "for the reasons in the orders' column 'reason'"
        return (
            f"{self.margin:,} of them due to insufficient cash, the others for the reasons in the "
            "orders' column 'reason'"
        )


def describe_problems(rows: pa.Table) -> list[str]:
    """Return a sentence for each kind of suspicious or failed rows; none if all are fine."""
    idle, unfilled, refused, fine = _tallies(rows)
    lines = []
    if idle.tasks:
        lines.append(
            f"suspicious: {count_of(idle.tasks, 'task')} placed no orders: "
            "the metrics describe an account that holds only cash."
        )
    if unfilled.tasks:
        lines.append(
            f"suspicious: {count_of(unfilled.tasks, 'task')} had no order filled "
            f"(rejected: {unfilled.rejections}): "
            "the metrics describe an account that holds only cash."
        )
    if refused.tasks:
        lines.append(
            f"suspicious: {count_of(refused.tasks, 'task')} had more than half of the orders "
            f"rejected: {refused.rejections}."
        )
    if fine.rejected:
        lines.append(
            f"note: {count_of(fine.tasks, 'ok task')} had some orders rejected: {fine.rejections}."
        )
    tallies = (unfilled, refused, fine)
    rejected, margin = sum(it.rejected for it in tallies), sum(it.margin for it in tallies)
    # Where a market's rules reject most orders, room in the sizing would not help.
    if margin > rejected / 2:
        lines.append(NO_ROOM)
    return lines + _fallbacks(rows) + _failures(rows)


def _fallbacks(rows: pa.Table) -> list[str]:
    """Return a sentence for each reason why tasks took the slow path of their engine."""
    counts = pc.value_counts(rows[FALLBACK].drop_null()).to_pylist()
    # Ties by the text, so that the same rows always give the same lines.
    ranked = sorted(counts, key=lambda pair: (-pair["counts"], pair["values"]))
    return [
        f"note: {count_of(pair['counts'], 'task')} took the engine's slow path "
        f"({pair['values']}). The results are the same."
        for pair in ranked
    ]


def _tallies(rows: pa.Table) -> tuple[_Tally, _Tally, _Tally, _Tally]:
    """Count suspicious tasks without orders, without fills and with many rejections, in this order,
    and ok tasks with some rejections."""
    idle, unfilled, refused, fine = _Tally(), _Tally(), _Tally(), _Tally()
    for status, turnover, margin, completed, rejected, *others in _lines_of(rows, TALLIED):
        # Errors are described by `_failures`.
        if status == "error" or (status == "ok" and not rejected):
            continue
        orders = completed + rejected + sum(others)
        if status == "ok":
            tally = fine
        elif not orders:
            tally = idle
        else:
            # A fill of a part leaves no completed order, but a turnover.
            tally = refused if completed or turnover else unfilled
        tally.add(orders, rejected, margin)
    return idle, unfilled, refused, fine


def _lines_of(rows: pa.Table, names: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """Yield the values of these columns, row by row; few of them are Python objects at a time."""
    for batch in rows.select(list(names)).to_batches(max_chunksize=ROWS_AT_A_TIME):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _failures(rows: pa.Table) -> list[str]:
    """Return a sentence for each type of error, the most frequent one first."""
    failures: dict[str, list[tuple[int, str]]] = {}
    for task, error in _lines_of(rows, FAILED):
        if error is not None:
            # Stored as `ValueError: message`.
            kind, _, message = error.partition(": ")
            failures.setdefault(kind, []).append((task, message))
    # Sorting is stable: of equally common kinds, the one of the first task comes first.
    kinds = sorted(failures, key=lambda kind: -len(failures[kind]))
    lines = [_failure(kind, failures[kind]) for kind in kinds[:MAX_KINDS]]
    if len(kinds) > MAX_KINDS:
        rest = sum(len(failures[kind]) for kind in kinds[MAX_KINDS:])
        lines.append(f"failed: {count_of(rest, 'task')} with other errors.")
    return lines


def _failure(kind: str, cases: Sequence[tuple[int, str]]) -> str:
    messages = Counter(message for _, message in cases)
    task, message = cases[0]
    if len(cases) == 1:
        return f"failed: task {task} with {kind}: {_line(message)}".rstrip(": ")
    more = "" if len(messages) == 1 else f", and {count_of(len(messages) - 1, 'other message')}"
    first = f"first task {task}: {_line(message)}".rstrip(": ")
    return f"failed: {len(cases):,} tasks with {kind}, {first}{more}"


def _line(message: str) -> str:
    """Return the first line of a message, cut to a readable length."""
    return cut_text(message.split("\n", 1)[0], MAX_MESSAGE_CHARS)
