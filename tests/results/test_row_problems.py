"""What is wrong with rows, in words."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from backfleet.results.row_problems import NO_ROOM, describe_problems


def row(
    status: str = "ok", error: str | None = None, fallback: str | None = None, **orders: Any
) -> dict[str, Any]:
    names = ("completed", "rejected", "margin", "canceled", "expired", "open")
    counts = {f"orders_{name}": orders.get(name, 0) for name in names}
    if status == "error":
        counts = dict.fromkeys(counts)
    texts = {"status": status, "error": error, "fallback": fallback}
    return {**texts, "turnover": orders.get("turnover", 0.0), **counts}


def words(*rows: dict[str, Any]) -> list[str]:
    table = pa.Table.from_pylist([{"task": task, **values} for task, values in enumerate(rows)])
    for position, name in ((2, "error"), (3, "fallback")):
        table = table.set_column(position, name, table[name].cast(pa.string()))
    return describe_problems(table)


def test_reasons_for_the_slow_path_are_named_the_commonest_first() -> None:
    slow = [row(completed=1, fallback=reason) for reason in ("timers", "oldsync", "oldsync")]
    assert words(*slow, row(completed=1)) == [
        "note: 2 tasks took the engine's slow path (oldsync). The results are the same.",
        "note: 1 task took the engine's slow path (timers). The results are the same.",
    ]


def test_fine_rows_need_no_words() -> None:
    assert words(row(completed=2), row(completed=4, canceled=9)) == []


def test_no_orders_is_not_a_rejection() -> None:
    assert words(row("suspicious"), row("suspicious")) == [
        "suspicious: 2 tasks placed no orders: "
        "the metrics describe an account that holds only cash."
    ]


def test_orders_rejected_for_lack_of_cash_are_said_to_be() -> None:
    lines = words(row("suspicious", rejected=302, margin=302, open=1))
    assert lines[0] == (
        "suspicious: 1 task had no order filled "
        "(rejected: 302 of 303 orders, due to insufficient cash): "
        "the metrics describe an account that holds only cash."
    )
    assert "sized at a close and paid at the next open" in lines[1]
    assert "sizing = 'percent-of-cash' and amount = 0.95" in lines[1]


def test_orders_rejected_for_other_reasons_than_cash_are_told_apart() -> None:
    lines = words(row("suspicious", rejected=2, completed=1))
    reasons = "for the reasons in the orders' column 'reason'."
    assert lines[0].endswith(f"half of the orders rejected: 2 of 3 orders, {reasons}")
    assert len(lines) == 1
    lines = words(row("suspicious", rejected=2000, margin=1500, completed=1))
    assert lines[0].endswith(
        f"2,000 of 2,001 orders, 1,500 of them due to insufficient cash, the others {reasons}"
    )
    assert "sized at a close" in lines[1]
    # Room in the sizing would help three of them only.
    (line,) = words(row("suspicious", rejected=578, margin=3, completed=100))
    assert "3 of them due to insufficient cash" in line


def test_orders_that_just_were_not_filled_are_told_apart() -> None:
    assert words(row("suspicious", canceled=1, expired=2)) == [
        "suspicious: 1 task had no order filled (rejected: none of 3 orders): "
        "the metrics describe an account that holds only cash."
    ]


def test_an_order_filled_in_part_is_a_fill() -> None:
    lines = words(row("suspicious", rejected=3, margin=3, open=1, turnover=0.5))
    assert "had more than half of the orders rejected: 3 of 4 orders" in lines[0]


def test_rejections_in_good_rows_are_noted_without_the_rows_that_had_none() -> None:
    lines = words(row(completed=5), row(completed=5, rejected=1, margin=1))
    assert lines == [
        "note: 1 ok task had some orders rejected: 1 of 6 orders, due to insufficient cash.",
        NO_ROOM,
    ]
    assert len(words(row(completed=5, rejected=1))) == 1


def test_failures_are_gathered_by_type_the_commonest_first() -> None:
    lines = words(
        row("error", "KeyError: 'x'"),
        row("error", "ValueError: 1"),
        row("error", "ValueError: 2\nmore"),
        row("error", "ValueError: 2"),
    )
    assert lines == [
        "failed: 3 tasks with ValueError, first task 1: 1, and 2 other messages",
        "failed: task 0 with KeyError: 'x'",
    ]


def test_many_kinds_of_failures_and_long_messages_stay_readable() -> None:
    lines = words(*(row("error", f"Error{kind}: {'x' * 999}") for kind in range(9)))
    assert len(lines) == 4
    assert max(map(len, lines)) < 220
    assert lines[-1] == "failed: 6 tasks with other errors."
    assert words(row("error", "SystemExit")) == ["failed: task 0 with SystemExit"]
