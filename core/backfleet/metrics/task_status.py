"""Whether a task's outcome can be trusted.

backtrader rejects orders without a message, so that a strategy that cannot pay its orders looks
like one that rarely trades.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backfleet.engine import Outcome, RejectReason
from backfleet.summary import Status

__all__ = ["TaskAssessment", "assess_outcome", "status_of"]

REJECTIONS = {
    RejectReason.CASH_AT_SUBMISSION: "due to insufficient cash at submission",
    RejectReason.CASH_AT_FILL: "due to insufficient cash at the fill",
    RejectReason.BROKER: "by the broker",
    RejectReason.LIMIT_UP: "at the upper price limit",
    RejectReason.LIMIT_DOWN: "at the lower price limit",
    RejectReason.SAME_SESSION: "because the shares were bought in the same session",
    RejectReason.LOT: "because they were smaller than a lot",
    RejectReason.SHORT: "because short sales are not allowed",
    RejectReason.VOLUME: "because the bar's volume did not suffice",
    RejectReason.HALTED: "because the symbol was halted",
    RejectReason.UNLISTED: "because the symbol was not listed",
    RejectReason.ORDER_SIZE: "because they were larger than the market allows",
}


@dataclass(frozen=True)
class TaskAssessment:
    """The status of a task, and the reason if it is suspicious."""

    status: Status
    reason: str = ""


def status_of(orders: int, rejected: int, fills: int) -> Status:
    """Return the status of a task from its numbers of orders, rejections and fills."""
    return "ok" if fills and 2 * rejected <= orders else "suspicious"


def assess_outcome(outcome: Outcome) -> TaskAssessment:
    """Return whether an outcome can be trusted.

    It is suspicious without any fill, and if more than half of its orders were rejected.
    """
    orders = len(outcome.orders)
    if not orders:
        return TaskAssessment("suspicious", "The strategy placed no orders.")
    # All orders with a reason are rejected, those that were filled in part among them.
    reasons = np.bincount(outcome.orders["reason"], minlength=len(RejectReason)).tolist()
    rejected = orders - reasons[RejectReason.NONE]
    if status_of(orders, rejected, len(outcome.fills)) == "ok":
        return TaskAssessment("ok")
    subject = "No order was filled; " if not len(outcome.fills) else ""
    if not rejected:
        return TaskAssessment("suspicious", f"{subject}none of {orders} was rejected.")
    parts = [f"{reasons[why]} {words}" for why, words in REJECTIONS.items() if reasons[why]]
    share = f"{rejected} of {orders} {'order was' if orders == 1 else 'orders were'} rejected"
    return TaskAssessment("suspicious", f"{subject}{share}: {', '.join(parts)}.")
