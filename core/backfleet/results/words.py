"""What is wrong with a run's rows, in words."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa

__all__ = ["in_words"]

MOST = 3


def in_words(rows: pa.Table) -> list[str]:
    """A sentence for each kind of suspicious or failed row; empty where all are fine."""
    statuses = rows.column("status").to_pylist()
    completed = rows.column("orders_completed").to_pylist()
    rejected = rows.column("orders_rejected").to_pylist()
    suspicious = [at for at, status in enumerate(statuses) if status == "suspicious"]
    idle = sum(not completed[at] for at in suspicious)
    refused = sum(bool(completed[at]) for at in suspicious)
    lines = []
    if idle:
        lines.append(
            f"suspicious: in {_tasks(idle)} no order was filled; "
            "the numbers are those of idle cash."
        )
    if refused:
        lines.append(
            f"suspicious: in {_tasks(refused)} more than half of the orders were rejected "
            f"({sum(rejected[at] for at in suspicious if completed[at]):,} orders)."
        )
    if suspicious and sum(rejected[at] for at in suspicious):
        lines.append(
            "            An order of all the cash leaves nothing for the fee, and is rejected; "
            "does the strategy's sizing leave room for it?"
        )
    errors = Counter(error for error in rows.column("error").to_pylist() if error)
    lines += [f"failed: {_tasks(count)}: {error}" for error, count in errors.most_common(MOST)]
    if len(errors) > MOST:
        lines.append(f"failed: and {len(errors) - MOST} other errors")
    return lines


def _tasks(count: int) -> str:
    return "1 task" if count == 1 else f"{count:,} tasks"
